package v2events_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/pkg/v2events"
)

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
		// By fields, what was absent is null and {} is null, which are the same to every reader of events.
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

func TestUnmarshalRefuses(t *testing.T) {
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

// sameJSON compares what v encodes to with want, as JSON values whose date-times are equal if they are the same instant.
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
