package stripeapi

import (
	"fmt"
	"net/http"
	"net/textproto"
	"strings"
)

// ownHeaders maps the headers that Request.Header cannot set to what sets them instead.
var ownHeaders = map[string]string{
	"Authorization":          "Key does",
	"Stripe-Version":         "APIVersion does",
	"Stripe-Context":         "Context does",
	"Stripe-Request-Trigger": "Trigger does",
	"Idempotency-Key":        "IdempotencyKey does",
	"Content-Type":           "Form does",
	"User-Agent":             "Options.UserAgent does",
	"Host":                   "Options.BaseURL does",
	"Accept-Encoding":        "net/http does",
	"Connection":             "net/http does",
	"Content-Length":         "net/http does",
	"Expect":                 "net/http does",
	"Te":                     "net/http does",
	"Trailer":                "net/http does",
	"Transfer-Encoding":      "net/http does",
	"Upgrade":                "net/http does",
}

// checkHeaders refuses names and values that could smuggle in another header, and the names for
// which there is a field. A value may be a secret, so no error text contains one.
func checkHeaders(h http.Header) error {
	for name, values := range h {
		if !isToken(name) {
			return fmt.Errorf("%q is not the name of a header", name)
		}
		if owner, owned := ownHeaders[textproto.CanonicalMIMEHeaderKey(name)]; owned {
			return fmt.Errorf("header %s cannot be set: %s that", name, owner)
		}
		for _, value := range values {
			if !printable(value) {
				return fmt.Errorf("header %s contains a control or non-ASCII character", name)
			}
		}
	}
	return nil
}

// isToken reports whether s is a token of RFC 9110, section 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// mergeHeaders returns the headers of both in a new map; if both contain a name, above wins.
func mergeHeaders(below, above http.Header) http.Header {
	merged := below.Clone()
	if merged == nil {
		merged = make(http.Header, len(above))
	}
	for name, values := range above {
		merged[textproto.CanonicalMIMEHeaderKey(name)] = append([]string(nil), values...)
	}
	return merged
}

// hiddenHeader holds headers that printing a Client must not show, since a value may be a secret.
// As in credential, a closure is opaque to fmt.
type hiddenHeader func() http.Header

func hide(h http.Header) hiddenHeader { return func() http.Header { return h } }

func (h hiddenHeader) show() http.Header {
	if h == nil {
		return nil
	}
	return h()
}

// accountHeader names the account of a request, as Stripe-Context does. Stripe accepts only one of
// them, and the account of a client must not be sent with the context of an event.
const accountHeader = "Stripe-Account"

func namesAccount(h http.Header) bool {
	for name := range h {
		if textproto.CanonicalMIMEHeaderKey(name) == accountHeader {
			return true
		}
	}
	return false
}

// withoutAccount returns h without the account. The names in h must be canonical.
func withoutAccount(h http.Header) http.Header {
	if !namesAccount(h) {
		return h
	}
	h = h.Clone()
	delete(h, accountHeader)
	return h
}
