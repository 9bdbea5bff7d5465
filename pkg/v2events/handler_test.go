package v2events_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

const secret = stripesig.Secret("whsec_test_secret")

var signedAt = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

func newVerifier(t *testing.T) *stripesig.Verifier {
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

func TestHandleRoutes(t *testing.T) {
	t.Parallel()
	var calls []string
	note := func(name string) v2events.HandlerFunc {
		return func(_ context.Context, e *v2events.ThinEvent, c *v2events.Client) error {
			calls = append(calls, name+" "+e.ID)
			if c == nil {
				t.Error("no client")
			}
			return nil
		}
	}
	h, err := v2events.NewEventHandler(play(t), newVerifier(t), func(_ context.Context, e *v2events.ThinEvent, _ *v2events.Client, known bool) error {
		calls = append(calls, map[bool]string{true: "known ", false: "unknown "}[known]+e.ID)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, eventType := range []string{"a.b", "c.d"} {
		if err := h.On(eventType, note(eventType)); err != nil {
			t.Fatal(err)
		}
	}
	for id, eventType := range map[string]string{"evt_1": "a.b", "evt_2": "c.d", "evt_3": "v2.core.account.created", "evt_4": "v9.unheard.of"} {
		payload := []byte(event(id, eventType))
		calls = nil
		if err := h.Handle(t.Context(), payload, secret.Sign(payload, signedAt)); err != nil {
			t.Errorf("Handle(%s) = %v", payload, err)
		}
		want := map[string]string{"evt_1": "a.b evt_1", "evt_2": "c.d evt_2", "evt_3": "known evt_3", "evt_4": "unknown evt_4"}[id]
		if diff := cmp.Diff([]string{want}, calls); diff != "" {
			t.Errorf("%s (-want +got):\n%s", eventType, diff)
		}
	}
}

func TestHandleRefuses(t *testing.T) {
	t.Parallel()
	h, err := v2events.NewEventHandler(play(t), newVerifier(t), noFallback(t))
	if err != nil {
		t.Fatal(err)
	}
	payload, snapshot, junk := []byte(event("evt_1", "a.b")), []byte(`{"object":"event"}`), []byte(`{"object"`)
	for name, tc := range map[string]struct {
		payload []byte
		header  string
		want    error
	}{
		"no signature":     {payload, "", stripesig.ErrMissing},
		"forged":           {payload, secret.Sign(junk, signedAt), stripesig.ErrMismatch},
		"old":              {payload, secret.Sign(payload, signedAt.Add(-time.Hour)), stripesig.ErrExpired},
		"signed snapshot":  {snapshot, secret.Sign(snapshot, signedAt), v2events.ErrObject},
		"signed junk":      {junk, secret.Sign(junk, signedAt), v2events.ErrSyntax},
		"junk, not signed": {junk, "t=1,v1=00", stripesig.ErrMismatch},
	} {
		if err := h.Handle(t.Context(), tc.payload, tc.header); !errors.Is(err, tc.want) {
			t.Errorf("%s: Handle = %v, want %v", name, err, tc.want)
		}
	}
}

func TestRegistration(t *testing.T) {
	t.Parallel()
	failure := errors.New("callback failed")
	fail := func(context.Context, *v2events.ThinEvent, *v2events.Client) error { return failure }
	h, err := v2events.NewEventHandler(play(t), nil, noFallback(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		register func() error
		want     error
	}{
		"no type":          {func() error { return h.On("", fail) }, v2events.ErrParams},
		"no callback":      {func() error { return h.On("x", nil) }, v2events.ErrParams},
		"no kind callback": {func() error { return v2events.OnKind(h, v2events.MeterNotFound, nil) }, v2events.ErrParams},
	} {
		if err := tc.register(); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
	if err := h.On("a.b", fail); err != nil {
		t.Fatal(err)
	}
	if err := h.On("a.b", fail); !errors.Is(err, v2events.ErrRegistered) {
		t.Errorf("second callback for a type: %v, want %v", err, v2events.ErrRegistered)
	}
	if err := h.Handle(t.Context(), []byte(event("evt_1", "a.b")), secret.Sign([]byte(event("evt_1", "a.b")), signedAt)); !errors.Is(err, stripesig.ErrSecret) {
		t.Errorf("Handle without a verifier = %v, want %v", err, stripesig.ErrSecret)
	}
	if err := h.On("still.open", fail); err != nil {
		t.Errorf("a refused delivery closed registration: %v", err)
	}
	if err := h.Dispatch(t.Context(), &v2events.ThinEvent{Type: "a.b"}); !errors.Is(err, failure) {
		t.Errorf("Dispatch = %v, want the callback's %v", err, failure)
	}
	if err := h.On("c.d", fail); !errors.Is(err, v2events.ErrClosed) {
		t.Errorf("callback after the first event: %v, want %v", err, v2events.ErrClosed)
	}
	for _, missing := range []func() (*v2events.EventHandler, error){
		func() (*v2events.EventHandler, error) { return v2events.NewEventHandler(nil, nil, noFallback(t)) },
		func() (*v2events.EventHandler, error) { return v2events.NewEventHandler(play(t), nil, nil) },
	} {
		if h, err := missing(); h != nil || !errors.Is(err, v2events.ErrParams) {
			t.Errorf("NewEventHandler = %v, %v; want nil, %v", h, err, v2events.ErrParams)
		}
	}
}

// Events of different contexts are handled at once, each with a client of its own context.
func TestHandlerKeepsContextsApart(t *testing.T) {
	t.Parallel()
	api := stubFunc(t, func(r *http.Request) (int, string) {
		return http.StatusOK, event(r.Header.Get("Stripe-Context"), "a.b")
	})
	h, err := v2events.NewEventHandler(v2events.NewClient(api).InContext("own"), nil, noFallback(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.On("a.b", func(ctx context.Context, e *v2events.ThinEvent, c *v2events.Client) error {
		want := e.Context
		if want == "" {
			want = "own"
		}
		_, err := c.Retrieve(ctx, want) // the stub answers with the context as id, and another id is a mismatch
		return err
	}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, stripeContext := range []string{"acct_1", "", "acct_2", "org_1/acct_3", "acct_1"} {
		wg.Go(func() {
			if err := h.Dispatch(t.Context(), &v2events.ThinEvent{ID: "evt_1", Type: "a.b", Context: stripeContext}); err != nil {
				t.Errorf("context %q: %v", stripeContext, err)
			}
		})
	}
	wg.Wait()
}

func TestOnKind(t *testing.T) {
	t.Parallel()
	full := fixtures(t, "full")["error_report_triggered"]
	thin, err := v2events.ParseThinEvent(fixtures(t, "full")["error_report_triggered"])
	if err != nil {
		t.Fatal(err)
	}
	get := exchange{Method: http.MethodGet, URI: "/v2/core/events/evt_test_65R2", Trigger: "event=evt_test_65R2", answer: string(full)}
	gone, empty := get, get
	gone.status, gone.answer = http.StatusNotFound, notFound
	empty.answer = event(thin.ID, thin.Type)
	h, err := v2events.NewEventHandler(play(t, get, gone, empty), nil, noFallback(t))
	if err != nil {
		t.Fatal(err)
	}
	reports := 0
	if err := v2events.OnKind(h, v2events.MeterErrorReportTriggered, func(_ context.Context, e *v2events.Event, r *v2events.MeterErrorReport) error {
		if reports++; r.Reason.ErrorCount != 1 || e.ID != thin.ID {
			t.Errorf("callback got %+v, %+v", e, r)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []error{nil, stripeapi.ErrNotFound, v2events.ErrField} {
		if err := h.Dispatch(t.Context(), thin); !errors.Is(err, want) {
			t.Errorf("Dispatch = %v, want %v", err, want)
		}
	}
	if reports != 1 {
		t.Errorf("the callback was called %d times, want 1", reports)
	}
}
