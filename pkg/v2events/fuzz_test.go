package v2events_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// seed adds the fixtures of the named folders and makes sure that the target's own corpus is there, since a target
// without seeds would still pass, having tried nothing.
func seed(f *testing.F, dirs ...string) {
	f.Helper()
	corpus := filepath.Join("testdata", "fuzz", f.Name())
	if entries, err := os.ReadDir(corpus); err != nil || len(entries) == 0 {
		f.Fatalf("no seeds in %s: %v", corpus, err)
	}
	for _, dir := range dirs {
		for _, data := range fixtures(f, dir) {
			f.Add(data)
		}
	}
}

func eventError(err error) bool {
	return errors.Is(err, v2events.ErrSyntax) || errors.Is(err, v2events.ErrObject) || errors.Is(err, v2events.ErrField)
}

// FuzzParseThinEvent: success means that Raw is the input, that encoding/json agrees and that what is required is there;
// an error means that there is no result.
func FuzzParseThinEvent(f *testing.F) {
	seed(f, "thin", "full", "envelopes")
	f.Fuzz(func(t *testing.T, payload []byte) {
		e, err := v2events.ParseThinEvent(payload)
		if err != nil {
			if e != nil || !eventError(err) {
				t.Fatalf("ParseThinEvent(%q) = %v, %v; want nil and one of the three errors", payload, e, err)
			}
			return
		}
		if !bytes.Equal(e.Raw, payload) || !utf8.Valid(payload) || e.ID == "" || e.Type == "" || e.Object != v2events.Object {
			t.Fatalf("ParseThinEvent(%q) = %+v", payload, e)
		}
		var members map[string]any
		if err := json.Unmarshal(payload, &members); err != nil {
			t.Fatalf("ParseThinEvent accepts %q, encoding/json says %v", payload, err)
		}
		if members["id"] != e.ID || members["type"] != e.Type || members["livemode"] != e.Livemode {
			t.Fatalf("ParseThinEvent(%q) = %+v, encoding/json reads %v", payload, e, members)
		}
		byFields := *e
		byFields.Raw = nil
		encoded, err := json.Marshal(byFields)
		if err != nil {
			t.Fatalf("Marshal(%+v) = %v", byFields, err)
		}
		again, err := v2events.ParseThinEvent(encoded)
		if err != nil {
			t.Fatalf("%q, encoded by fields as %s: %v", payload, encoded, err)
		}
		again.Raw = nil
		if diff := cmp.Diff(&byFields, again, timesByInstant); diff != "" {
			t.Fatalf("%q changes when encoded by fields (-before +after):\n%s", payload, diff)
		}
	})
}

// FuzzParseEvent: what FuzzParseThinEvent says holds for full events, and data decodes or gives a clear error.
func FuzzParseEvent(f *testing.F) {
	seed(f, "thin", "full")
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := v2events.ParseEvent(body)
		if err != nil {
			if e != nil || !eventError(err) {
				t.Fatalf("ParseEvent(%q) = %v, %v; want nil and one of the three errors", body, e, err)
			}
			return
		}
		if !bytes.Equal(e.Raw, body) || e.Data != nil && !json.Valid(e.Data) || e.Changes != nil && !json.Valid(e.Changes) {
			t.Fatalf("ParseEvent(%q) = %+v", body, e)
		}
		report, err := v2events.NewKind[v2events.MeterErrorReport](e.Type).Data(e)
		if err != nil {
			if report != nil || !eventError(err) {
				t.Fatalf("Data of %q = %v, %v; want nil and one of the three errors", body, report, err)
			}
			return
		}
		encoded, err := json.Marshal(report)
		if err != nil {
			t.Fatal(err)
		}
		var again v2events.MeterErrorReport
		if err := json.Unmarshal(encoded, &again); err != nil {
			t.Fatalf("report encoded as %s: %v", encoded, err)
		}
		if diff := cmp.Diff(report, &again, timesByInstant); diff != "" {
			t.Fatalf("the report of %q changes when encoded (-before +after):\n%s", body, diff)
		}
	})
}

// FuzzUnwrapEnvelope: the payload is a part of the input, byte for byte, and an error means that there is no result.
func FuzzUnwrapEnvelope(f *testing.F) {
	seed(f, "envelopes", "thin")
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := v2events.UnwrapEnvelope(body)
		switch {
		case err != nil && (e != nil || !eventError(err) && !errors.Is(err, v2events.ErrEnvelope)):
			t.Fatalf("UnwrapEnvelope(%q) = %v, %v; want nil and one of its errors", body, e, err)
		case err == nil && (!bytes.Contains(body, e.Payload) || !json.Valid(e.Payload)):
			t.Fatalf("UnwrapEnvelope(%q) = %+v", body, e)
		}
	})
}
