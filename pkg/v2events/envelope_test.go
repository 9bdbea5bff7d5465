package v2events_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/pkg/v2events"
)

func TestEnvelopesAreUnwrapped(t *testing.T) {
	t.Parallel()
	const partner = v2events.PartnerSourcePrefix + "ed_test_61R2"
	envelopes, newYear := fixtures(t, "envelopes"), time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	want := map[string]v2events.Envelope{
		"native": {
			Carrier: v2events.CarrierEventBridge, ID: "3d2a3c1e-0000-4000-8000-000000000000", Source: partner,
			Type: "v1.billing.meter.error_report_triggered", Object: v2events.Object, Payload: detail(t, envelopes["native"]),
			Time: time.Date(2024, 8, 28, 20, 54, 13, 0, time.UTC),
		},
		"native_snapshot": {
			Carrier: v2events.CarrierEventBridge, ID: "4", Source: partner, Type: "customer.created", Object: "event",
			Payload: detail(t, envelopes["native_snapshot"]),
		},
		"ours": {
			Carrier: v2events.CarrierEventBridge, ID: "5", Source: "stripe.thin", Type: "v2.core.event_destination.ping", Object: v2events.Object,
			Payload: detail(t, envelopes["ours"]), Time: newYear,
		},
		"eventgrid": {
			Carrier: v2events.CarrierCloudEvents, ID: "6", Source: "/providers/stripe/ed_test_61R2", Type: "v1.billing.meter.no_meter_found",
			Object: v2events.Object, Payload: member(t, envelopes["eventgrid"], "data"), Time: newYear,
		},
		"bare":          {Carrier: v2events.CarrierNone, Type: "a.b", Object: v2events.Object, Payload: envelopes["bare"]},
		"bare_snapshot": {Carrier: v2events.CarrierNone, Type: "customer.created", Object: "event", Payload: envelopes["bare_snapshot"]},
	}
	fromStripe := map[string]bool{"native": true, "native_snapshot": true}
	for name, body := range envelopes {
		want, ok := want[name]
		if !ok {
			t.Errorf("no expectation for fixture %s", name)
			continue
		}
		got, err := v2events.UnwrapEnvelope(body)
		if err != nil {
			t.Errorf("%s: UnwrapEnvelope = %v", name, err)
			continue
		}
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if got.FromStripe() != fromStripe[name] {
			t.Errorf("%s: FromStripe = %v, want %v", name, got.FromStripe(), fromStripe[name])
		}
		if got.Object == v2events.Object {
			if _, err := v2events.ParseThinEvent(got.Payload); err != nil {
				t.Errorf("%s: payload %s: %v", name, got.Payload, err)
			}
		}
	}
}

func TestEnvelopeWithoutATimeEncodesWithoutOne(t *testing.T) {
	t.Parallel()
	got, err := v2events.UnwrapEnvelope([]byte(`{"detail":{"object":"event"},"time":"yesterday"}`))
	if err != nil {
		t.Fatal(err)
	}
	if encoded := string(marshal(t, got)); strings.Contains(encoded, "Time") || strings.Contains(encoded, "0001") {
		t.Errorf("an envelope without a time encodes as %s", encoded)
	}
}

func TestEnvelopesAreRecognisedInTheSDKsOrder(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]v2events.Carrier{
		`{"detail":{},"specversion":"1.0","data":{},"object":"event"}`:      v2events.CarrierEventBridge,
		`{"specversion":"1.0","data":{},"object":"v2.core.event"}`:          v2events.CarrierCloudEvents,
		`{"specversion":"1.0","object":"v2.core.event"}`:                    v2events.CarrierNone,
		`{"data":{},"object":"v2.core.event"}`:                              v2events.CarrierNone,
		`{"detail":{"detail":{"object":"event"}},"source":"stripe.thin.x"}`: v2events.CarrierEventBridge,
	} {
		if got, err := v2events.UnwrapEnvelope([]byte(body)); err != nil || got.Carrier != want {
			t.Errorf("UnwrapEnvelope(%s) = %+v, %v; want %s", body, got, err, want)
		}
	}
}

// A carrier's time is optional, so an event with an unreadable one is still accepted.
func TestOddTimesOfEnvelopesAreZero(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Time{
		`"2025-01-01T00:00:00.5Z"`:        time.Date(2025, 1, 1, 0, 0, 0, 5e8, time.UTC),
		`"2025-01-01T0:00:00Z"`:           {},
		`"yesterday"`:                     {},
		`1735689600`:                      {},
		`null`:                            {},
		`{"time":"2025-01-01T00:00:00Z"}`: {},
		`"2025-01-01T00:00:00Z","detail-type":"a.b"`:   time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC),
		`"\u0032025-01-01T00:00:00Z","detail-type":""`: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		body := `{"detail":{"object":"event"},"time":` + text + `}`
		if got, err := v2events.UnwrapEnvelope([]byte(body)); err != nil || !got.Time.Equal(want) {
			t.Errorf("UnwrapEnvelope(%s) = %+v, %v; want the time %v", body, got, err, want)
		}
	}
}

