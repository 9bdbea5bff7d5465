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

func TestEventsAreParsed(t *testing.T) {
	t.Parallel()
	want := map[string]struct {
		id, changes string
		hasData     bool
	}{
		"error_report_triggered": {"evt_test_65R2", `{}`, true},
		"no_meter_found":         {"evt_test_65R9", ``, true},
		"ping":                   {"evt_65RC", ``, false},
		"account_updated":        {"evt_65A1", `{"before": {"display_name": "a"}, "after": {"display_name": "b"}}`, true},
	}
	for name, body := range fixtures(t, "full") {
		got, err := v2events.ParseEvent(body)
		if err != nil {
			t.Fatalf("ParseEvent(%s) = %v", body, err)
		}
		w := want[name]
		if got.ID != w.id || string(got.Changes) != w.changes || (got.Data != nil) != w.hasData || string(got.Raw) != string(body) {
			t.Errorf("ParseEvent(%s) = %+v, want %+v", body, got, w)
		}
	}
}

func TestUnusableEventsAreRefused(t *testing.T) {
	t.Parallel()
	const begin = `{"id":"evt_1","object":"v2.core.event","type":"a.b","created":"2025-01-01T00:00:00Z","livemode":false`
	for body, want := range map[string]error{
		begin + `,"data":[]}`:            v2events.ErrField,
		begin + `,"data":"{}"}`:          v2events.ErrField,
		begin + `,"changes":7}`:          v2events.ErrField,
		begin + `,"data":{"a":1,"a":2}}`: v2events.ErrSyntax,
		begin + `,"data":{}`:             v2events.ErrSyntax,
		`{"object":"event","data":{}}`:   v2events.ErrObject,
		`{"object":"v2.core.event"}`:     v2events.ErrField,
	} {
		if got, err := v2events.ParseEvent([]byte(body)); got != nil || !errors.Is(err, want) {
			t.Errorf("ParseEvent(%s) = %v, %v; want nil, %v", body, got, err, want)
		}
	}
}

func parseEvent(t *testing.T, body []byte) *v2events.Event {
	t.Helper()
	e, err := v2events.ParseEvent(body)
	if err != nil {
		t.Fatalf("ParseEvent(%s) = %v", body, err)
	}
	return e
}

func TestEventsEncodeAsTheyCame(t *testing.T) {
	t.Parallel()
	for name, payload := range fixtures(t, "full") {
		var e v2events.Event
		if err := json.Unmarshal(payload, &e); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		sameJSON(t, name+" by Raw", e, payload)
		e.Raw = nil
		var members map[string]any
		if err := json.Unmarshal(payload, &members); err != nil {
			t.Fatal(err)
		}
		// Encoded from fields, absent members and {} become null, which readers of events treat
		// alike.
		for _, optional := range []string{"context", "reason", "related_object", "changes"} {
			if v, ok := members[optional].(map[string]any); !ok && members[optional] == nil || optional == "related_object" && len(v) == 0 {
				members[optional] = nil
			}
		}
		normalised, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		sameJSON(t, name+" by fields", e, normalised)
	}
	for name, payload := range fixtures(t, "thin") {
		var e v2events.ThinEvent
		if err := json.Unmarshal(payload, &e); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		sameJSON(t, name+" by Raw", e, payload)
		e.Raw = nil
		again := new(v2events.ThinEvent)
		if err := json.Unmarshal(marshal(t, e), again); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		again.Raw = nil
		if diff := cmp.Diff(&e, again, timesByInstant); diff != "" {
			t.Errorf("%s: encoded by fields and decoded again (-want +got):\n%s", name, diff)
		}
	}
}

// A time that is not set is encoded as absent, not as the year 1.
func TestZeroTimesEncodeAsAbsent(t *testing.T) {
	t.Parallel()
	for _, v := range []any{
		v2events.ThinEvent{ID: "evt_1", Type: "a.b"}, v2events.Event{ThinEvent: v2events.ThinEvent{ID: "evt_1", Type: "a.b"}},
		v2events.MeterErrorReport{}, v2events.Destination{ID: "ed_1"},
	} {
		if encoded := string(marshal(t, v)); strings.Contains(encoded, "0001-01-01") || strings.Contains(encoded, "created") {
			t.Errorf("%T encodes as %s", v, encoded)
		}
	}
}

func TestUnmarshalRefusesOtherObjects(t *testing.T) {
	t.Parallel()
	for _, into := range []any{new(v2events.ThinEvent), new(v2events.Event)} {
		if err := json.Unmarshal([]byte(`{"object":"event"}`), into); !errors.Is(err, v2events.ErrObject) {
			t.Errorf("decoding a snapshot into %T = %v, want %v", into, err, v2events.ErrObject)
		}
	}
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("Marshal(%+v) = %v", v, err)
	}
	return data
}

// sameJSON compares what v encodes to with want, as JSON values whose date-times are equal if they
// are the same instant.
func sameJSON(t *testing.T, what string, v any, want []byte) {
	t.Helper()
	var wantValue, gotValue any
	if err := json.Unmarshal(want, &wantValue); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(marshal(t, v), &gotValue); err != nil {
		t.Fatal(err)
	}
	sameInstant := cmp.Comparer(func(a, b string) bool {
		ta, errA := time.Parse(time.RFC3339, a)
		tb, errB := time.Parse(time.RFC3339, b)
		return a == b || errA == nil && errB == nil && ta.Equal(tb)
	})
	if diff := cmp.Diff(wantValue, gotValue, sameInstant); diff != "" {
		t.Errorf("%s encodes differently (-want +got):\n%s", what, diff)
	}
}

func BenchmarkParseThinEvent(b *testing.B) {
	payload := fixtures(b, "thin")["error_report_triggered"]
	b.ReportAllocs()
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		if _, err := v2events.ParseThinEvent(payload); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseEvent(b *testing.B) {
	body := fixtures(b, "full")["error_report_triggered"]
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := v2events.ParseEvent(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMeterErrorReport(b *testing.B) {
	event, err := v2events.ParseEvent(fixtures(b, "full")["error_report_triggered"])
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(event.Data)))
	for b.Loop() {
		if _, err := v2events.MeterErrorReportTriggered.Data(event); err != nil {
			b.Fatal(err)
		}
	}
}
