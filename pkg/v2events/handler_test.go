package v2events_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

func TestHandleRoutesByType(t *testing.T) {
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
		if diff := gocmp.Diff([]string{want}, calls); diff != "" {
			t.Errorf("%s (-want +got):\n%s", eventType, diff)
		}
	}
}

func TestHandleRefusesWhatIsNotAuthentic(t *testing.T) {
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

func TestRegistrationIsCheckedAndEnds(t *testing.T) {
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

// The context of the event is used, even if it is empty, and not the one of the handler's client.
func TestHandlerKeepsContextsApart(t *testing.T) {
	t.Parallel()
	api := stubFunc(t, func(r *http.Request) (int, string) {
		seen := "none"
		if values, given := r.Header["Stripe-Context"]; given {
			seen = values[0]
		}
		return http.StatusOK, event(seen, "a.b")
	})
	h, err := v2events.NewEventHandler(v2events.NewClient(api).InContext("original"), nil, noFallback(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.On("a.b", func(ctx context.Context, e *v2events.ThinEvent, c *v2events.Client) error {
		want := cmp.Or(e.Context, "none")
		_, err := c.Retrieve(ctx, want) // the stub answers with the context as id, so a wrong context is a mismatch
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

// A client that acts for a connected account, by Stripe-Account, does not take that account along.
func TestHandlerDropsTheClientsAccount(t *testing.T) {
	t.Parallel()
	var got []string
	api := stubFunc(t, func(r *http.Request) (int, string) {
		got = append(got, r.Header.Get("Stripe-Context")+" "+r.Header.Get("Stripe-Account"))
		return http.StatusOK, event("evt_1", "a.b")
	}).With(stripeapi.RequestOptions{Header: http.Header{"Stripe-Account": {"acct_original"}}})
	h, err := v2events.NewEventHandler(v2events.NewClient(api), nil, noFallback(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.On("a.b", func(ctx context.Context, e *v2events.ThinEvent, c *v2events.Client) error {
		_, retrieveErr := c.Retrieve(ctx, "evt_1")
		_, fetchErr := v2events.NewClient(api).Fetch(ctx, e)
		return errors.Join(retrieveErr, fetchErr)
	}); err != nil {
		t.Fatal(err)
	}
	for _, stripeContext := range []string{"", "acct_1"} {
		if err := h.Dispatch(t.Context(), &v2events.ThinEvent{ID: "evt_1", Type: "a.b", Context: stripeContext}); err != nil {
			t.Error(err)
		}
	}
	if diff := gocmp.Diff([]string{" ", " ", "acct_1 ", "acct_1 "}, got); diff != "" {
		t.Errorf("contexts and accounts (-want +got):\n%s", diff)
	}
}

func TestZeroHandlerRefusesWhatItCannotHandle(t *testing.T) {
	t.Parallel()
	var h v2events.EventHandler
	if err := h.On("a.b", func(ctx context.Context, e *v2events.ThinEvent, c *v2events.Client) error {
		_, err := c.Fetch(ctx, e)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	payload := []byte(event("evt_1", "a.b"))
	for name, tc := range map[string]struct {
		handle func() error
		want   error
	}{
		"signed event":           {func() error { return h.Handle(t.Context(), payload, secret.Sign(payload, signedAt)) }, stripesig.ErrSecret},
		"event with a callback":  {func() error { return h.HandleEnvelope(t.Context(), payload) }, stripeapi.ErrRequest},
		"event without callback": {func() error { return h.HandleEnvelope(t.Context(), []byte(event("evt_1", "c.d"))) }, v2events.ErrParams},
	} {
		if err := tc.handle(); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

func TestNewWebhookHandlerIsComplete(t *testing.T) {
	t.Parallel()
	secrets := []stripesig.Secret{secret}
	for name, tc := range map[string]struct {
		key      stripeapi.Key
		secrets  []stripesig.Secret
		fallback v2events.FallbackFunc
		want     error
	}{
		"no key":      {"", secrets, noFallback(t), stripeapi.ErrOptions},
		"no secret":   {"rk_test_1", nil, noFallback(t), stripesig.ErrSecret},
		"no fallback": {"rk_test_1", secrets, nil, v2events.ErrParams},
	} {
		if h, err := v2events.NewWebhookHandler(tc.key, tc.secrets, tc.fallback, nil); h != nil || !errors.Is(err, tc.want) {
			t.Errorf("%s: NewWebhookHandler = %v, %v; want nil, %v", name, h, err, tc.want)
		}
	}
	handled := ""
	h, err := v2events.NewWebhookHandler("rk_test_1", secrets, func(_ context.Context, e *v2events.ThinEvent, _ *v2events.Client, _ bool) error {
		handled = e.ID
		return nil
	}, &v2events.WebhookOptions{Signature: &stripesig.Options{Now: func() time.Time { return signedAt }}})
	if err != nil {
		t.Fatal(err)
	}
	payload := []byte(event("evt_1", "a.b"))
	if err := h.Handle(t.Context(), payload, secret.Sign(payload, signedAt)); err != nil || handled != "evt_1" {
		t.Errorf("Handle = %v after handling %q", err, handled)
	}
}

func TestOnKindFetchesAndDecodes(t *testing.T) {
	t.Parallel()
	full := fixtures(t, "full")["error_report_triggered"]
	thin, err := v2events.ParseThinEvent(fixtures(t, "full")["error_report_triggered"])
	if err != nil {
		t.Fatal(err)
	}
	get := exchange{Method: http.MethodGet, URI: "/v2/core/events/evt_test_65R2", Trigger: "event=evt_test_65R2", answer: string(full)}
	gone, odd := get, get
	gone.status, gone.answer = http.StatusNotFound, notFound
	odd.answer = strings.Replace(string(full), `"error_count": 1`, `"error_count": {}`, 1)
	h, err := v2events.NewEventHandler(play(t, get, gone, odd), nil, noFallback(t))
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

// A first delivery that is refused closes registration too, as in Stripe's SDKs.
func TestEveryFirstEventClosesRegistration(t *testing.T) {
	t.Parallel()
	fail := func(context.Context, *v2events.ThinEvent, *v2events.Client) error { return nil }
	hook := func(context.Context, *v2events.ThinEvent, *v2events.Client) (bool, error) { return true, nil }
	for name, first := range map[string]func(*v2events.EventHandler){
		"bad signature": func(h *v2events.EventHandler) { _ = h.Handle(t.Context(), []byte("{}"), "t=1,v1=00") },
		"no signature":  func(h *v2events.EventHandler) { _ = h.Handle(t.Context(), nil, "") },
		"bad envelope":  func(h *v2events.EventHandler) { _ = h.HandleEnvelope(t.Context(), []byte("{")) },
		"no event":      func(h *v2events.EventHandler) { _ = h.Dispatch(t.Context(), nil) },
		"HTTP GET": func(h *v2events.EventHandler) {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
		},
	} {
		h, err := v2events.NewEventHandler(play(t), newVerifier(t), noFallback(t))
		if err != nil {
			t.Fatal(err)
		}
		first(h)
		for what, err := range map[string]error{
			"On": h.On("a.b", fail), "PreHandle": h.PreHandle(hook), "OnError": h.OnError(func(context.Context, error) {}),
			"OnKind": v2events.OnKind(h, v2events.MeterNotFound, func(context.Context, *v2events.Event, *v2events.MeterErrorReport) error { return nil }),
		} {
			if !errors.Is(err, v2events.ErrClosed) {
				t.Errorf("%s after %s = %v, want %v", what, name, err, v2events.ErrClosed)
			}
		}
	}
}

func TestRegisteredTypesAreSorted(t *testing.T) {
	t.Parallel()
	h, err := v2events.NewEventHandler(play(t), nil, noFallback(t))
	if err != nil {
		t.Fatal(err)
	}
	if got := h.RegisteredTypes(); len(got) != 0 {
		t.Errorf("RegisteredTypes = %q, want none", got)
	}
	for _, eventType := range []string{"c", "a", "b"} {
		if err := h.On(eventType, func(context.Context, *v2events.ThinEvent, *v2events.Client) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if diff := gocmp.Diff([]string{"a", "b", "c"}, h.RegisteredTypes()); diff != "" {
		t.Errorf("RegisteredTypes (-want +got):\n%s", diff)
	}
}

func TestPreHandleCanStopAnEvent(t *testing.T) {
	t.Parallel()
	failure := errors.New("duplicates cannot be looked up")
	var calls []string
	note := func(name string) { calls = append(calls, name) }
	h, err := v2events.NewEventHandler(play(t), nil, func(_ context.Context, e *v2events.ThinEvent, _ *v2events.Client, _ bool) error {
		note("fallback " + e.ID)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	hook := func(ctx context.Context, e *v2events.ThinEvent, c *v2events.Client) (bool, error) {
		note("hook " + e.ID)
		if c == nil || c != v2events.ClientFrom(ctx) {
			t.Error("the hook did not receive the event's client")
		}
		if e.ID == "evt_fails" {
			return true, failure
		}
		return e.ID != "evt_seen", nil
	}
	for name, err := range map[string]error{"nil hook": h.PreHandle(nil), "nil error hook": h.OnError(nil)} {
		if !errors.Is(err, v2events.ErrParams) {
			t.Errorf("%s: %v, want %v", name, err, v2events.ErrParams)
		}
	}
	if err := h.PreHandle(hook); err != nil {
		t.Fatal(err)
	}
	if err := h.PreHandle(hook); !errors.Is(err, v2events.ErrRegistered) {
		t.Errorf("second hook: %v, want %v", err, v2events.ErrRegistered)
	}
	if err := h.On("a.b", func(_ context.Context, e *v2events.ThinEvent, _ *v2events.Client) error {
		note("callback " + e.ID)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, e := range []v2events.ThinEvent{
		{ID: "evt_1", Type: "a.b"}, {ID: "evt_seen", Type: "a.b"}, {ID: "evt_seen", Type: "c.d"}, {ID: "evt_2", Type: "c.d"}, {ID: "evt_fails", Type: "a.b"},
	} {
		want := error(nil)
		if e.ID == "evt_fails" {
			want = failure
		}
		if err := h.Dispatch(t.Context(), &e); !errors.Is(err, want) {
			t.Errorf("Dispatch(%s) = %v, want %v", e.ID, err, want)
		}
	}
	want := []string{"hook evt_1", "callback evt_1", "hook evt_seen", "hook evt_seen", "hook evt_2", "fallback evt_2", "hook evt_fails"}
	if diff := gocmp.Diff(want, calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestOnKindCallbacksReachTheEventsClient(t *testing.T) {
	t.Parallel()
	const meter = `{"id":"mtr_1","object":"billing.meter","display_name":"Requests"}`
	thin := `{"id":"evt_1","object":"v2.core.event","type":"v1.billing.meter.error_report_triggered","created":"2025-01-01T00:00:00Z","livemode":false,"context":"acct_1",` +
		`"related_object":{"id":"mtr_1","type":"billing.meter","url":"/v1/billing/meters/mtr_1"}`
	h, err := v2events.NewEventHandler(play(t,
		exchange{Method: http.MethodGet, URI: "/v2/core/events/evt_1", Context: "acct_1", Trigger: "event=evt_1", answer: thin + `,"data":{}}`},
		exchange{Method: http.MethodGet, URI: "/v1/billing/meters/mtr_1", Context: "acct_1", Trigger: "event=evt_1", answer: meter},
		exchange{Method: http.MethodGet, URI: "/v2/core/events/evt_2", Context: "acct_1", status: 404, answer: notFound},
	).InContext("original"), newVerifier(t), noFallback(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := v2events.OnKind(h, v2events.MeterErrorReportTriggered, func(ctx context.Context, e *v2events.Event, _ *v2events.MeterErrorReport) error {
		if m, err := v2events.RelatedObjectAs[v2events.Meter](ctx, v2events.ClientFrom(ctx), &e.ThinEvent); err != nil || m.DisplayName != "Requests" {
			t.Errorf("related meter = %+v, %v", m, err)
		}
		_, err := v2events.ClientFrom(ctx).Retrieve(ctx, "evt_2")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	payload := []byte(thin + "}")
	if err := h.Handle(t.Context(), payload, secret.Sign(payload, signedAt)); !errors.Is(err, stripeapi.ErrNotFound) {
		t.Errorf("Handle = %v, want %v", err, stripeapi.ErrNotFound)
	}
	if c := v2events.ClientFrom(t.Context()); c != nil {
		t.Errorf("ClientFrom outside a callback = %v, want nil", c)
	}
}

func TestHandleEnvelopeDispatchesTheEvent(t *testing.T) {
	t.Parallel()
	full := string(fixtures(t, "full")["error_report_triggered"])
	failure := errors.New("callback failed")
	var got []string
	h, err := v2events.NewEventHandler(new(v2events.Client), newVerifier(t), func(_ context.Context, e *v2events.ThinEvent, _ *v2events.Client, known bool) error {
		got = append(got, e.ID)
		if e.Type == "fails" {
			return failure
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := v2events.OnKind(h, v2events.MeterErrorReportTriggered, func(_ context.Context, e *v2events.Event, r *v2events.MeterErrorReport) error {
		got = append(got, fmt.Sprint(e.ID, " ", r.Reason.ErrorCount))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	thinReport := event("evt_9", "v1.billing.meter.error_report_triggered")
	thinReport = strings.Replace(thinReport, `,"data":{}`, "", 1)
	for _, tc := range []struct {
		body, call string
		want       error
	}{
		{`{"detail-type":"a.b","source":"aws.partner/stripe.com/ed_1","detail":` + event("evt_1", "a.b") + `}`, "evt_1", nil},
		{`{"specversion":"1.0","type":"a.b","data":` + event("evt_2", "a.b") + `}`, "evt_2", nil},
		{event("evt_3", "a.b"), "evt_3", nil},
		{`{"source":"stripe.event","detail":` + full + `}`, "evt_test_65R2 1", nil}, // and nothing is fetched
		{`{"detail":` + thinReport + `}`, "", stripeapi.ErrRequest},                 // must be fetched, and there is no key
		{`{"detail":` + event("evt_4", "fails") + `}`, "evt_4", failure},
		{`{"detail":{"id":"evt_5","object":"event","type":"a.b","created":1,"livemode":true,"data":{"object":{}}}}`, "", v2events.ErrObject},
		{`{"detail":{"object":"event"}}`, "", v2events.ErrField},
		{`{"detail":{}}`, "", v2events.ErrObject},
		{`{"detail":null}`, "", v2events.ErrField},
		{`{}`, "", v2events.ErrEnvelope},
		{`{`, "", v2events.ErrSyntax},
		{``, "", v2events.ErrSyntax},
	} {
		got = nil
		err := h.HandleEnvelope(t.Context(), []byte(tc.body))
		if call := strings.Join(got, ","); !errors.Is(err, tc.want) || call != tc.call {
			t.Errorf("HandleEnvelope(%s) = %v after the call %q; want %v, %q", tc.body, err, call, tc.want, tc.call)
		}
	}
}