func TestUnusableEnvelopesAreRefused(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]error{
		`{}`:                                 v2events.ErrEnvelope,
		`{"object":"list"}`:                  v2events.ErrEnvelope,
		`{"object":{"object":"event"}}`:      v2events.ErrEnvelope,
		`{"specversion":"1.0"}`:              v2events.ErrEnvelope,
		`{"data":{"object":"event"}}`:        v2events.ErrEnvelope,
		`{"object":"event","type":1}`:        v2events.ErrField,
		`{"detail":null}`:                    v2events.ErrField,
		`{"detail":"{}"}`:                    v2events.ErrField,
		`{"detail":[]}`:                      v2events.ErrField,
		`{"detail":{"object":1}}`:            v2events.ErrField,
		`{"detail":{},"source":1}`:           v2events.ErrField,
		`{"specversion":"1.0","data":"{}"}`:  v2events.ErrField,
		`{"detail":{},"detail":{}}`:          v2events.ErrSyntax,
		`{"detail":{"id":"a","id":"b"}}`:     v2events.ErrSyntax,
		`{"detail":{"object":"event"}`:       v2events.ErrSyntax,
		`[{"detail":{"object":"event"}}]`:    v2events.ErrSyntax,
		``:                                   v2events.ErrSyntax,
		strings.Repeat(`{"detail":`, 100000): v2events.ErrSyntax,
	} {
		if got, err := v2events.UnwrapEnvelope([]byte(body)); got != nil || !errors.Is(err, want) {
			t.Errorf("UnwrapEnvelope(%.80s) = %+v, %v; want nil, %v", body, got, err, want)
		}
	}
}

func TestParseEnvelopeReturnsTheEvent(t *testing.T) {
	t.Parallel()
	full := string(fixtures(t, "full")["error_report_triggered"])
	snapshot := `{"id":"evt_1","object":"event","type":"customer.created","created":1,"livemode":true,"data":{"object":{}}}`
	for name, tc := range map[string]struct {
		body         string
		id, snapshot string
		full         bool
	}{
		"native":         {string(fixtures(t, "envelopes")["native"]), "evt_test_65R2", "", false},
		"Event Grid":     {string(fixtures(t, "envelopes")["eventgrid"]), "evt_65RD", "", false},
		"full":           {`{"source":"stripe.event","detail":` + full + `}`, "evt_test_65R2", "", true},
		"full, no data":  {`{"detail":{"id":"evt_1","object":"v2.core.event","type":"a","created":"2025-01-01T00:00:00Z","livemode":true,"data":null}}`, "evt_1", "", true},
		"bare":           {event("evt_1", "a.b"), "evt_1", "", true},
		"bare and thin":  {strings.Replace(event("evt_1", "a.b"), `,"data":{}`, "", 1), "evt_1", "", false},
		"Stripe's, data": {`{"source":"aws.partner/stripe.com/ed_1","detail":` + event("evt_1", "a.b") + `}`, "evt_1", "", false},
		"Azure's, data":  {`{"specversion":"1.0","data":` + event("evt_1", "a.b") + `}`, "evt_1", "", false},
		"snapshot":       {`{"detail":` + snapshot + `}`, "", "evt_1", false},
		"bare snapshot":  {snapshot, "", "evt_1", false},
		"snapshot in CE": {`{"specversion":"1.0","data":` + snapshot + `}`, "", "evt_1", false},
	} {
		want, err := v2events.UnwrapEnvelope([]byte(tc.body))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := v2events.ParseEnvelope([]byte(tc.body))
		if err != nil {
			t.Errorf("%s: ParseEnvelope = %v", name, err)
			continue
		}
		if diff := cmp.Diff(*want, got.Envelope); diff != "" {
			t.Errorf("%s: envelope (-want +got):\n%s", name, diff)
		}
		var id, snapshot string
		if got.Event != nil {
			id = got.Event.ID
		}
		if got.Snapshot != nil {
			snapshot = got.Snapshot.ID
		}
		if id != tc.id || snapshot != tc.snapshot || got.Full != tc.full {
			t.Errorf("%s: ParseEnvelope = event %q, snapshot %q, full %v; want %+v", name, id, snapshot, got.Full, tc)
		}
	}
}

func TestEnvelopesWithoutAnEventAreRefused(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]error{
		`{}`:                               v2events.ErrEnvelope,
		`{"detail":null}`:                  v2events.ErrField,
		`{"detail":{}}`:                    v2events.ErrObject,
		`{"detail":{"object":"customer"}}`: v2events.ErrObject,
		`{"detail":{"object":"event"}}`:    v2events.ErrField,
		`{"object":"v2.core.event"}`:       v2events.ErrField,
		`{"detail":{"object":"event"}`:     v2events.ErrSyntax,
		``:                                 v2events.ErrSyntax,
	} {
		if got, err := v2events.ParseEnvelope([]byte(body)); got != nil || !errors.Is(err, want) {
			t.Errorf("ParseEnvelope(%s) = %+v, %v; want nil, %v", body, got, err, want)
		}
	}
}

func detail(t *testing.T, body []byte) json.RawMessage {
	t.Helper()
	return member(t, body, "detail")
}

// member returns a member byte for byte, as encoding/json finds it.
func member(t *testing.T, body []byte, name string) json.RawMessage {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		t.Fatal(err)
	}
	return members[name]
}
