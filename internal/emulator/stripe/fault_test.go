package stripe_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
)

// faulty returns a sandbox with evt_1 in which every request has the same fault.
func faulty(t *testing.T, fault stripe.Fault) *stripe.Sandbox {
	t.Helper()
	s := newSandbox(&stripe.Options{Faults: func(*http.Request) stripe.Fault { return fault }})
	add(t, s, fullEvent("evt_1"))
	return s
}

func TestFaultsAnswerWithErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		fault         stripe.Fault
		target        string
		status        int
		code, param   string
		header, value string
	}{
		{stripe.FaultRateLimit, "/v2/core/events/evt_1", 429, "account_rate_limit_exceeded", "", "Stripe-Rate-Limited-Reason", "global-rate"},
		{stripe.FaultRateLimit, "/v1/events/evt_1", 429, "rate_limit", "", "Stripe-Rate-Limited-Reason", "global-rate"},
		{stripe.FaultError, "/v2/core/events/evt_1", 500, "", "", "Content-Type", "application/json"},
	} {
		s := faulty(t, tt.fault)
		wantError(t, s, request("GET", tt.target, ""), tt.status, tt.code, tt.param)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, request("GET", tt.target, ""))
		if got := w.Header().Get(tt.header); got != tt.value {
			t.Errorf("%s: %s = %q, want %q", tt.fault, tt.header, got, tt.value)
		}
	}
}

func TestFaultsBreakTheConnection(t *testing.T) {
	t.Parallel()
	for fault, want := range map[stripe.Fault]error{
		stripe.FaultReset:    syscall.ECONNRESET,
		stripe.FaultTruncate: io.ErrUnexpectedEOF,
		stripe.FaultHang:     context.Canceled,
	} {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			s := faulty(t, fault)
			arrived := make(chan struct{})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				close(arrived)
				s.ServeHTTP(w, r)
			}))
			defer server.Close()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if fault == stripe.FaultHang {
				go func() { <-arrived; cancel() }()
			}
			r, err := http.NewRequestWithContext(ctx, "POST", server.URL+destinations, strings.NewReader(webhookParams()))
			if err != nil {
				t.Fatal(err)
			}
			r.Header = request("POST", destinations, webhookParams()).Header
			response, err := server.Client().Do(r)
			if err == nil {
				_, err = io.ReadAll(response.Body)
				response.Body.Close()
			}
			if !errors.Is(err, want) {
				t.Errorf("error = %v, want %v", err, want)
			}
		})
	}
}

func TestResetLosesTheAnswerButNotTheEffect(t *testing.T) {
	t.Parallel()
	faults := make(chan stripe.Fault, 2)
	faults <- stripe.FaultReset
	faults <- ""
	s := newSandbox(&stripe.Options{Faults: func(*http.Request) stripe.Fault { return <-faults }})
	func() {
		// The handler aborts, as it does when it breaks a connection.
		defer func() {
			if got := recover(); got != http.ErrAbortHandler {
				t.Errorf("recovered %v, want %v", got, http.ErrAbortHandler)
			}
		}()
		s.ServeHTTP(httptest.NewRecorder(), request("POST", destinations, webhookParams()))
	}()
	if got := get[v2Page](t, s, destinations).ids(); len(got) != 1 {
		t.Errorf("destinations = %v, want the one whose answer was lost", got)
	}
}

func TestTrickleTakesTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := stripe.New(&stripe.Options{
			Faults: func(*http.Request) stripe.Fault { return stripe.FaultTrickle },
		})
		event := fullEvent("evt_1", "2026-11-22", time.Now().Format(time.DateOnly), "T11", "T00")
		add(t, s, event)
		start := time.Now()
		status, body := do(t, s, request("GET", "/v2/core/events/evt_1", ""))
		if took := time.Since(start); status != 200 || body != string(event) || took < 4*time.Second || took > 6*time.Second {
			t.Errorf("GET = %d %s after %v, want 200 and the event after about five seconds", status, body, took)
		}
	})
}
