package stripesig

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
)

// redacted is printed in place of a secret.
const redacted = "[redacted]"

// A Secret is the signing secret of one event destination, complete with its "whsec_" prefix. It
// prints, logs and marshals as "[redacted]"; string(s) returns its text.
//
// Four uses bypass its methods: fmt calls none on an unexported struct field, none for %p, and none
// below a nested pointer for a verb that does not fit a pointer, such as %s; [encoding/json] calls
// none on a map key. So keep a Secret in an exported field, or give the struct its own Format
// method.
type Secret string

// Sign returns the value of the [Header] that Stripe would send with payload at the time at,
// truncated to whole seconds. It exists for tests and for tools that stand in for Stripe. An empty
// secret signs, but no [Verifier] accepts it.
func (s Secret) Sign(payload []byte, at time.Time) string {
	seconds := at.Unix()
	return formatHeader(seconds, s.newState().signature(seconds, payload))
}

// Format prints a placeholder for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// String returns a placeholder.
func (s Secret) String() string { return redacted }

// LogValue logs a placeholder.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText encodes a placeholder, for JSON too. Decoding reads the text as it is.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

var (
	errEmpty = errors.New("is empty")
	errSpace = errors.New("contains white space or a control character, perhaps a trailing newline")
)

// check returns an error if s cannot be a signing secret.
func (s Secret) check() error {
	if s == "" {
		return errEmpty
	}
	if strings.ContainsFunc(string(s), func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return errSpace
	}
	return nil
}

// macState computes signatures under one secret, one at a time. It is reused because hashing the
// key is a third of the work for a small body, and because whatever is passed to a hash.Hash
// escapes to the heap.
type macState struct {
	mac hash.Hash
	buf [sha256.Size + 2*sha256.Size]byte // the sum, then its digits
}

func (s Secret) newState() *macState {
	return &macState{mac: hmac.New(sha256.New, []byte(s))}
}

func (s Secret) newPool() *sync.Pool {
	return &sync.Pool{New: func() any { return s.newState() }}
}

// signature returns the lower-case hexadecimal MAC of "<seconds>.<payload>", valid until the next
// call.
func (m *macState) signature(seconds int64, payload []byte) []byte {
	m.mac.Reset()
	m.mac.Write(append(strconv.AppendInt(m.buf[:0], seconds, 10), '.'))
	m.mac.Write(payload)
	sum := m.mac.Sum(m.buf[:0])
	return hex.AppendEncode(sum, sum)[len(sum):]
}
