package sandbox

import (
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	emulator "github.com/meterbridge/meterbridge/internal/emulator/stripe"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v1events"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// Unlike stripe-go, our client keeps the context after the first page.
func TestOurClientListsAllPagesInTheirContext(t *testing.T) {
	t.Parallel()
	s, url := serve(t, nil)
	want := addSamples(t, s, 3)
	events := v2events.NewClient(ours(t, url))
	got := collect(t, events.List(t.Context(), v2events.EventListParams{
		Limit: 2, Types: []string{"v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found", "v2.core.event_destination.ping"},
		Created: v2events.Range{GTE: nowMinusMinute().AddDate(0, 0, -1), LT: nowMinusMinute()},
	}), func(e *v2events.Event) string { return e.ID })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
	for _, id := range []string{"evt_1", "evt_2"} {
		sample := emulator.Samples()[0].Renew(id, nowMinusMinute())
		if err := s.AddEvent([]byte(strings.Replace(string(sample.Full), `"context":null`, `"context":"acct_1"`, 1))); err != nil {
			t.Fatal(err)
		}
	}
	got = collect(t, events.List(t.Context(), v2events.EventListParams{Limit: 1, Context: "acct_1"}), func(e *v2events.Event) string { return e.ID })
	if diff := cmp.Diff([]string{"evt_2", "evt_1"}, got); diff != "" {
		t.Errorf("List in context (-want +got):\n%s", diff)
	}
}

func TestOurClientManagesDestinations(t *testing.T) {
	t.Parallel()
	_, url := serve(t, nil)
	destinations := v2events.NewClient(ours(t, url)).Destinations()
	var want []string
	for range 3 {
		d, err := destinations.Create(t.Context(), v2events.DestinationCreateParams{
			Name: "meters", Type: "webhook_endpoint", EventPayload: "thin", EnabledEvents: []string{"v1.billing.meter.no_meter_found"},
			Metadata: map[string]string{"a": "1"}, WebhookEndpoint: &v2events.WebhookEndpointParams{URL: "https://example.com/hook"},
		})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(d.WebhookEndpoint.SigningSecret), "whsec_") {
			t.Error("created without a signing secret")
		}
		want = append([]string{d.ID}, want...)
	}
	got := collect(t, destinations.List(t.Context(), v2events.DestinationListParams{Limit: 1}), func(d *v2events.Destination) string { return d.ID })
	if diff := cmp.Diff(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))); diff != "" {
		t.Errorf("List, in any order (-want +got):\n%s", diff)
	}
	for _, test := range []struct {
		do   func(id string) (*v2events.Destination, error)
		want v2events.DestinationStatus
	}{
		{func(id string) (*v2events.Destination, error) { return destinations.Disable(t.Context(), id) }, "disabled"},
		{func(id string) (*v2events.Destination, error) { return destinations.Enable(t.Context(), id) }, "enabled"},
		{func(id string) (*v2events.Destination, error) { return destinations.Retrieve(t.Context(), id) }, "enabled"},
	} {
		if d, err := test.do(want[0]); err != nil || d.Status != test.want {
			t.Errorf("destination = %+v, %v, want %s", d, err, test.want)
		}
	}
	if e, err := destinations.Ping(t.Context(), want[0]); err != nil || e.RelatedObject.ID != want[0] {
		t.Errorf("Ping = %+v, %v", e, err)
	}
	if err := destinations.Delete(t.Context(), want[0]); err != nil {
		t.Errorf("Delete = %v", err)
	}
	if _, err := destinations.Retrieve(t.Context(), want[0]); !errors.Is(err, stripeapi.ErrNotFound) {
		t.Errorf("Retrieve after Delete = %v, want %v", err, stripeapi.ErrNotFound)
	}
}

func TestOurClientReadsV1EventsBothWays(t *testing.T) {
	t.Parallel()
	s, url := serve(t, nil)
	for _, id := range []string{"evt_1", "evt_2", "evt_3", "evt_4"} {
		if err := s.AddSnapshot(emulator.RenewSnapshot(id, nowMinusMinute())); err != nil {
			t.Fatal(err)
		}
	}
	events := v1events.NewClient(ours(t, url))
	for _, tt := range []struct {
		params v1events.ListParams
		want   []string
	}{
		{v1events.ListParams{Limit: 1, Type: "customer.*"}, []string{"evt_4", "evt_3", "evt_2", "evt_1"}},
		{v1events.ListParams{Limit: 2, StartingAfter: "evt_4", Types: []string{"customer.created"}}, []string{"evt_3", "evt_2", "evt_1"}},
		{v1events.ListParams{Limit: 2, EndingBefore: "evt_1", DeliverySuccess: new(false)}, []string{"evt_2", "evt_3", "evt_4"}},
	} {
		got := collect(t, events.List(t.Context(), tt.params), func(e *v1events.Event) string { return e.ID })
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("List(%+v) (-want +got):\n%s", tt.params, diff)
		}
	}
}

// collect reads a list to its end.
func collect[T any](t *testing.T, items iter.Seq2[T, error], id func(T) string) (ids []string) {
	t.Helper()
	for item, err := range items {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id(item))
	}
	return ids
}
