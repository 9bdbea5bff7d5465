package stripeapi_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

// received is what a server saw of one request.
type received struct {
	Line   string
	Header http.Header
	Body   string
}

// record starts a server that answers {} and returns its URL and what it receives.
func record(t *testing.T) (string, *received) {
	t.Helper()
	var got received
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Header.Del("Accept-Encoding") // Go's own
		got = received{r.Method + " " + r.RequestURI, r.Header, string(body)}
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(server.Close)
	return server.URL, &got
}

var uuid4 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestWire(t *testing.T) {
	t.Parallel()
	const generated = "<uuid4>"
	common := func(more ...string) http.Header {
		h := http.Header{
			"Accept":         {"application/json"},
			"Authorization":  {"Bearer sk_test_hush1234"},
			"Stripe-Version": {stripeapi.DefaultAPIVersion},
			"User-Agent":     {stripeapi.DefaultUserAgent},
		}
		for i := 0; i < len(more); i += 2 {
			h.Set(more[i], more[i+1])
		}
		return h
	}
	for name, tc := range map[string]struct {
		request stripeapi.Request
		want    received
	}{
		"GET of v2": {
			stripeapi.Request{Method: http.MethodGet, Path: "/v2/core/events/a%2Fb", Context: "org_1/acct_1", Trigger: "event=evt_1"},
			received{"GET /v2/core/events/a%2Fb", common("Stripe-Context", "org_1/acct_1", "Stripe-Request-Trigger", "event=evt_1"), ""},
		},
		"GET with a query": {
			stripeapi.Request{Method: http.MethodGet, Path: "/v1/events", Query: url.Values{"types[0]": {"a.b"}}},
			received{"GET /v1/events?types%5B0%5D=a.b", common(), ""},
		},
		"POST of v2": {
			stripeapi.Request{Method: http.MethodPost, Path: "/v2/core/event_destinations", Body: map[string]any{"metadata": map[string]any{"k": nil}}},
			received{"POST /v2/core/event_destinations", common("Content-Type", "application/json", "Content-Length", "23", "Idempotency-Key", generated), `{"metadata":{"k":null}}`},
		},
		"POST without a body": {
			stripeapi.Request{Method: http.MethodPost, Path: "/v2/core/event_destinations/ed_1/ping"},
			received{"POST /v2/core/event_destinations/ed_1/ping", common("Content-Length", "0", "Idempotency-Key", generated), ""},
		},
		"POST of v1": {
			stripeapi.Request{Method: http.MethodPost, Path: "/v1/webhook_endpoints", Form: true, Body: url.Values{"url": {"https://x.example/?a&b"}}, IdempotencyKey: "mine"},
			received{"POST /v1/webhook_endpoints", common("Content-Type", "application/x-www-form-urlencoded", "Content-Length", "36", "Idempotency-Key", "mine"), "url=https%3A%2F%2Fx.example%2F%3Fa%26b"},
		},
		"DELETE of v2": {
			stripeapi.Request{Method: http.MethodDelete, Path: "/v2/core/event_destinations/ed_1"},
			received{"DELETE /v2/core/event_destinations/ed_1", common("Idempotency-Key", generated), ""},
		},
		"DELETE of v1": {
			stripeapi.Request{Method: http.MethodDelete, Path: "/v1/webhook_endpoints/we_1"},
			received{"DELETE /v1/webhook_endpoints/we_1", common(), ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base, got := record(t)
			client := newClient(t, stripeapi.Options{BaseURL: base})
			if _, err := client.Do(t.Context(), tc.request); err != nil {
				t.Fatalf("Do(%+v) = %v", tc.request, err)
			}
			if uuid4.MatchString(got.Header.Get("Idempotency-Key")) {
				got.Header.Set("Idempotency-Key", generated)
			}
			if tc.want.Body != "" {
				tc.want.Header.Set("Content-Length", got.Header.Get("Content-Length"))
			}
			if diff := cmp.Diff(tc.want, *got); diff != "" {
				t.Errorf("Do(%+v) sent (-want +got):\n%s", tc.request, diff)
			}
		})
	}
}

