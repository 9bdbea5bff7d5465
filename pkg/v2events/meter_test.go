package v2events_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/pkg/v2events"
)

const meterBody = `{"id":"mtr_1","object":"billing.meter","created":1704824589,"customer_mapping":{"event_payload_key":"stripe_customer_id","type":"by_id"},
	"default_aggregation":{"formula":"sum"},"display_name":"Search API Calls","event_name":"ai_search_api","event_time_window":null,"livemode":false,
	"status":"inactive","status_transitions":{"deactivated_at":1704910989},"updated":1704910989,"value_settings":{"event_payload_key":"value"},"tomorrow":[1]}`

func TestMetersDecode(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]v2events.Meter{
		meterBody: {
			ID: "mtr_1", DisplayName: "Search API Calls", EventName: "ai_search_api", Status: v2events.MeterInactive,
			CustomerMapping: v2events.MeterCustomerMapping{EventPayloadKey: "stripe_customer_id", Type: "by_id"}, Formula: "sum", ValueKey: "value",
			Created: time.Unix(1704824589, 0), Updated: time.Unix(1704910989, 0), DeactivatedAt: time.Unix(1704910989, 0),
		},
		`{}`: {},
		`{"object":null,"customer_mapping":null,"status_transitions":{"deactivated_at":null},"livemode":true,"event_time_window":"hour"}`: {Livemode: true, EventTimeWindow: "hour"},
	} {
		var got v2events.Meter
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Errorf("decoding %s = %v", body, err)
		}
		want.Raw = json.RawMessage(body)
		if diff := cmp.Diff(want, got, timesByInstant); diff != "" {
			t.Errorf("decoding %s (-want +got):\n%s", body, diff)
		}
		sameJSON(t, "meter", got, []byte(body))
	}
	sameJSON(t, "a meter made by hand", v2events.Meter{ID: "mtr_1"}, []byte("null"))
}

func TestUnusableMetersAreRefused(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]error{
		`{"object":"customer"}`:              v2events.ErrObject,
		`{"object":1}`:                       v2events.ErrField,
		`{"id":1}`:                           v2events.ErrField,
		`{"created":"2025-01-01T00:00:00Z"}`: v2events.ErrField,
		`{"status_transitions":[]}`:          v2events.ErrField,
		`{"status_transitions":{"deactivated_at":"soon"}}`: v2events.ErrField,
		`{"id":"a","id":"b"}`:                              v2events.ErrSyntax,
		`[]`:                                               v2events.ErrSyntax,
	} {
		if err := new(v2events.Meter).UnmarshalJSON([]byte(body)); !errors.Is(err, want) {
			t.Errorf("decoding %s = %v, want %v", body, err, want)
		}
	}
}

func TestMeterKeepsItsOwnBytes(t *testing.T) {
	t.Parallel()
	body := []byte(meterBody)
	var m v2events.Meter
	if err := m.UnmarshalJSON(body); err != nil {
		t.Fatal(err)
	}
	clear(body)
	if string(m.Raw) != meterBody {
		t.Errorf("Raw = %q after the caller cleared its buffer", m.Raw)
	}
}
