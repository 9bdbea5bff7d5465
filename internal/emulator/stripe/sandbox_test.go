package stripe_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
)

const version = "2026-10-28.endive"

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// newSandbox returns a sandbox whose time is noon unless the options say otherwise.
func newSandbox(opts *stripe.Options) *stripe.Sandbox {
	var o stripe.Options
	if opts != nil {
		o = *opts
	}
	if o.Now == nil {
		o.Now = func() time.Time { return noon }
	}
	return stripe.New(&o)
}

// request builds a well-formed request with a test key; the options change it.
func request(method, target, body string, options ...func(*http.Request)) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer sk_test_123")
	r.Header.Set("Stripe-Version", version)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, option := range options {
		option(r)
	}
	return r
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) {
		if value == "" {
			r.Header.Del(name)
			return
		}
		r.Header.Set(name, value)
	}
}

// do serves one request and returns the status and body of the answer.
func do(t *testing.T, h http.Handler, r *http.Request) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if got := w.Header().Get("Request-Id"); !strings.HasPrefix(got, "req_") {
		t.Errorf("%s %s: Request-Id = %q, want req_…", r.Method, r.URL, got)
	}
	body, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(body)
}

// apiError is the error object of either API version.
type apiError struct {
	Type, Code, Param, Message string
	UserMessage                *string `json:"user_message"`
}

// wantError serves r and checks the status, code and parameter of the answer.
func wantError(t *testing.T, h http.Handler, r *http.Request, status int, code, param string) {
	t.Helper()
	gotStatus, body := do(t, h, r)
	var v struct{ Error apiError }
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%s %s: body %q: %v", r.Method, r.URL, body, err)
	}
	if gotStatus != status || v.Error.Code != code || v.Error.Param != param || v.Error.Message == "" {
		t.Errorf("%s %s: %d %s; want %d with code %q and param %q", r.Method, r.URL, gotStatus, body, status, code, param)
	}
}

// fullEvent returns a v2 event created an hour before noon; changes are pairs of old and new text.
func fullEvent(id string, changes ...string) json.RawMessage {
	text := `{"id":"` + id + `", "object":"v2.core.event","type":"v1.billing.meter.no_meter_found","created":"2026-11-22T11:00:00.000Z",` +
		`"livemode":false,"context":null,"related_object":{},"data":{}}`
	return json.RawMessage(strings.NewReplacer(changes...).Replace(text))
}

func add(t *testing.T, s *stripe.Sandbox, events ...json.RawMessage) {
	t.Helper()
	for _, e := range events {
		if err := s.AddEvent(e); err != nil {
			t.Fatalf("AddEvent(%s) = %v", e, err)
		}
	}
}

func decode(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("decode %s: %v", raw, err)
	}
	return v
}

func field[T any](t *testing.T, raw []byte, name string) T {
	t.Helper()
	value, ok := decode(t, raw)[name].(T)
	if !ok {
		t.Fatalf("%s: %s is not a %T", raw, name, value)
	}
	return value
}

func get[T any](t *testing.T, h http.Handler, target string, options ...func(*http.Request)) T {
	t.Helper()
	var v T
	status, body := do(t, h, request("GET", target, "", options...))
	if status != 200 {
		t.Fatalf("GET %s = %d %s", target, status, body)
	}
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("GET %s: %s: %v", target, body, err)
	}
	return v
}

func post(t *testing.T, h http.Handler, target, body string, options ...func(*http.Request)) map[string]any {
	t.Helper()
	status, answer := do(t, h, request("POST", target, body, options...))
	if status != 200 {
		t.Fatalf("POST %s %s = %d %s", target, body, status, answer)
	}
	return decode(t, []byte(answer))
}