func TestOptionsOnTheWire(t *testing.T) {
	t.Parallel()
	base, got := record(t)
	client := newClient(t, stripeapi.Options{BaseURL: base, APIVersion: "2025-01-27.acacia", UserAgent: "mine/2"})
	bound := client.InContext("acct_bound")
	for _, tc := range []struct {
		client  *stripeapi.Client
		context string
		want    string
	}{{client, "", ""}, {client, "acct_own", "acct_own"}, {bound, "", "acct_bound"}, {bound, "acct_own", "acct_own"}, {bound.InContext(""), "", ""}} {
		if _, err := tc.client.Do(t.Context(), stripeapi.Request{Method: http.MethodGet, Path: "/v1/balance", Context: tc.context}); err != nil {
			t.Fatal(err)
		}
		if h := got.Header; h.Get("Stripe-Context") != tc.want || h.Get("Stripe-Version") != "2025-01-27.acacia" || h.Get("User-Agent") != "mine/2" {
			t.Errorf("headers %v, want context %q and our version and agent", h, tc.want)
		}
	}
}

func TestUnusableRequests(t *testing.T) {
	t.Parallel()
	client := newClient(t, stripeapi.Options{HTTPClient: &http.Client{Transport: refuseAll{t}}})
	const path = "/v2/core/events"
	for name, r := range map[string]stripeapi.Request{
		"no method":              {Path: path},
		"unused method":          {Method: http.MethodPatch, Path: path},
		"smuggled method":        {Method: "GET / HTTP/1.1\r\nX: y", Path: path},
		"GET with a body":        {Method: http.MethodGet, Path: path, Body: struct{}{}},
		"GET with a key":         {Method: http.MethodGet, Path: path, IdempotencyKey: "k"},
		"context with a newline": {Method: http.MethodGet, Path: path, Context: "acct_1\r\nX: y"},
		"context with a null":    {Method: http.MethodGet, Path: path, Context: "acct_1\x00"},
		"context not ASCII":      {Method: http.MethodGet, Path: path, Context: "acct_é"},
		"trigger with a newline": {Method: http.MethodGet, Path: path, Trigger: "event=\n"},
		"key with a newline":     {Method: http.MethodPost, Path: path, IdempotencyKey: "a\nb"},
		"long key":               {Method: http.MethodPost, Path: path, IdempotencyKey: strings.Repeat("k", 256)},
		"form that is no values": {Method: http.MethodPost, Path: "/v1/x", Body: map[string]string{}, Form: true},
		"values without form":    {Method: http.MethodPost, Path: "/v1/x", Body: url.Values{}},
		"body that has no JSON":  {Method: http.MethodPost, Path: path, Body: func() {}},
	} {
		if body, err := client.Do(t.Context(), r); body != nil || !errors.Is(err, stripeapi.ErrRequest) {
			t.Errorf("%s: Do = %s, %v; want nil, %v", name, body, err, stripeapi.ErrRequest)
		}
	}
}

