package stripe_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
)

const version = "2026-09-30.endive"

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// newSandbox returns a sandbox whose clock stands at noon.
func newSandbox(opts stripe.Options) *stripe.Sandbox {
	if opts.Now == nil {
		opts.Now = func() time.Time { return noon }
	}
	return stripe.New(&opts)
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

// do serves one request and returns the status and the body.
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

// fault is the error object of either API version.
type fault struct {
	Type, Code, Param, Message string
	UserMessage                *string `json:"user_message"`
}

// wantFault serves r and compares the status, code and parameter of the answer.
func wantFault(t *testing.T, h http.Handler, r *http.Request, status int, code, param string) {
	t.Helper()
	gotStatus, body := do(t, h, r)
	var v struct{ Error fault }
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%s %s: body %q: %v", r.Method, r.URL, body, err)
	}
	if gotStatus != status || v.Error.Code != code || v.Error.Param != param || v.Error.Message == "" {
		t.Errorf("%s %s: %d %s; want %d with code %q and param %q", r.Method, r.URL, gotStatus, body, status, code, param)
	}
}

// fullEvent is a v2 event created an hour before noon, with what a test wants to say about it.
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
