package stripe_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

type delivery struct {
	body   []byte
	header http.Header
}

// webhook is an endpoint that answers each delivery with the next status, and with 200 after the
// last.
func webhook(t *testing.T, statuses ...int) (url string, deliveries <-chan delivery) {
	t.Helper()
	received := make(chan delivery, 16)
	answers := make(chan int, len(statuses))
	for _, status := range statuses {
		answers <- status
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read delivery: %v", err)
		}
		received <- delivery{body, r.Header}
		select {
		case status := <-answers:
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		default:
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, received
}

func (d delivery) verify(t *testing.T, secret string) {
	t.Helper()
	v, err := stripesig.NewVerifier([]stripesig.Secret{stripesig.Secret(secret)}, &stripesig.Options{Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(d.body, d.header.Get(stripesig.Header)); err != nil {
		t.Errorf("Verify(%s, %q) = %v", d.body, d.header.Get(stripesig.Header), err)
	}
}

func TestPingIsDeliveredAndCanBeRetrieved(t *testing.T) {
	t.Parallel()
	s := newSandbox(nil)
	url, deliveries := webhook(t)
	created := post(t, s, destinations, webhookParams("https://example.com/hook", url, `"name"`, `"include":["webhook_endpoint.signing_secret"],"name"`))
	path := destinations + "/" + created["id"].(string)
	event := post(t, s, path+"/ping", "{}", header("Idempotency-Key", "key_1"))
	got := <-deliveries
	got.verify(t, created["webhook_endpoint"].(map[string]any)["signing_secret"].(string))
	reason, _ := event["reason"].(map[string]any)["request"].(map[string]any)
	if event["type"] != "v2.core.event_destination.ping" || event["related_object"].(map[string]any)["url"] != path || reason["idempotency_key"] != "key_1" {
		t.Errorf("ping = %v", event)
	}
	if diff := cmp.Diff(event, get[map[string]any](t, s, "/v2/core/events/"+event["id"].(string))); diff != "" {
		t.Errorf("retrieved ping (-answer +retrieved):\n%s", diff)
	}
	delete(event, "data")
	delete(event, "changes")
	if diff := cmp.Diff(event, decode(t, got.body)); diff != "" {
		t.Errorf("delivered ping (-answer +delivered):\n%s", diff)
	}
	post(t, s, path+"/disable", "")
	post(t, s, path+"/ping", "")
	if len(deliveries) != 0 {
		t.Error("a disabled destination got a ping")
	}
}

func TestDeliverRetriesUntilAccepted(t *testing.T) {
	t.Parallel()
	s := newSandbox(&stripe.Options{DeliverySchedule: make([]time.Duration, 3)})
	url, deliveries := webhook(t, 503, 302)
	other, others := webhook(t)
	s.Register(url, "whsec_1", "v1.billing.meter.no_meter_found")
	s.Register(other, "whsec_2", "v1.other")
	add(t, s, fullEvent("evt_1"), fullEvent("evt_ctx", `"context":null`, `"context":"acct_1"`), fullEvent("evt_live", `"livemode":false`, `"livemode":true`))
	if err := s.Deliver(t.Context(), "evt_1"); err != nil {
		t.Errorf("Deliver = %v, want nil at the third attempt", err)
	}
	for range 3 {
		got := <-deliveries
		got.verify(t, "whsec_1")
		if _, hasData := decode(t, got.body)["data"]; hasData || field[string](t, got.body, "id") != "evt_1" {
			t.Errorf("delivered %s, want the notification of evt_1", got.body)
		}
	}
	for _, id := range []string{"evt_ctx", "evt_live"} {
		if err := s.Deliver(t.Context(), id); err != nil {
			t.Errorf("Deliver(%s) = %v", id, err)
		}
	}
	if got := <-deliveries; field[string](t, got.body, "id") != "evt_ctx" || len(deliveries) != 0 || len(others) != 0 {
		t.Errorf("after evt_ctx: delivered %s, then %d and %d more", got.body, len(deliveries), len(others))
	}
	if err := s.Deliver(t.Context(), "evt_none"); !errors.Is(err, stripe.ErrNoEvent) {
		t.Errorf("Deliver(evt_none) = %v, want %v", err, stripe.ErrNoEvent)
	}
}

func TestDeliverGivesUpAfterItsSchedule(t *testing.T) {
	t.Parallel()
	s := newSandbox(&stripe.Options{DeliverySchedule: make([]time.Duration, 1)})
	url, deliveries := webhook(t, 500, 400, 200)
	s.Register(url, "whsec_1", "v1.billing.meter.no_meter_found")
	add(t, s, fullEvent("evt_1"))
	if err := s.Deliver(t.Context(), "evt_1"); err == nil || !strings.Contains(err.Error(), "400") || len(deliveries) != 2 {
		t.Errorf("Deliver = %v after %d attempts, want the second attempt's 400", err, len(deliveries))
	}
}

func TestDeliverStopsWithItsContext(t *testing.T) {
	t.Parallel()
	s := newSandbox(&stripe.Options{DeliverySchedule: []time.Duration{time.Hour}})
	url, deliveries := webhook(t, 500)
	s.Register(url, "whsec_1", "v1.billing.meter.no_meter_found")
	add(t, s, fullEvent("evt_1"))
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() { result <- s.Deliver(ctx, "evt_1") }()
	<-deliveries
	cancel()
	if err := <-result; err == nil {
		t.Error("Deliver = nil after its context ended, want an error")
	}
}

func TestDeliverRefusesAddressesOffTheMachine(t *testing.T) {
	t.Parallel()
	s := newSandbox(&stripe.Options{DeliverySchedule: []time.Duration{time.Hour}})
	// 192.0.2.0/24 is reserved for documentation: https://www.rfc-editor.org/rfc/rfc5737.
	s.Register("http://192.0.2.1/hook", "whsec_1", "v1.billing.meter.no_meter_found")
	add(t, s, fullEvent("evt_1"))
	if err := s.Deliver(t.Context(), "evt_1"); !errors.Is(err, stripe.ErrNotLoopback) {
		t.Errorf("Deliver = %v, want %v", err, stripe.ErrNotLoopback)
	}
}

func TestSnapshotsAreListedByDeliverySuccess(t *testing.T) {
	t.Parallel()
	s := newSandbox(nil)
	url, deliveries := webhook(t, 500)
	created := post(t, s, destinations, webhookParams("https://example.com/hook", url, "thin", "snapshot",
		"v1.billing.meter.no_meter_found", "*", `"name"`, `"include":["webhook_endpoint.signing_secret"],"name"`))
	raw := stripe.RenewSnapshot("evt_1", noon)
	if err := s.AddSnapshot(raw); err != nil {
		t.Fatal(err)
	}
	undelivered := func() int { return len(get[v1Page](t, s, "/v1/events?delivery_success=false").Data) }
	if err := s.Deliver(t.Context(), "evt_1"); err == nil || undelivered() != 1 {
		t.Errorf("Deliver = %v, %d undelivered; want an error and 1", err, undelivered())
	}
	if err := s.Deliver(t.Context(), "evt_1"); err != nil || undelivered() != 0 {
		t.Errorf("Deliver = %v, %d undelivered; want nil and 0", err, undelivered())
	}
	<-deliveries
	got := <-deliveries
	got.verify(t, created["webhook_endpoint"].(map[string]any)["signing_secret"].(string))
	if diff := cmp.Diff(string(raw), string(json.RawMessage(got.body))); diff != "" {
		t.Errorf("delivered (-added +delivered):\n%s", diff)
	}
}
