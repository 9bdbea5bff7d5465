package stripeapi

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

var (
	// ErrUnsafePath means that a path or URL leaves the API's origin or is ambiguous: it has
	// another scheme or host, "//host", a backslash, a segment that is empty, "." or "..", a
	// control character, a space or a fragment, or it begins neither with /v1/ nor with /v2/.
	ErrUnsafePath = errors.New("stripeapi: unsafe path")
	// ErrID means that an id is empty, "." or "..", or contains a control character.
	ErrID = errors.New("stripeapi: unusable id")
)

// SanitizeID escapes an id for use as one element of a path, with [url.QueryEscape] as Stripe's
// SDKs do. The error is [ErrID] for an id that would change which resource the path names (an empty
// one, "." or "..") or that contains a control character.
func SanitizeID(id string) (string, error) {
	switch {
	case id == "":
		return "", fmt.Errorf("%w: empty", ErrID)
	case id == ".", id == "..":
		return "", fmt.Errorf("%w: a dot segment", ErrID)
	case strings.ContainsFunc(id, isControl):
		return "", fmt.Errorf("%w: contains a control character", ErrID)
	}
	return url.QueryEscape(id), nil
}

func isControl(r rune) bool { return r < ' ' || r >= 0x7f && r <= 0x9f }

// resolve joins a path, or a page or related-object URL from Stripe, to the base, and reports
// whether it is one of API v2. Escapes are kept.
func (c *Client) resolve(path string, query url.Values) (u *url.URL, v2 bool, err error) {
	ref, err := parseReference(path)
	if err != nil {
		return nil, false, err
	}
	if ref.Host != "" && !sameOrigin(c.base, ref) {
		return nil, false, fmt.Errorf("%w: another origin", ErrUnsafePath)
	}
	escaped := strings.TrimPrefix(ref.EscapedPath(), c.base.Path)
	decoded, err := checkPath(escaped)
	if err != nil {
		return nil, false, err
	}
	joined := *c.base
	joined.Path, joined.RawPath = c.base.Path+decoded, c.base.Path+escaped
	joined.RawQuery = mergeQuery(ref.RawQuery, query)
	return &joined, strings.HasPrefix(escaped, "/v2/"), nil
}

// parseReference parses what may be a URL, strictly: browsers and proxies disagree on backslashes,
// spaces and "//", and a raw space or line break would end up in the request line.
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

// checkPath checks the path both escaped and decoded, because servers and proxies differ in when
// they decode. It returns the decoded path.
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

// mergeQuery adds query to a raw query, replacing the parameters that both contain. The rest of the
// raw query is kept byte for byte, because a page URL belongs to Stripe.
func mergeQuery(raw string, query url.Values) string {
	if len(query) == 0 {
		return raw
	}
	set := make(map[string]bool, len(query))
	for name, values := range query {
		set[parameter(name)] = set[parameter(name)] || len(values) > 0
	}
	var kept []string
	for pair := range strings.SplitSeq(raw, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(name); pair != "" && (err != nil || !set[parameter(decoded)]) {
			kept = append(kept, pair)
		}
	}
	if encoded := query.Encode(); encoded != "" {
		kept = append(kept, encoded)
	}
	return strings.Join(kept, "&")
}

// parameter returns the name of a parameter without an array index: "types" for types[0] and
// types[].
func parameter(name string) string {
	open := strings.LastIndexByte(name, '[')
	if open < 0 || !strings.HasSuffix(name, "]") || strings.Trim(name[open:], "[0123456789]") != "" {
		return name
	}
	return name[:open]
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
