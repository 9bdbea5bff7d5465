package stripeapi_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

const (
	testKey = stripeapi.Key("sk_test_hush1234")
	hush    = "hush"
)

func TestKeyIsNeverShown(t *testing.T) {
	t.Parallel()
	client, err := stripeapi.New(testKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]any{
		"key": testKey, "pointer": new(testKey), "slice": []stripeapi.Key{testKey}, "map": map[string]stripeapi.Key{"k": testKey},
		"struct": struct{ Key stripeapi.Key }{testKey}, "client": client, "client in a struct": struct{ c any }{*client},
		"request":              stripeapi.Request{Key: testKey},
		"client with a header": client.With(stripeapi.RequestOptions{Header: http.Header{"X-Proxy-Token": {string(testKey)}}}),
		"client with a key":    struct{ c any }{*client.With(stripeapi.RequestOptions{Key: "rk_test_hush5678"})},
	}
	for name, value := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b", "%t", "%U", "%5.2s", "%!"} {
			mustHide(t, name+" by "+verb, fmt.Sprintf(verb, value))
		}
		mustHide(t, name+" by Sprint", fmt.Sprint(value))
		var text, doc strings.Builder
		slog.New(slog.NewTextHandler(&text, nil)).Info("m", "v", value)
		slog.New(slog.NewJSONHandler(&doc, nil)).Info("m", "v", value)
		mustHide(t, name+" by slog", text.String()+doc.String())
		encoded, err := json.Marshal(value)
		if err != nil {
			t.Errorf("Marshal(%s) = %v", name, err)
		}
		mustHide(t, name+" in JSON", string(encoded))
	}
	mustHide(t, "options", fmt.Sprintf("%v %+v %#v", stripeapi.RequestOptions{Key: testKey}, stripeapi.RequestOptions{Key: testKey}, stripeapi.RequestOptions{Key: testKey}))
	type config struct{ Key stripeapi.Key }
	encoded, err := xml.Marshal(config{testKey})
	if err != nil {
		t.Fatal(err)
	}
	mustHide(t, "key in XML", string(encoded))
	mustHide(t, "String", testKey.String()+testKey.GoString())
}

func TestUnusableKeysAndOptionsAreRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		key  stripeapi.Key
		opts stripeapi.Options
		text string
	}{
		"empty key":               {"", stripeapi.Options{}, "key is empty"},
		"key with a newline":      {testKey + "\n", stripeapi.Options{}, "trim it"},
		"key with a space":        {" " + testKey, stripeapi.Options{}, "trim it"},
		"key with a header":       {testKey + "\r\nX: y", stripeapi.Options{}, "trim it"},
		"publishable key":         {"pk_test_hush", stripeapi.Options{}, "publishable"},
		"signing secret":          {"whsec_hush", stripeapi.Options{}, "signing secret"},
		"relative base":           {testKey, stripeapi.Options{BaseURL: "api.stripe.com"}, "absolute URL"},
		"unparsable base":         {testKey, stripeapi.Options{BaseURL: "https://a b"}, "absolute URL"},
		"base without a host":     {testKey, stripeapi.Options{BaseURL: "https:///v1"}, "absolute URL"},
		"opaque base":             {testKey, stripeapi.Options{BaseURL: "https:api.stripe.com"}, "absolute URL"},
		"plain http":              {testKey, stripeapi.Options{BaseURL: "http://api.stripe.com"}, "not https"},
		"http to a look-alike":    {testKey, stripeapi.Options{BaseURL: "http://localhost.example.com"}, "not https"},
		"http to the private net": {testKey, stripeapi.Options{BaseURL: "http://10.0.0.1"}, "not https"},
		"another scheme":          {testKey, stripeapi.Options{BaseURL: "ftp://api.stripe.com"}, "not https"},
		"credentials":             {testKey, stripeapi.Options{BaseURL: "https://user:hush@api.stripe.com"}, "credentials"},
		"query":                   {testKey, stripeapi.Options{BaseURL: "https://api.stripe.com?a=b"}, "query"},
		"fragment":                {testKey, stripeapi.Options{BaseURL: "https://api.stripe.com#a"}, "fragment"},
		"version in the base":     {testKey, stripeapi.Options{BaseURL: "https://api.stripe.com/v1/"}, "/v1 or /v2"},
		"escapes in the base":     {testKey, stripeapi.Options{BaseURL: "https://api.stripe.com/a%2Fb"}, "escaped"},
		"version with a newline":  {testKey, stripeapi.Options{APIVersion: "2026\n"}, "APIVersion"},
		"agent with a newline":    {testKey, stripeapi.Options{UserAgent: "a\r\nb"}, "UserAgent"},
		"negative budget":         {testKey, stripeapi.Options{Budget: -1}, "Budget"},
		"negative max body":       {testKey, stripeapi.Options{MaxBody: -1}, "MaxBody"},
	} {
		c, err := stripeapi.New(tc.key, &tc.opts)
		if c != nil || !errors.Is(err, stripeapi.ErrOptions) || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: New = %v, %v; want nil, %v with %q", name, c, err, stripeapi.ErrOptions, tc.text)
			continue
		}
		mustHide(t, name, err.Error())
	}
	_, err := stripeapi.New("", &stripeapi.Options{BaseURL: "x", APIVersion: "\n", UserAgent: "\n", Budget: -1})
	for _, fault := range []string{"key is empty", "BaseURL", "APIVersion", "UserAgent", "Budget"} {
		if !strings.Contains(err.Error(), fault) {
			t.Errorf("New = %v, want every fault, %s too", err, fault)
		}
	}
}