func TestParams(t *testing.T) {
	t.Parallel()
	at := time.Date(2025, 10, 4, 17, 13, 32, 232083866, time.FixedZone("", 2*60*60))
	params := stripeapi.Params{
		"types":    []string{"a.b", "c[d].e"},
		"created":  stripeapi.Params{"gte": at, "lt": time.Time{}},
		"limit":    3,
		"big":      int64(1) << 40,
		"success":  false,
		"empty":    "",
		"absent":   nil,
		"object":   stripeapi.Optional("mtr_1"),
		"unset":    stripeapi.Optional(""),
		"none":     []string{},
		"metadata": map[string]string{"k": "v"},
		"deep":     stripeapi.Params{"deeper": stripeapi.Params{"list": []string{"x"}}},
	}
	v2, err := params.V2()
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{
		"types[0]": {"a.b"}, "types[1]": {"c[d].e"}, "created[gte]": {"2025-10-04T15:13:32.232083866Z"}, "limit": {"3"}, "big": {"1099511627776"},
		"success": {"false"}, "empty": {""}, "object": {"mtr_1"}, "metadata[k]": {"v"}, "deep[deeper][list][0]": {"x"},
	}
	if diff := cmp.Diff(want, v2); diff != "" {
		t.Errorf("V2 (-want +got):\n%s", diff)
	}
	v1, err := params.V1()
	if err != nil {
		t.Fatal(err)
	}
	want["created[gte]"] = []string{"1759590812"}
	if diff := cmp.Diff(want, v1); diff != "" {
		t.Errorf("V1 (-want +got):\n%s", diff)
	}
	for _, bad := range []stripeapi.Params{{"x": 1.5}, {"x": stripeapi.Params{"y": []int{1}}}} {
		if got, err := bad.V2(); got != nil || !errors.Is(err, stripeapi.ErrRequest) {
			t.Errorf("V2 of %v = %v, %v; want nil, %v", bad, got, err, stripeapi.ErrRequest)
		}
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	elsewhere, stolen := record(t)
	hops := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/here":
			http.Redirect(w, r, "/v1/there", http.StatusFound)
		case "/v1/there":
			if r.Header.Get("Authorization") == "" {
				t.Error("the key was lost within the origin")
			}
			_, _ = io.WriteString(w, `{"there":true}`)
		case "/v1/away":
			http.Redirect(w, r, elsewhere+"/v1/there", http.StatusTemporaryRedirect)
		case "/v1/post":
			http.Redirect(w, r, "/v1/there", http.StatusPermanentRedirect)
		case "/v1/loop":
			hops++
			http.Redirect(w, r, "/v1/loop", http.StatusFound)
		}
	}))
	defer server.Close()
	client := newClient(t, stripeapi.Options{BaseURL: server.URL})
	body, err := client.Do(t.Context(), stripeapi.Request{Method: http.MethodGet, Path: "/v1/here"})
	if err != nil || string(body) != `{"there":true}` {
		t.Errorf("GET within the origin = %s, %v; want it followed", body, err)
	}
	for _, r := range []stripeapi.Request{
		{Method: http.MethodGet, Path: "/v1/away"}, {Method: http.MethodPost, Path: "/v1/away"}, {Method: http.MethodPost, Path: "/v1/post"},
		{Method: http.MethodDelete, Path: "/v1/post"}, {Method: http.MethodGet, Path: "/v1/loop"},
	} {
		_, err := client.Do(t.Context(), r)
		var fault *stripeapi.Error
		if !errors.Is(err, stripeapi.ErrResponse) || !errors.As(err, &fault) || fault.Status < 300 || fault.Status > 399 {
			t.Errorf("%s %s = %v; want %v with the redirect's status", r.Method, r.Path, err, stripeapi.ErrResponse)
		}
	}
	if stolen.Line != "" {
		t.Errorf("the redirect was followed off the origin: %+v", stolen)
	}
	if hops != 4 {
		t.Errorf("a redirect loop was followed %d times, want 4", hops)
	}
}

func TestCallersHTTPClientIsNotChanged(t *testing.T) {
	t.Parallel()
	own := &http.Client{}
	newClient(t, stripeapi.Options{HTTPClient: own})
	if own.CheckRedirect != nil {
		t.Error("New changed the caller's http.Client")
	}
}

func TestNoticeIsLogged(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	client := newClient(t, stripeapi.Options{Logger: logger, HTTPClient: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		return answer(http.StatusOK, "{}", "Stripe-Notice", "this version ends soon"), nil
	})}})
	if _, err := client.Do(t.Context(), stripeapi.Request{Method: http.MethodGet, Path: "/v1/balance"}); err != nil {
		t.Fatal(err)
	}
	if want := `level=WARN msg="stripe notice" notice="this version ends soon" request_id=req_1` + "\n"; log.String() != want {
		t.Errorf("log = %q, want %q", log.String(), want)
	}
}
