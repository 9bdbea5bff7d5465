package stripeapi

import (
	"errors"
	"fmt"
	"strings"
)

// ErrContext means that a text is not a [Context], or that a Context has no parent.
var ErrContext = errors.New("stripeapi: unusable context")

// Context is the account, or the path of accounts, that a request acts for or an event belongs to:
// "acct_1", or "org_1/acct_1" for an account of an organisation. The zero Context is the key's own
// account. It converts from and to the fields of that name, which are strings:
//
//	parent, err := stripeapi.Context(event.Context).Parent()
//	client := client.InContext(string(parent))
//
// See https://docs.stripe.com/context.
type Context string

// ParseContext checks that a text from elsewhere can be sent as a [Context]: that it is visible
// ASCII without spaces; anything else is [ErrContext]. The empty text is the zero Context. It does
// not check that the accounts exist and, like Stripe's SDKs, it accepts an empty segment.
func ParseContext(s string) (Context, error) {
	if err := checkContext(s); err != nil {
		return "", err
	}
	return Context(s), nil
}

// Child returns the context of an account below c. A segment that is empty, or contains a slash, a
// space or anything but visible ASCII, is [ErrContext].
func (c Context) Child(segment string) (Context, error) {
	switch {
	case segment == "":
		return "", fmt.Errorf("%w: the segment is empty", ErrContext)
	case strings.Contains(segment, "/"):
		return "", fmt.Errorf("%w: the segment contains a slash", ErrContext)
	}
	if err := checkContext(segment); err != nil {
		return "", err
	}
	if c == "" {
		return Context(segment), nil
	}
	return c + "/" + Context(segment), nil
}

// Parent returns the context above c, which for a single account is the zero Context. The zero
// Context has no parent: the error is [ErrContext].
func (c Context) Parent() (Context, error) {
	if c == "" {
		return "", fmt.Errorf("%w: the key's own account has no parent", ErrContext)
	}
	return c[:max(strings.LastIndexByte(string(c), '/'), 0)], nil
}

// Segments returns the accounts on the path, outermost first; for the zero Context it returns none.
func (c Context) Segments() []string {
	if c == "" {
		return nil
	}
	return strings.Split(string(c), "/")
}

// String returns the text that is sent as Stripe-Context.
func (c Context) String() string { return string(c) }

func checkContext(s string) error {
	if !printable(s) || strings.Contains(s, " ") {
		return fmt.Errorf("%w: it contains a space, a control or a non-ASCII character", ErrContext)
	}
	return nil
}
