package faults_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/meterbridge/meterbridge/internal/emulator/faults"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
)

func TestStripeFaultsStrikeBetweenStartAndStop(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]stripe.Fault{
		faults.Stripe429: stripe.FaultRateLimit, faults.Stripe500: stripe.FaultError,
		faults.StripeHang: stripe.FaultHang, faults.StripeTrickle: stripe.FaultTrickle,
		faults.StripeTruncate: stripe.FaultTruncate, faults.StripeReset: stripe.FaultReset,
	} {
		i, w := always(t, name)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://x/v2/core/events/evt_1", nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := i.Stripe(r); got != "" {
			t.Errorf("%s: %q before the start, want none", name, got)
		}
		i.Start(noTarget())
		if got := i.Stripe(r); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		i.Stop()
		if got := i.Stripe(r); got != "" {
			t.Errorf("%s: %q when healed, want none", name, got)
		}
		if diff := cmp.Diff([]string{name}, w.struck()); diff != "" || w.steps[0].Batch[0] != "evt_1" {
			t.Errorf("%s: reported %+v, want it once with the event", name, w.steps)
		}
	}
}

func TestWebhookConnectionIsClosed(t *testing.T) {
	t.Parallel()
	i, w := always(t, faults.WebhookUnreachable)
	served := 0
	server := httptest.NewServer(i.Front(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ })))
	defer server.Close()
	post := func() error {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, nil)
		if err != nil {
			return err
		}
		response, err := server.Client().Do(request)
		if err != nil {
			return err
		}
		return response.Body.Close()
	}
	if err := post(); err != nil || served != 1 {
		t.Errorf("before the start: %v, served %d", err, served)
	}
	i.Start(noTarget())
	if err := post(); err == nil || served != 1 || len(w.struck()) != 1 {
		t.Errorf("POST = %v, served %d, reported %q; want no answer", err, served, w.struck())
	}
	i.Stop()
	if err := post(); err != nil || served != 2 {
		t.Errorf("healed: %v, served %d", err, served)
	}
}

// TestRuleIsDisabledOnceForAWhile, and enabled after disabledFor requests or when the faults stop.
func TestRuleIsDisabledOnceForAWhile(t *testing.T) {
	t.Parallel()
	for _, requests := range []int{200, 30, 0} {
		i, w := always(t, faults.RuleDisabled)
		var mu sync.Mutex
		var switches []bool
		i.Start(faults.Target{Rule: func(enabled bool) {
			mu.Lock()
			defer mu.Unlock()
			switches = append(switches, enabled)
		}})
		front := i.Front(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		for range requests {
			front.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/webhook", nil))
		}
		i.Stop()
		i.Stop()
		want, struck := []bool{false, true}, 1
		if requests == 0 {
			want, struck = nil, 0
		}
		if !slices.Equal(switches, want) || len(w.struck()) != struck {
			t.Errorf("after %d requests: switched %v, reported %d times, want %v", requests, switches, len(w.struck()), want)
		}
	}
}

// TestSecretsAreRotatedOnceEarly also checks that a failed rotation is reported.
func TestSecretsAreRotatedOnceEarly(t *testing.T) {
	t.Parallel()
	i, w := always(t, faults.SecretsRotate)
	rotations := 0
	i.Start(faults.Target{Rotate: func() error { rotations++; return errors.New("no such secret") }})
	front := i.Front(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for range 30 {
		front.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/webhook", nil))
	}
	if rotations != 1 || len(w.steps) != 1 || w.steps[0].Text != "no such secret" {
		t.Errorf("%d rotations, reported %+v; want one, with its error", rotations, w.steps)
	}
}