func TestPlainHTTPIsForLoopbackOnly(t *testing.T) {
	t.Parallel()
	for _, base := range []string{
		"http://localhost:8787", "http://127.0.0.1:1", "http://127.9.9.9", "http://[::1]:80/stripe/", "https://api.stripe.com/", "https://proxy.example.com/stripe",
	} {
		if _, err := stripeapi.New(testKey, &stripeapi.Options{BaseURL: base}); err != nil {
			t.Errorf("New with base %s = %v", base, err)
		}
	}
}

// A server, or a proxy in front of it, that echoes the request must not get the key into an error
// or a log.
func TestEchoedKeyIsRedacted(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		echo := r.Header.Get("Authorization")
		w.Header().Set("Stripe-Notice", "seen "+echo)
		w.Header().Set("X-Echo", echo)
		w.Header().Set("Request-Id", echo)
		w.WriteHeader(http.StatusTeapot)
		escaped := strings.ReplaceAll(echo, "hush", `h\u0075sh`)
		fmt.Fprintf(w, `{"error":{"message":%q,"code":%q,"param":"%s"}}`, echo, echo, escaped)
	}))
	defer server.Close()
	var log strings.Builder
	client, err := stripeapi.New(testKey, &stripeapi.Options{BaseURL: server.URL, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []stripeapi.Key{"", "rk_test_hush5678"} {
		_, err = client.Do(t.Context(), stripeapi.Request{Method: http.MethodGet, Path: "/v1/balance", Key: key})
		var fault *stripeapi.Error
		if !errors.As(err, &fault) || !strings.Contains(log.String(), "seen") || fault.Header.Get("X-Echo") == "" {
			t.Fatalf("Do = %v, log %q; want an Error, the notice and the header", err, log.String())
		}
		mustHide(t, "error", fmt.Sprintf("%v %+v %s %v", err, *fault, fault.Body, fault.Header))
		mustHide(t, "log", log.String())
	}
}

// net/http quotes a response that is not HTTP or has an invalid redirect.
func TestKeyInConnectionFaultsIsRedacted(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"no HTTP":             "%s\r\n\r\n",
		"odd status":          "HTTP/1.1 %s\r\n\r\n",
		"odd header":          "HTTP/1.1 200 OK\r\n%s\r\n\r\n",
		"redirect":            "HTTP/1.1 302 Found\r\nLocation: /v1/x?%s\r\nContent-Length: 0\r\n\r\n",
		"unparsable redirect": "HTTP/1.1 302 Found\r\nLocation: http://[%s\r\nContent-Length: 0\r\n\r\n",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			if r.URL.RawQuery == "" {
				_, _ = fmt.Fprintf(conn, answer, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
			}
			_ = conn.Close()
		}))
		t.Cleanup(server.Close)
		client := newClient(t, stripeapi.Options{BaseURL: server.URL, MaxRetries: -1})
		_, err := client.Do(t.Context(), stripeapi.Request{Method: http.MethodGet, Path: "/v1/x"})
		var fault *stripeapi.Error
		if !errors.As(err, &fault) || !errors.Is(err, stripeapi.ErrUnavailable) {
			t.Errorf("%s: Do = %v, want %v", name, err, stripeapi.ErrUnavailable)
			continue
		}
		mustHide(t, name, fmt.Sprintf("%v %+v %#v", err, *fault, fault))
		var cause *url.Error
		if !errors.As(err, &cause) {
			t.Errorf("%s: %v hides the error of net/http", name, err)
		}
	}
}

func mustHide(t *testing.T, what, shown string) {
	t.Helper()
	for _, form := range []string{hush, fmt.Sprintf("%x", hush), fmt.Sprintf("%X", hush), strings.Trim(fmt.Sprint([]byte(hush)), "[]")} {
		if strings.Contains(shown, form) {
			t.Errorf("%s shows the key: %s", what, shown)
		}
	}
}
