package reconcile

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/pkg/v2events"
)

func TestThinFormKeepsEverythingButDataAndChanges(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ full, want string }{
		"no data":          {`{"id":"evt_1"}`, `{"id":"evt_1"}`},
		"data in front":    {`{"data":{"id":"x"},"id":"evt_1"}`, `{"id":"evt_1"}`},
		"data at the end":  {"{\"id\":\"evt_1\",\n \"changes\" : null , \"data\": {}\n}\n", `{"id":"evt_1"}`},
		"nothing else":     {`{"data":1,"changes":2}`, `{}`},
		"unknown members":  {`{"new":{"data": 1},"big":1e400,"text":"\u00e9<é>"}`, `{"new":{"data": 1},"big":1e400,"text":"\u00e9<é>"}`},
		"names to escape":  {`{"a\"b":1,"d\u0061ta":2,"é":3}`, `{"a\"b":1,"é":3}`},
		"data is not data": {`{"Data":1,"data2":2}`, `{"Data":1,"data2":2}`},
	}
	for name, tt := range tests {
		if diff := cmp.Diff(tt.want, string(thin([]byte(tt.full)))); diff != "" {
			t.Errorf("%s: thin(%s): -want +got:\n%s", name, tt.full, diff)
		}
	}
}

// FuzzThin: the thin form of any full event is a thin event with the same members, and contains no
// data.
func FuzzThin(f *testing.F) {
	f.Fuzz(func(t *testing.T, full []byte) {
		event, err := v2events.ParseEvent(full)
		if err != nil {
			return
		}
		got, err := v2events.ParseEvent(thin(event.Raw))
		if err != nil {
			t.Fatalf("thin form of %q: %v", full, err)
		}
		if got.Data != nil || got.Changes != nil || bytes.Contains(thin(event.Raw), []byte(`"data":`)) && !bytes.Contains(full, []byte(`"data":`)) {
			t.Errorf("thin form of %q contains data: %q", full, got.Raw)
		}
		want := event.ThinEvent
		want.Raw, got.Raw = nil, nil
		if diff := cmp.Diff(want, got.ThinEvent); diff != "" {
			t.Errorf("thin form of %q: -want +got:\n%s", full, diff)
		}
	})
}
