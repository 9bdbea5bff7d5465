package stripeapi

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

var (
	// ErrUnsafePath says that a path or URL leaves the API's origin or is ambiguous: another scheme or host, "//host",
	// a backslash, "." or ".." or empty segments, control characters, spaces, a fragment, anything but /v1/… and /v2/….
	ErrUnsafePath = errors.New("stripeapi: unsafe path")
	// ErrID says that an id is empty, "." or "..", or holds a control character.
	ErrID = errors.New("stripeapi: unusable id")
)

// SanitizeID escapes an id for use as one element of a path, as Stripe's SDKs do (url.QueryEscape). An id that would
// change which resource the path means – empty, "." or ".." – or that holds a control character is an ErrID.
func SanitizeID(id string) (string, error) {
	switch {
	case id == "":
		return "", fmt.Errorf("%w: empty", ErrID)
	case id == ".", id == "..":
		return "", fmt.Errorf("%w: a dot segment", ErrID)
	case strings.ContainsFunc(id, isControl):
		return "", fmt.Errorf("%w: holds a control character", ErrID)
	}
	return url.QueryEscape(id), nil
}

func isControl(r rune) bool { return r < ' ' || r >= 0x7f && r <= 0x9f }

// resolve joins a path, or a page or related-object URL that Stripe sent, to the base. Escapes survive as they are.
func (c *Client) resolve(path string, query url.Values) (*url.URL, error) {
	ref, err := parseReference(path)
	if err != nil {
		return nil, err
	}
	if ref.Host != "" && !sameOrigin(c.base, ref) {
		return nil, fmt.Errorf("%w: another origin", ErrUnsafePath)
	}
	escaped := strings.TrimPrefix(ref.EscapedPath(), c.base.Path)
	decoded, err := checkPath(escaped)
	if err != nil {
		return nil, err
	}
	u := *c.base
	u.Path, u.RawPath = c.base.Path+decoded, c.base.Path+escaped
	u.RawQuery = joinQuery(ref.RawQuery, query.Encode())
	return &u, nil
}

// parseReference parses what may be a URL, strictly: browsers and proxies read backslashes, spaces and "//" in ways of
// their own, and a raw space or line break would end up in the request line.
func parseReference(s string) (*url.URL, error) {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || s[i] == '\\' || s[i] == '#' {
			return nil, fmt.Errorf("%w: a backslash, a fragment, a space, a control or non-ASCII character", ErrUnsafePath)
		}
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: not a URL", ErrUnsafePath)
	case u.Opaque != "", u.User != nil:
		return nil, fmt.Errorf("%w: credentials or an opaque URL", ErrUnsafePath)
	case (u.Scheme == "") != (u.Host == ""):
		return nil, fmt.Errorf("%w: a scheme without a host or a host without a scheme", ErrUnsafePath)
	}
	return u, nil
}

// checkPath looks at the path twice, escaped and decoded, because servers and proxies differ in when they decode. It
// returns the decoded path.
func checkPath(escaped string) (string, error) {
	if !strings.HasPrefix(escaped, "/v1/") && !strings.HasPrefix(escaped, "/v2/") {
		return "", fmt.Errorf("%w: it begins neither with /v1/ nor with /v2/", ErrUnsafePath)
	}
	if strings.Contains(escaped, "//") || strings.HasSuffix(escaped, "/") {
		return "", fmt.Errorf("%w: an empty segment", ErrUnsafePath)
	}
	decoded, err := url.PathUnescape(escaped)
	if err != nil || strings.ContainsFunc(decoded, isControl) {
		return "", fmt.Errorf("%w: an escaped control character", ErrUnsafePath)
	}
	isSlash := func(r rune) bool { return r == '/' || r == '\\' }
	for segment := range strings.FieldsFuncSeq(decoded, isSlash) {
		if segment == "." || segment == ".." {
			return "", fmt.Errorf("%w: a dot segment", ErrUnsafePath)
		}
	}
	return decoded, nil
}

func joinQuery(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "&" + b
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b) && b.User == nil
}

func port(u *url.URL) string {
	switch p := u.Port(); {
	case p != "":
		return p
	case u.Scheme == "https":
		return "443"
	default:
		return "80"
	}
}
