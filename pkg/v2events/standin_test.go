package v2events_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// exchange is an expected request and the response to it.
type exchange struct {
	Method, URI, Context, Trigger, Body string

	status int // 200 if zero
	answer string
}

// play serves the exchanges in order and returns a Client for them. A different, additional or
// missing request fails the test.
func play(t *testing.T, script ...exchange) *v2events.Client {
	t.Helper()
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got := exchange{
			Method: r.Method, URI: r.RequestURI, Body: string(body),
			Context: r.Header.Get("Stripe-Context"), Trigger: r.Header.Get("Stripe-Request-Trigger"),
		}
		if len(script) == 0 {
			t.Errorf("unexpected request %+v", got)
			w.WriteHeader(http.StatusTeapot)
			return
		}
		want := script[0]
		script = script[1:]
		if diff := cmp.Diff(want, got, cmp.FilterPath(func(p cmp.Path) bool {
			return p.String() == "status" || p.String() == "answer"
		}, cmp.Ignore()), cmp.AllowUnexported(exchange{})); diff != "" {
			t.Errorf("request (-want +got):\n%s", diff)
		}
		if want.status != 0 {
			w.WriteHeader(want.status)
		}
		_, _ = io.WriteString(w, want.answer)
	}))
	t.Cleanup(func() {
		server.Close()
		if len(script) > 0 {
			t.Errorf("requests that never came: %+v", script)
		}
	})
	return v2events.NewClient(newAPI(t, server.URL))
}

func newAPI(t testing.TB, base string) *stripeapi.Client {
	t.Helper()
	api, err := stripeapi.New("rk_test_1", &stripeapi.Options{BaseURL: base, MaxRetries: -1})
	if err != nil {
		t.Fatal(err)
	}
	return api
}

// stub gives every request the same response.
func stub(t *testing.T, status int, answer string) *stripeapi.Client {
	t.Helper()
	return stubFunc(t, func(*http.Request) (int, string) { return status, answer })
}

// stubFunc answers requests one at a time.
func stubFunc(t *testing.T, f func(*http.Request) (status int, answer string)) *stripeapi.Client {
	t.Helper()
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		status, answer := f(r)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return newAPI(t, server.URL)
}

const secret = stripesig.Secret("whsec_test_secret")

var signedAt = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

func newVerifier(t testing.TB) *stripesig.Verifier {
	t.Helper()
	verifier, err := stripesig.NewVerifier([]stripesig.Secret{secret}, &stripesig.Options{Now: func() time.Time { return signedAt }})
	if err != nil {
		t.Fatal(err)
	}
	return verifier
}

// noFallback fails the test.
func noFallback(t *testing.T) v2events.FallbackFunc {
	return func(_ context.Context, e *v2events.ThinEvent, _ *v2events.Client, known bool) error {
		t.Errorf("fallback was called for %s, known %v", e.Type, known)
		return nil
	}
}
