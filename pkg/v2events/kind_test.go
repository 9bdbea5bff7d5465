package v2events_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

func TestOwnKindsDecode(t *testing.T) {
	t.Parallel()
	type change struct{ Count int }
	kind := v2events.NewKind[change]("a.b")
	e := &v2events.Event{ThinEvent: v2events.ThinEvent{Type: "a.b"}, Data: json.RawMessage(`{"count": 4}`)}
	if got, err := kind.Data(e); err != nil || got.Count != 4 || kind.Type() != "a.b" {
		t.Errorf("%s: Data = %+v, %v; want a count of 4", kind.Type(), got, err)
	}
	if err := kind.Validate(e); err != nil {
		t.Errorf("Validate without a published schema = %v", err)
	}
	e.Data = nil
	if got, err := kind.Data(e); err != nil || got.Count != 0 {
		t.Errorf("Data of an event without data = %+v, %v; want zero", got, err)
	}
	e.Data = json.RawMessage(`{"count": "four"}`)
	if got, err := kind.Data(e); got != nil || !errors.Is(err, v2events.ErrField) {
		t.Errorf("Data = %v, %v; want nil, %v", got, err, v2events.ErrField)
	}
	if err := kind.Validate(e); !errors.Is(err, v2events.ErrField) {
		t.Errorf("Validate = %v, want %v", err, v2events.ErrField)
	}
	e.Type = "c.d"
	if err := v2events.MeterNotFound.Validate(e); !errors.Is(err, v2events.ErrKind) {
		t.Errorf("Validate of another type = %v, want %v", err, v2events.ErrKind)
	}
	if got, err := kind.Data(e); got != nil || !errors.Is(err, v2events.ErrKind) {
		t.Errorf("Data of another type = %v, %v; want nil, %v", got, err, v2events.ErrKind)
	}
	var zero v2events.Kind[change]
	if got, err := zero.Data(&v2events.Event{}); got != nil || !errors.Is(err, v2events.ErrKind) {
		t.Errorf("zero Kind: Data = %v, %v; want nil, %v", got, err, v2events.ErrKind)
	}
	if got, err := v2events.EventDestinationPing.Data(parseEvent(t, fixtures(t, "full")["ping"])); err != nil || got == nil {
		t.Errorf("ping with null data: Data = %v, %v; want the empty struct", got, err)
	}
}

func TestKindFetchesAndDecodes(t *testing.T) {
	t.Parallel()
	thin := &v2events.ThinEvent{ID: "evt_1", Type: "a.b"}
	get := exchange{Method: http.MethodGet, URI: "/v2/core/events/evt_1", Trigger: "event=evt_1", answer: event("evt_1", "a.b")}
	gone, odd := get, get
	gone.status, gone.answer = http.StatusNotFound, notFound
	odd.answer = `{"id":"evt_1","object":"v2.core.event","type":"a.b","created":"2025-01-01T00:00:00Z","livemode":false,"data":{"Count":"four"}}`
	client := play(t, get, gone, odd)
	kind := v2events.NewKind[struct{ Count int }]("a.b")
	if e, data, err := kind.Fetch(t.Context(), client, thin); err != nil || e.ID != "evt_1" || data == nil {
		t.Errorf("Fetch = %v, %v, %v", e, data, err)
	}
	for _, want := range []error{stripeapi.ErrNotFound, v2events.ErrField, v2events.ErrKind} {
		if e, data, err := kind.Fetch(t.Context(), client, thin); e != nil || data != nil || !errors.Is(err, want) {
			t.Errorf("Fetch = %v, %v, %v; want %v", e, data, err, want)
		}
		if want == v2events.ErrField {
			thin.Type = "c.d" // and nothing is requested
		}
	}
}
