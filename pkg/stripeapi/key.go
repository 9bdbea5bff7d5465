package stripeapi

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// redacted is printed in place of every Key.
const redacted = "[redacted Stripe key]"

// Key is a secret ("sk_…"), restricted ("rk_…") or organisation key. It is replaced by a fixed text
// wherever it is formatted, logged or encoded; only a conversion to string reveals it. Four uses
// bypass its methods: fmt calls none on an unexported struct field, none for %p, and none below a
// nested pointer for a verb that does not fit a pointer, such as %s; [encoding/json] calls none on
// a map key.
//
// See https://docs.stripe.com/keys.
type Key string

// String returns a fixed text.
func (Key) String() string { return redacted }

// GoString returns a fixed text.
func (Key) GoString() string { return redacted }

// Format writes a fixed text whatever the verb.
func (Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// MarshalText returns a fixed text, for [encoding/json], [encoding/xml] and others.
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns a fixed text.
func (Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// check returns what is wrong with a key; the text contains no part of the key.
func (k Key) check() error {
	switch s := string(k); {
	case s == "":
		return errors.New("key is empty")
	case !printable(s) || strings.Contains(s, " "):
		return errors.New("key contains a space, a line break or another character that no key has; trim it where it is read")
	case strings.HasPrefix(s, "pk_"):
		return errors.New("key is publishable; the API needs a secret (sk_…) or restricted (rk_…) one")
	case strings.HasPrefix(s, "whsec_"):
		return errors.New("key is a signing secret; the API needs a secret (sk_…) or restricted (rk_…) key")
	}
	return nil
}

// printable reports whether s is safe as a header value: visible ASCII and spaces, so that it
// cannot smuggle in a line.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
