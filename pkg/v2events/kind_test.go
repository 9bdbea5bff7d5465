package v2events_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

// A caller's type may contain this package's types.
func TestNullReadsAsZeroInOwnKinds(t *testing.T) {
	t.Parallel()
	type data struct {
		Report v2events.MeterErrorReport
		Meter  v2events.Meter
		Count  int
		When   time.Time
	}
	kind := v2events.NewKind[data]("a.b")
	e := &v2events.Event{ThinEvent: v2events.ThinEvent{Type: "a.b"}, Data: json.RawMessage(`{"report":null,"meter":null,"count":null,"when":null}`)}
	got, err := kind.Data(e)
	if diff := cmp.Diff(new(data), got); err != nil || diff != "" {
		t.Errorf("Data = %v (-want +got):\n%s", err, diff)
	}
}

// encoding/json and package time quote what they cannot decode.
func TestErrorsOfOwnKindsNameMembersAndQuoteNothing(t *testing.T) {
	t.Parallel()
	type data struct {
		Count int `json:"count"`
		When  struct {
			Start time.Time `json:"start"`
		} `json:"when"`
	}
	kind := v2events.NewKind[data]("a.b")
	thin := &v2events.ThinEvent{ID: "evt_1", Type: "a.b", RelatedObject: &v2events.RelatedObject{URL: "/v1/x"}}
	for body, want := range map[string]string{
		`{"count": 4242.4242}`:              "count: a number where int is due",
		`{"count": "4242"}`:                 "count: a string where int is due",
		`{"count": {"x": 4242}}`:            "count: an object where int is due",
		`{"count": [4242]}`:                 "count: an array where int is due",
		`{"count": true, "x": 4242}`:        "count: a boolean where int is due",
		`{"when": {"start": "4242"}}`:       "not an RFC 3339 date and time",
		`{"when": {"start": 4242}}`:         "Time.UnmarshalJSON: input is not a JSON string",
		`{"when": [], "count": 4242424242}`: "when: an array where struct is due",
	} {
		e := &v2events.Event{ThinEvent: *thin, Data: json.RawMessage(body)}
		_, dataErr := kind.Data(e)
		_, objectErr := v2events.RelatedObjectAs[data](t.Context(), v2events.NewClient(stub(t, 200, body)), thin)
		for _, err := range []error{dataErr, objectErr} {
			if !errors.Is(err, v2events.ErrField) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "4242") {
				t.Errorf("decoding %s = %v; want %v with %q and no value", body, err, v2events.ErrField, want)
			}
		}
	}
	var original *json.UnmarshalTypeError
	if _, err := kind.Data(&v2events.Event{ThinEvent: *thin, Data: json.RawMessage(`{"count": "4242"}`)}); !errors.As(err, &original) {
		t.Errorf("Data = %v, which hides the error of encoding/json", err)
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
