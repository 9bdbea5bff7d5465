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

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

// received is a request as the server received it.
type received struct {
	Line   string
	Header http.Header
	Body   string
}

// record starts a server that answers {}, and returns its URL and the request it received last.
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

const generated = "<uuid4>"

// headers returns the headers of every request plus the given name, value pairs.
func headers(more ...string) http.Header {
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

var wireCases = map[string]struct {
	request stripeapi.Request
	want    received
}{
	"GET of v2": {
		stripeapi.Request{Method: http.MethodGet, Path: "/v2/core/events/a%2Fb", Context: "org_1/acct_1", Trigger: "event=evt_1"},
		received{"GET /v2/core/events/a%2Fb", headers("Stripe-Context", "org_1/acct_1", "Stripe-Request-Trigger", "event=evt_1"), ""},
	},
	"GET with a query": {
		stripeapi.Request{Method: http.MethodGet, Path: "/v1/events", Query: url.Values{"types[0]": {"a.b"}}},
		received{"GET /v1/events?types%5B0%5D=a.b", headers(), ""},
	},
	"POST of v2": {
		stripeapi.Request{Method: http.MethodPost, Path: "/v2/core/event_destinations", Body: map[string]any{"metadata": map[string]any{"k": nil}}},
		received{"POST /v2/core/event_destinations", headers("Content-Type", "application/json", "Content-Length", "23", "Idempotency-Key", generated), `{"metadata":{"k":null}}`},
	},
	"POST without a body": {
		stripeapi.Request{Method: http.MethodPost, Path: "/v2/core/event_destinations/ed_1/ping"},
		received{"POST /v2/core/event_destinations/ed_1/ping", headers("Content-Length", "0", "Idempotency-Key", generated), ""},
	},
	"POST of v1": {
		stripeapi.Request{Method: http.MethodPost, Path: "/v1/webhook_endpoints", Form: true, Body: url.Values{"url": {"https://x.example/?a&b"}}, IdempotencyKey: "mine"},
		received{"POST /v1/webhook_endpoints", headers("Content-Type", "application/x-www-form-urlencoded", "Content-Length", "36", "Idempotency-Key", "mine"), "url=https%3A%2F%2Fx.example%2F%3Fa%26b"},
	},
	"DELETE of v2": {
		stripeapi.Request{Method: http.MethodDelete, Path: "/v2/core/event_destinations/ed_1"},
		received{"DELETE /v2/core/event_destinations/ed_1", headers("Idempotency-Key", generated), ""},
	},
	"DELETE of v1 below a path that looks like v2": {
		stripeapi.Request{Method: http.MethodDelete, Path: "/v1/x/v2/core"},
		received{"DELETE /v1/x/v2/core", headers(), ""},
	},
	"DELETE of v2 with a key of its own": {
		stripeapi.Request{Method: http.MethodDelete, Path: "/v2/core/event_destinations/ed_1", IdempotencyKey: "mine"},
		received{"DELETE /v2/core/event_destinations/ed_1", headers("Idempotency-Key", "mine"), ""},
	},
	"DELETE of v1 with a key of its own": {
		stripeapi.Request{Method: http.MethodDelete, Path: "/v1/webhook_endpoints/we_1", IdempotencyKey: "mine"},
		received{"DELETE /v1/webhook_endpoints/we_1", headers("Idempotency-Key", "mine"), ""},
	},
	"a parameter in path and query": {
		stripeapi.Request{Method: http.MethodGet, Path: "/v1/x?foo=bar", Query: url.Values{"foo": {"bar"}}},
		received{"GET /v1/x?foo=bar", headers(), ""},
	},
	"another key, version and header": {
		stripeapi.Request{
			Method: http.MethodGet, Path: "/v1/x", Key: "rk_test_other", APIVersion: "2025-01-27.acacia",
			Header: http.Header{"stripe-account": {"acct_1"}, "X-Two": {"a", "b"}},
		},
		received{"GET /v1/x", func() http.Header {
			h := headers("Authorization", "Bearer rk_test_other", "Stripe-Version", "2025-01-27.acacia", "Stripe-Account", "acct_1")
			h["X-Two"] = []string{"a", "b"}
			return h
		}(), ""},
	},
	"DELETE of v1": {
		stripeapi.Request{Method: http.MethodDelete, Path: "/v1/webhook_endpoints/we_1"},
		received{"DELETE /v1/webhook_endpoints/we_1", headers(), ""},
	},
}

func TestRequestsAreSentAsDocumented(t *testing.T) {
	t.Parallel()
	for name, tc := range wireCases {
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

func TestClientOptionsAreSent(t *testing.T) {
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

func TestUnusableRequestsAreNotSent(t *testing.T) {
	t.Parallel()
	client := newClient(t, stripeapi.Options{HTTPClient: &http.Client{Transport: refuseAll{t}}})
	const path = "/v2/core/events"
	for name, r := range map[string]stripeapi.Request{
		"no method":                   {Path: path},
		"unused method":               {Method: http.MethodPatch, Path: path},
		"smuggled method":             {Method: "GET / HTTP/1.1\r\nX: y", Path: path},
		"GET with a body":             {Method: http.MethodGet, Path: path, Body: struct{}{}},
		"GET with a key":              {Method: http.MethodGet, Path: path, IdempotencyKey: "k"},
		"context with a newline":      {Method: http.MethodGet, Path: path, Context: "acct_1\r\nX: y"},
		"context with a null":         {Method: http.MethodGet, Path: path, Context: "acct_1\x00"},
		"context not ASCII":           {Method: http.MethodGet, Path: path, Context: "acct_é"},
		"trigger with a newline":      {Method: http.MethodGet, Path: path, Trigger: "event=\n"},
		"key with a newline":          {Method: http.MethodPost, Path: path, IdempotencyKey: "a\nb"},
		"long key":                    {Method: http.MethodPost, Path: path, IdempotencyKey: strings.Repeat("k", 256)},
		"GET with a context and none": {Method: http.MethodGet, Path: path, Context: "acct_1", NoContext: true},
		"context and account":         {Method: http.MethodGet, Path: path, Context: "acct_1", Header: http.Header{"stripe-account": {"acct_2"}}},
		"publishable key":             {Method: http.MethodGet, Path: path, Key: "pk_test_hush"},
		"key with a space":            {Method: http.MethodGet, Path: path, Key: "sk_test_hush "},
		"version with a newline":      {Method: http.MethodGet, Path: path, APIVersion: "2025-01-27\r\nX: y"},
		"header without a name":       {Method: http.MethodGet, Path: path, Header: http.Header{"": {"x"}}},
		"header name with a colon":    {Method: http.MethodGet, Path: path, Header: http.Header{"X:": {"x"}}},
		"header value with a newline": {Method: http.MethodGet, Path: path, Header: http.Header{"X": {"a", "hush\nY: z"}}},
		"header that is the key":      {Method: http.MethodGet, Path: path, Header: http.Header{"authorization": {"Bearer hush"}}},
		"header that is the version":  {Method: http.MethodGet, Path: path, Header: http.Header{"Stripe-Version": {"x"}}},
		"header that frames the body": {Method: http.MethodPost, Path: path, Header: http.Header{"content-length": {"1"}}},
		"header that is the host":     {Method: http.MethodGet, Path: path, Header: http.Header{"Host": {"evil.example"}}},
		"form that is no values":      {Method: http.MethodPost, Path: "/v1/x", Body: map[string]string{}, Form: true},
		"values without form":         {Method: http.MethodPost, Path: "/v1/x", Body: url.Values{}},
		"body that has no JSON":       {Method: http.MethodPost, Path: path, Body: func() {}},
	} {
		body, err := client.Do(t.Context(), r)
		if body != nil || !errors.Is(err, stripeapi.ErrRequest) {
			t.Errorf("%s: Do = %s, %v; want nil, %v", name, body, err, stripeapi.ErrRequest)
		} else {
			mustHide(t, name, err.Error())
		}
	}
}

// Stripe-Account and Stripe-Context both name the account of a request, so the nearer one is sent
// alone: a client's account must not reach the requests about an event of another account.
func TestAccountAndContextReplaceEachOther(t *testing.T) {
	t.Parallel()
	base, got := record(t)
	client := newClient(t, stripeapi.Options{BaseURL: base})
	account := func(name string) http.Header { return http.Header{"stripe-account": {name}} }
	connected := client.With(stripeapi.RequestOptions{Header: account("acct_client")})
	for name, tc := range map[string]struct {
		client           *stripeapi.Client
		request          stripeapi.Request
		context, account string
	}{
		"the client's account":                    {connected, stripeapi.Request{}, "", "acct_client"},
		"the request's context":                   {connected, stripeapi.Request{Context: "acct_1"}, "acct_1", ""},
		"the request's lack of a context":         {connected, stripeapi.Request{NoContext: true}, "", ""},
		"a later context of the client":           {connected.InContext("acct_1"), stripeapi.Request{}, "acct_1", ""},
		"a later lack of a context":               {connected.InContext(""), stripeapi.Request{}, "", ""},
		"a later account of the client":           {client.InContext("acct_1").With(stripeapi.RequestOptions{Header: account("acct_2")}), stripeapi.Request{}, "", "acct_2"},
		"later options without an account":        {client.InContext("acct_1").With(stripeapi.RequestOptions{Header: http.Header{"X-A": {"a"}}}), stripeapi.Request{}, "acct_1", ""},
		"the request's account":                   {client.InContext("acct_1"), stripeapi.Request{Header: account("acct_2")}, "", "acct_2"},
		"the request's account and no context":    {client.InContext("acct_1"), stripeapi.Request{Header: account("acct_2"), NoContext: true}, "", "acct_2"},
		"the request's account over the client's": {connected, stripeapi.Request{Header: account("acct_2")}, "", "acct_2"},
	} {
		tc.request.Method, tc.request.Path = http.MethodGet, "/v1/balance"
		if _, err := tc.client.Do(t.Context(), tc.request); err != nil {
			t.Fatal(err)
		}
		want := headers()
		if tc.context != "" {
			want.Set("Stripe-Context", tc.context)
		}
		if tc.account != "" {
			want.Set("Stripe-Account", tc.account)
		}
		got.Header.Del("X-A")
		if diff := cmp.Diff(want, got.Header); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// A request's options override the client's.
func TestRequestOptionsWinOverTheClients(t *testing.T) {
	t.Parallel()
	base, got := record(t)
	client := newClient(t, stripeapi.Options{BaseURL: base}).InContext("acct_client").With(stripeapi.RequestOptions{
		Key: "rk_test_client", APIVersion: "2025-01-01.client", IdempotencyKey: "client", Header: http.Header{"x-a": {"client"}, "x-b": {"client"}},
	})
	changed := client.With(stripeapi.RequestOptions{IdempotencyKey: "changed", Header: http.Header{"X-A": {"changed"}}})
	const path = "/v2/core/event_destinations/ed_1"
	for name, tc := range map[string]struct {
		client  *stripeapi.Client
		request stripeapi.Request
		want    http.Header
	}{
		"the client's": {
			client, stripeapi.Request{Method: http.MethodDelete, Path: path},
			headers("Authorization", "Bearer rk_test_client", "Stripe-Version", "2025-01-01.client", "Idempotency-Key", "client", "Stripe-Context", "acct_client", "X-A", "client", "X-B", "client"),
		},
		"a GET has no idempotency key": {
			client, stripeapi.Request{Method: http.MethodGet, Path: path},
			headers("Authorization", "Bearer rk_test_client", "Stripe-Version", "2025-01-01.client", "Stripe-Context", "acct_client", "X-A", "client", "X-B", "client"),
		},
		"the request's": {
			client, stripeapi.Request{
				Method: http.MethodDelete, Path: path, Key: "rk_test_request", APIVersion: "2025-01-01.request", IdempotencyKey: "request",
				Context: "acct_request", Header: http.Header{"X-A": {"request"}},
			},
			headers("Authorization", "Bearer rk_test_request", "Stripe-Version", "2025-01-01.request", "Idempotency-Key", "request", "Stripe-Context", "acct_request", "X-A", "request", "X-B", "client"),
		},
		"the context cleared": {
			client, stripeapi.Request{Method: http.MethodGet, Path: path, NoContext: true},
			headers("Authorization", "Bearer rk_test_client", "Stripe-Version", "2025-01-01.client", "X-A", "client", "X-B", "client"),
		},
		"options over options": {
			changed, stripeapi.Request{Method: http.MethodDelete, Path: path, NoContext: true},
			headers("Authorization", "Bearer rk_test_client", "Stripe-Version", "2025-01-01.client", "Idempotency-Key", "changed", "X-A", "changed", "X-B", "client"),
		},
	} {
		if _, err := tc.client.Do(t.Context(), tc.request); err != nil {
			t.Errorf("%s: Do = %v", name, err)
		}
		if diff := cmp.Diff(tc.want, got.Header); diff != "" {
			t.Errorf("%s: headers (-want +got):\n%s", name, diff)
		}
	}
}

func TestUnusableOptionsFailEveryRequest(t *testing.T) {
	t.Parallel()
	client := newClient(t, stripeapi.Options{HTTPClient: &http.Client{Transport: refuseAll{t}}})
	for name, o := range map[string]stripeapi.RequestOptions{
		"key":             {Key: "whsec_hush"},
		"version":         {APIVersion: "a\nb"},
		"idempotency key": {IdempotencyKey: strings.Repeat("k", 256)},
		"header":          {Header: http.Header{"Authorization": {"hush"}}},
	} {
		_, err := client.With(o).InContext("acct_1").With(stripeapi.RequestOptions{}).Do(t.Context(), stripeapi.Request{Method: http.MethodGet, Path: "/v1/x"})
		if !errors.Is(err, stripeapi.ErrRequest) {
			t.Errorf("%s: Do = %v, want %v", name, err, stripeapi.ErrRequest)
		} else {
			mustHide(t, name, err.Error())
		}
	}
}

func TestZeroClientSendsNothing(t *testing.T) {
	t.Parallel()
	var none *stripeapi.Client
	for _, client := range []*stripeapi.Client{none, new(stripeapi.Client), none.InContext("acct_1"), none.With(stripeapi.RequestOptions{Key: testKey})} {
		if body, err := client.Do(t.Context(), stripeapi.Request{Method: http.MethodGet, Path: "/v1/x"}); body != nil || !errors.Is(err, stripeapi.ErrRequest) {
			t.Errorf("Do = %s, %v; want %v", body, err, stripeapi.ErrRequest)
		}
	}
}

func TestSuccessHasStatusAndHeaders(t *testing.T) {
	t.Parallel()
	status := http.StatusOK
	client := newClient(t, stripeapi.Options{MaxRetries: -1, HTTPClient: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		return answer(status, `{"id":"x"}`, "Stripe-Version", "2025-01-27.acacia"), nil
	})}})
	var seen []*stripeapi.Response
	observed := client.With(stripeapi.RequestOptions{OnResponse: func(r *stripeapi.Response) { seen = append(seen, r) }})
	r := stripeapi.Request{Method: http.MethodGet, Path: "/v1/x"}
	want := &stripeapi.Response{
		Status: 200, RequestID: "req_1", Body: []byte(`{"id":"x"}`),
		Header: http.Header{"Request-Id": {"req_1"}, "Stripe-Version": {"2025-01-27.acacia"}},
	}
	got, err := observed.Send(t.Context(), r)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Send = %v (-want +got):\n%s", err, diff)
	}
	status = http.StatusNotFound
	if got, err := observed.Send(t.Context(), r); got != nil || !errors.Is(err, stripeapi.ErrNotFound) {
		t.Errorf("Send = %v, %v; want nil, %v", got, err, stripeapi.ErrNotFound)
	}
	if diff := cmp.Diff([]*stripeapi.Response{want}, seen); diff != "" {
		t.Errorf("OnResponse saw (-want +got):\n%s", diff)
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

// roundTrip is a transport made of a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answer makes a response; header contains name, value pairs.
func answer(status int, body string, header ...string) *http.Response {
	h := http.Header{"Request-Id": {"req_1"}}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

func newClient(t testing.TB, opts stripeapi.Options) *stripeapi.Client {
	t.Helper()
	client, err := stripeapi.New(testKey, &opts)
	if err != nil {
		t.Fatalf("New = %v", err)
	}
	return client
}