func TestServerAcceptsItsOwnKeysAndThoseOfTheOptions(t *testing.T) {
	t.Parallel()
	s, err := stripe.Start(&stripe.Options{APIKeys: []string{"sk_test_mine"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for key, want := range map[string]int{
		s.Keys.Live: 200, s.Keys.Test: 200, s.RotatedKeys.Live: 200, s.RotatedKeys.Test: 200, "sk_test_mine": 200,
		"sk_test_other": 401, "": 401,
	} {
		if got := status(t, s.Origin+"/v2/core/events", key); got != want {
			t.Errorf("GET with key %q = %d, want %d", key, got, want)
		}
	}
	keys := map[string]any{"live": s.Keys.Live, "test": s.Keys.Test}
	if diff := cmp.Diff(keys, decode(t, []byte(s.Keys.JSON()))); diff != "" {
		t.Errorf("Keys.JSON (-want +got):\n%s", diff)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
}

// TestAnsweredReportsCompleteAnswers needs a server, because a recorder has no connection to break.
func TestAnsweredReportsCompleteAnswers(t *testing.T) {
	t.Parallel()
	faults, answered := make(chan stripe.Fault, 1), make(chan int, 8)
	s, err := stripe.Start(&stripe.Options{
		Faults:   func(*http.Request) stripe.Fault { return <-faults },
		Answered: func(_ *http.Request, status int) { answered <- status },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, tt := range []struct {
		fault stripe.Fault
		key   string
		want  int // 0: no complete answer
	}{
		{"", s.Keys.Test, 200},
		{stripe.FaultReset, s.Keys.Test, 0},
		{stripe.FaultTruncate, s.Keys.Test, 0},
		{stripe.FaultError, s.Keys.Test, 500},
		{"", "", 401},
	} {
		faults <- tt.fault
		status(t, s.Origin+"/v2/core/events", tt.key)
		if tt.want == 0 {
			continue
		}
		if got := <-answered; got != tt.want {
			t.Errorf("fault %q, key %q: Answered with %d, want %d", tt.fault, tt.key, got, tt.want)
		}
	}
	if len(answered) > 0 {
		t.Errorf("Answered with %d after an answer that was cut off", <-answered)
	}
}

// status sends a GET and returns the status of the answer; 0 if there is none.
func status(t *testing.T, url, key string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = request("GET", "/", "", header("Authorization", "Bearer "+key)).Header
	r.Close = true // a retry on a reused connection would consume another fault
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// everyTenth makes every tenth request fail.
func everyTenth(fault stripe.Fault) func(*http.Request) stripe.Fault {
	var requests atomic.Int64
	return func(*http.Request) stripe.Fault {
		if requests.Add(1)%10 == 0 {
			return fault
		}
		return ""
	}
}

// TestSandboxIsSafeForConcurrentUse under the race detector.
func TestSandboxIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	s := newSandbox(&stripe.Options{Faults: everyTenth(stripe.FaultError)})
	var wg sync.WaitGroup
	for _, r := range []func() *http.Request{
		func() *http.Request { return request("GET", "/v2/core/events?limit=1", "") },
		func() *http.Request { return request("GET", "/v2/core/events/evt_1", "") },
		func() *http.Request { return request("GET", "/v1/events", "") },
		func() *http.Request { return request("GET", destinations, "") },
		func() *http.Request {
			return request("POST", destinations, webhookParams(), header("Idempotency-Key", "key_1"))
		},
	} {
		wg.Go(func() {
			for range 50 {
				w := httptest.NewRecorder()
				s.ServeHTTP(w, r())
				if w.Code == http.StatusTooManyRequests || w.Code > http.StatusInternalServerError {
					t.Errorf("answered %d %s", w.Code, w.Body)
				}
			}
		})
	}
	wg.Go(func() {
		for range 50 {
			add(t, s, fullEvent("evt_1"))
		}
	})
	wg.Wait()
}

// FuzzRequests sends arbitrary requests: each is answered with JSON and not with a 500, and a
// destination that was created can be listed.
func FuzzRequests(f *testing.F) {
	f.Add("GET", "/v2/core/events", "limit=1&types[0]=v1.x&created[gte]=2026-11-22T00:00:00Z", "")
	f.Add("GET", "/v2/core/events", "page=eyJjIjoiMjAyNi0xMS0yMlQxMTowMDowMFoiLCJpIjoiZXZ0XzEifQ", "")
	f.Add("GET", "/v2/core/events/evt_1", "", "")
	f.Add("GET", "/v2/core/events/%2e%2e", "", "")
	f.Add("GET", "/v1/events", "type=a*b*&expand[]=x&created=1&limit=100", "")
	f.Add("GET", "/v1/events", "ending_before=evt_1&types[]=%00", "")
	f.Add("GET", "/v1/events", "type=a*\xd7*", "")
	f.Add("GET", "/v1/billing/meters/mtr_1", "", "")
	f.Add("POST", destinations, "", webhookParams())
	f.Add("POST", destinations, "", webhookParams(`"thin"`, `"snapshot"`, "v1.billing.meter.no_meter_found", "*"))
	f.Add("POST", destinations+"/ed_1", "", `{"metadata":{"a":null},"webhook_endpoint":null}`)
	f.Add("POST", destinations+"/ed_1/disable", "", `{"include":[null]}`)
	f.Add("DELETE", destinations+"/ed_1", "include[0]=webhook_endpoint.url", "")
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		target, err := url.ParseRequestURI(path)
		if err != nil {
			return // net/http refuses such a path before a handler sees it
		}
		target.RawQuery = query
		s := newSandbox(nil)
		add(t, s, fullEvent("evt_1"))
		r := request("GET", "/", body)
		r.Method, r.URL = method, target
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code >= 500 || !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%s %s %q = %d %s", method, target, body, w.Code, w.Body)
		}
		if method != http.MethodPost || path != destinations || w.Code != http.StatusOK {
			return
		}
		id := field[string](t, w.Body.Bytes(), "id")
		if got := get[v2Page](t, s, destinations).ids(); len(got) != 1 || got[0] != id {
			t.Fatalf("created %s, listed %v", id, got)
		}
	})
}
