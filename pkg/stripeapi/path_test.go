package stripeapi_test

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

func TestIDsAreEscapedOrRefused(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"evt_test_1":      "evt_test_1",
		"a b":             "a+b",
		"a/b":             "a%2Fb",
		"../../v1/keys":   "..%2F..%2Fv1%2Fkeys",
		"...":             "...",
		"a?b=c#d&e":       "a%3Fb%3Dc%23d%26e",
		"AZaz09_.-~":      "AZaz09_.-~",
		"%2e%2e":          "%252e%252e",
		"é\U0001F600":     "%C3%A9%F0%9F%98%80",
		"\xff":            "%FF",
		`\..\`:            "%5C..%5C",
		"https://evil.io": "https%3A%2F%2Fevil.io",
	} {
		if got, err := stripeapi.SanitizeID(id); got != want || err != nil {
			t.Errorf("SanitizeID(%q) = %q, %v; want %q", id, got, err, want)
		}
	}
	for _, id := range []string{"", ".", "..", "evt\n", "evt\x00", "\r\nX: y", "\x7f", "\u0085"} {
		if got, err := stripeapi.SanitizeID(id); got != "" || !errors.Is(err, stripeapi.ErrID) {
			t.Errorf("SanitizeID(%q) = %q, %v; want an empty string, %v", id, got, err, stripeapi.ErrID)
		}
	}
}

// refuseAll is a transport that no request may reach.
type refuseAll struct{ t *testing.T }

func (r refuseAll) RoundTrip(req *http.Request) (*http.Response, error) {
	r.t.Errorf("a request was sent to %s", req.URL)
	return nil, errors.New("refused")
}

func TestUnsafePathsAreRefused(t *testing.T) {
	t.Parallel()
	client := newClient(t, stripeapi.Options{HTTPClient: &http.Client{Transport: refuseAll{t}}})
	for name, path := range map[string]string{
		"empty":                     "",
		"relative":                  "v1/events",
		"root":                      "/",
		"no version":                "/events",
		"another version":           "/v3/events",
		"version alone":             "/v1",
		"version look-alike":        "/v1x/events",
		"another host":              "https://evil.example/v1/events",
		"network path":              "//evil.example/v1/events",
		"network path to Stripe":    "//api.stripe.com/v1/events",
		"three slashes":             "///evil.example/v1/events",
		"backslashes":               `\\evil.example\v1\events`,
		"slash and backslash":       `/\evil.example/v1/events`,
		"backslash in the path":     `/v1/..\..\x`,
		"escaped backslash":         "/v1/a%5C..%5Cb",
		"plain http":                "http://api.stripe.com/v1/events",
		"another port":              "https://api.stripe.com:8443/v1/events",
		"sub-domain":                "https://x.api.stripe.com/v1/events",
		"look-alike domain":         "https://api.stripe.com.evil.example/v1/events",
		"user info":                 "https://api.stripe.com@evil.example/v1/events",
		"user info to Stripe":       "https://user@api.stripe.com/v1/events",
		"another scheme":            "javascript:/v1/alert",
		"file":                      "file:///v1/passwd",
		"scheme without a host":     "https:/v1/events",
		"opaque":                    "https:api.stripe.com/v1/events",
		"dots":                      "/v1/../admin",
		"dots at the end":           "/v1/events/..",
		"one dot":                   "/v1/./events",
		"escaped dots":              "/v1/%2e%2E/admin",
		"half-escaped dots":         "/v1/.%2e/admin",
		"escaped slash and dots":    "/v1/a%2F..%2Fadmin",
		"dots before the version":   "/x/../v1/events",
		"empty segment":             "/v1//events",
		"empty id":                  "/v1/events/",
		"newline":                   "/v1/events\nX: y",
		"carriage return":           "/v1/events\r\n\r\nGET /v1/keys",
		"tab":                       "/v1/ev\tents",
		"null":                      "/v1/ev\x00ents",
		"escaped newline":           "/v1/events%0d%0aX:y",
		"escaped null":              "/v1/events%00",
		"space":                     "/v1/events x",
		"space in the query":        "/v1/events?a=b HTTP/1.1",
		"fragment":                  "/v1/events#x",
		"not ASCII":                 "/v1/événements",
		"bad escape":                "/v1/%zz",
		"cut escape":                "/v1/events%2",
		"colon first":               "v1:/events",
		"host with a bad port":      "https://api.stripe.com:x/v1/events",
		"host with another bracket": "https://[::1/v1/events",
	} {
		_, err := client.Do(t.Context(), stripeapi.Request{Method: http.MethodGet, Path: path})
		if !errors.Is(err, stripeapi.ErrUnsafePath) {
			t.Errorf("%s: Do(%q) = %v, want %v", name, path, err, stripeapi.ErrUnsafePath)
		}
	}
}

func TestSafePathsSurvive(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ base, path, query, want string }{
		{"https://api.stripe.com", "/v1/events", "", "https://api.stripe.com/v1/events"},
		{"https://api.stripe.com/", "/v2/core/events/a%2Fb+c%20d", "", "https://api.stripe.com/v2/core/events/a%2Fb+c%20d"},
		{"https://api.stripe.com", "/v2/core/accounts/acct_1?include=configuration.merchant", "", "https://api.stripe.com/v2/core/accounts/acct_1?include=configuration.merchant"},
		{"https://api.stripe.com", "/v2/core/events?page=page_2&limit=20", "limit=3", "https://api.stripe.com/v2/core/events?page=page_2&limit=3"},
		{"https://api.stripe.com", "/v1/x?foo=bar&%66oo=baz&a=1;b&c", "foo=new", "https://api.stripe.com/v1/x?a=1;b&c&foo=new"},
		{"https://api.stripe.com", "/v1/x?expand[]=a&expand[0]=b&x", "expand[0]=c", "https://api.stripe.com/v1/x?x&expand%5B0%5D=c"},
		{"https://api.stripe.com", "/v1/x?created[gte]=1&created[lt]=2", "created[lt]=3", "https://api.stripe.com/v1/x?created[gte]=1&created%5Blt%5D=3"},
		{"https://api.stripe.com", "/v1/x?a[b]=1&a=2&[0]=3&%zz=4", "a=5", "https://api.stripe.com/v1/x?a[b]=1&[0]=3&%zz=4&a=5"},
		{"https://api.stripe.com", "/v1/x", "a=b", "https://api.stripe.com/v1/x?a=b"},
		{"https://api.stripe.com", "https://api.stripe.com/v2/core/events?page=2", "", "https://api.stripe.com/v2/core/events?page=2"},
		{"https://api.stripe.com", "https://API.stripe.com:443/v2/core/events", "", "https://api.stripe.com/v2/core/events"},
		{"https://API.stripe.com:443", "https://api.stripe.com/v2/x", "", "https://API.stripe.com:443/v2/x"},
		{"https://proxy.example/stripe/", "/v1/events", "", "https://proxy.example/stripe/v1/events"},
		{"https://proxy.example/stripe", "/stripe/v1/events?page=2", "", "https://proxy.example/stripe/v1/events?page=2"},
		{"https://proxy.example/stripe", "https://proxy.example/stripe/v1/events/a%2Fb", "", "https://proxy.example/stripe/v1/events/a%2Fb"},
		{"http://[::1]:80", "http://[::1]/v1/x", "", "http://[::1]:80/v1/x"},
	} {
		var got string
		client := newClient(t, stripeapi.Options{BaseURL: tc.base, HTTPClient: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			got = r.URL.String()
			return answer(http.StatusOK, `{}`), nil
		})}})
		query, err := url.ParseQuery(tc.query)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Do(t.Context(), stripeapi.Request{Method: http.MethodGet, Path: tc.path, Query: query}); err != nil || got != tc.want {
			t.Errorf("%s under %s was sent to %q (%v), want %q", tc.path, tc.base, got, err, tc.want)
		}
	}
}

// FuzzPath: whatever path a payload contains, a request goes to the configured origin, below its
// path, or is not sent.
func FuzzPath(f *testing.F) {
	requireSeeds(f)
	f.Fuzz(func(t *testing.T, path string) {
		sent := 0
		client := newClient(t, stripeapi.Options{BaseURL: "https://api.stripe.com/below", HTTPClient: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			sent++
			uri := r.URL.RequestURI()
			again, err := url.ParseRequestURI(uri)
			switch {
			case r.URL.Scheme != "https" || r.URL.Host != "api.stripe.com" || r.Host != "api.stripe.com":
				t.Errorf("%q went to %s", path, r.URL)
			case !strings.HasPrefix(uri, "/below/v1/") && !strings.HasPrefix(uri, "/below/v2/"):
				t.Errorf("%q left the base path: %s", path, uri)
			case strings.ContainsAny(uri, " \r\n\t\\#") || err != nil:
				t.Errorf("%q makes the request line %q", path, uri)
			case strings.Contains(again.Path+"/", "/../"):
				t.Errorf("%q climbs: %q", path, again.Path)
			}
			return answer(http.StatusOK, `{}`), nil
		})}})
		_, err := client.Do(t.Context(), stripeapi.Request{Method: http.MethodGet, Path: path})
		if refused := errors.Is(err, stripeapi.ErrUnsafePath); refused == (sent == 1) || !refused && err != nil {
			t.Errorf("Do(%q) = %v after %d requests", path, err, sent)
		}
	})
}

// FuzzRequest: a request with arbitrary parts, set on the request or in RequestOptions, is sent
// with exactly these parts or refused with an error that contains no key.
func FuzzRequest(f *testing.F) {
	requireSeeds(f)
	f.Fuzz(func(t *testing.T, path, query, header, value, key string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		stripeContext := value
		if http.CanonicalHeaderKey(header) == "Stripe-Account" {
			stripeContext = "" // it would exclude the header
		}
		whole := stripeapi.Request{
			Method: http.MethodPost, Path: path, Query: values, Key: stripeapi.Key(key), IdempotencyKey: value, Context: stripeContext, APIVersion: value,
			Header: http.Header{header: {value}},
		}
		bare := stripeapi.Request{Method: http.MethodPost, Path: path, Query: values, Context: stripeContext}
		options := stripeapi.RequestOptions{Key: whole.Key, IdempotencyKey: value, APIVersion: value, Header: whole.Header}
		sent := 0
		client := newClient(t, stripeapi.Options{HTTPClient: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			sent++
			got, err := url.ParseQuery(r.URL.RawQuery)
			for name, want := range values {
				if err == nil && !slices.Equal(got[name], want) {
					t.Errorf("%s with %v was sent as %s", path, values, r.URL)
				}
			}
			if want := "Bearer " + cmp.Or(key, string(testKey)); r.Header.Get("Authorization") != want || len(r.Header["Authorization"]) != 1 {
				t.Errorf("Authorization is %q, want %q", r.Header["Authorization"], want)
			}
			if r.Host != "api.stripe.com" || r.Header.Get(header) != value || strings.ContainsAny(header+value, "\r\n") {
				t.Errorf("%q: %q was sent to %s as %v", header, value, r.Host, r.Header)
			}
			return answer(http.StatusOK, `{}`), nil
		})}})
		_, err = client.Do(t.Context(), whole)
		_, optionsErr := client.With(options).Do(t.Context(), bare)
		if (err == nil) != (optionsErr == nil) {
			t.Errorf("the request's parts: %v, the same as options: %v", err, optionsErr)
		}
		for _, err := range []error{err, optionsErr} {
			refused := errors.Is(err, stripeapi.ErrUnsafePath) || errors.Is(err, stripeapi.ErrRequest)
			if err == nil && sent != 2 || err != nil && (!refused || sent != 0) {
				t.Errorf("Do(%+v) = %v after %d requests", whole, err, sent)
			}
			if err != nil && len(key) > 12 && strings.Contains(err.Error(), key) && !strings.Contains(header, key) {
				t.Errorf("Do = %v, which shows the key %q", err, key)
			}
		}
	})
}

// FuzzSanitizeID: an id becomes one path element that reads back as the id, or an ErrID.
func FuzzSanitizeID(f *testing.F) {
	requireSeeds(f)
	f.Fuzz(func(t *testing.T, id string) {
		got, err := stripeapi.SanitizeID(id)
		if err != nil {
			if got != "" || !errors.Is(err, stripeapi.ErrID) {
				t.Errorf("SanitizeID(%q) = %q, %v; want an empty string, %v", id, got, err, stripeapi.ErrID)
			}
			return
		}
		back, err := url.QueryUnescape(got)
		if err != nil || back != id || got == "" || got == "." || got == ".." || strings.ContainsAny(got, "/?#\\ ") {
			t.Errorf("SanitizeID(%q) = %q, which reads back as %q, %v", id, got, back, err)
		}
	})
}

// requireSeeds fails a fuzz target whose committed corpus is missing; without it the target would
// pass without trying anything.
func requireSeeds(f *testing.F) {
	f.Helper()
	dir := filepath.Join("testdata", "fuzz", f.Name())
	if seeds, err := os.ReadDir(dir); err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds in %s: %v", dir, err)
	}
}
