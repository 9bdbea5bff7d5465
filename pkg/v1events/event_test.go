package v1events_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/pkg/stripesig"
	"github.com/meterbridge/meterbridge/pkg/v1events"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

func TestEventsAreParsed(t *testing.T) {
	t.Parallel()
	want := map[string]v1events.Event{
		"customer_updated": {
			ID: "evt_1NG8Du2eZvKYlo2CUI79vXWy", APIVersion: "2026-10-28.endive", Created: time.Unix(1686089970, 0).UTC(), Type: "customer.updated",
			PendingWebhooks: 2, Request: &v1events.Request{ID: "req_1", IdempotencyKey: "key_1"}, Account: "acct_1", Context: "acct_1",
			Data: v1events.Data{
				Object:             json.RawMessage(`{"id": "cus_1", "object": "customer",  "email": "a@example.com"}`),
				PreviousAttributes: json.RawMessage(`{"email": null}`),
			},
		},
		"without_request": {
			ID: "evt_2", Created: time.Unix(1686089971, 0).UTC(), Type: "balance.available", Livemode: true, Data: v1events.Data{Object: json.RawMessage(`{}`)},
		},
		"before_2017": {
			ID: "evt_3", Created: time.Unix(1420070400, 0).UTC(), Type: "charge.succeeded", Livemode: true,
			Request: &v1events.Request{ID: "req_old"}, Data: v1events.Data{Object: json.RawMessage(`{"id": "ch_1"}`)},
		},
	}
	for name, body := range fixtures(t) {
		want, ok := want[name]
		if !ok {
			t.Errorf("no expectation for fixture %s", name)
			continue
		}
		want.Object, want.Raw = v1events.Object, body
		got, err := v1events.ParseEvent(body)
		if err != nil {
			t.Errorf("ParseEvent(%s) = %v", body, err)
			continue
		}
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestUnusableEventsAreRefused(t *testing.T) {
	t.Parallel()
	const valid = `{"id":"evt_1","object":"event","created":1,"data":{"object":{}},"livemode":true,"type":"a.b","request":null}`
	for name, tc := range map[string]struct {
		old, new string
		want     error
		text     string
	}{
		"thin event":              {`"event"`, `"v2.core.event"`, v1events.ErrObject, "v2events.ParseThinEvent"},
		"another object":          {`"event"`, `"customer"`, v1events.ErrObject, `is not "event"`},
		"no object":               {`"object":"event",`, ``, v1events.ErrObject, `is not "event"`},
		"object of another kind":  {`"event"`, `[]`, v1events.ErrField, "object: an array"},
		"no id":                   {`"id":"evt_1",`, ``, v1events.ErrField, "id: missing"},
		"no type":                 {`"type":"a.b",`, ``, v1events.ErrField, "type: missing"},
		"created as text":         {`"created":1`, `"created":"2025-01-01T00:00:00Z"`, v1events.ErrField, "created: not a whole number"},
		"created in fractions":    {`"created":1`, `"created":1.5`, v1events.ErrField, "created: not a whole number"},
		"no created":              {`"created":1,`, ``, v1events.ErrField, "created: missing"},
		"no livemode":             {`"livemode":true,`, ``, v1events.ErrField, "livemode: missing"},
		"no data":                 {`"data":{"object":{}},`, ``, v1events.ErrField, "data: missing"},
		"null data":               {`"data":{"object":{}}`, `"data":null`, v1events.ErrField, "data: null"},
		"no data object":          {`"data":{"object":{}}`, `"data":{}`, v1events.ErrField, "data.object: missing"},
		"null data object":        {`{"object":{}}`, `{"object":null}`, v1events.ErrField, "data.object: null"},
		"attributes as a list":    {`{"object":{}}`, `{"object":{},"previous_attributes":[]}`, v1events.ErrField, "data.previous_attributes: an array"},
		"request as a number":     {`"request":null`, `"request":7`, v1events.ErrField, "request: a number"},
		"request id as a number":  {`"request":null`, `"request":{"id":7}`, v1events.ErrField, "request.id: a number"},
		"webhooks as a word":      {`"request":null`, `"pending_webhooks":"two"`, v1events.ErrField, "pending_webhooks: not a whole number"},
		"duplicate name":          {`"request":null`, `"id":"evt_2"`, v1events.ErrSyntax, "twice"},
		"truncated":               {`"request":null}`, `"request":`, v1events.ErrSyntax, "invalid JSON"},
		"null":                    {valid, `null`, v1events.ErrSyntax, "null"},
		"account of another kind": {`"request":null`, `"account":{}`, v1events.ErrField, "account: an object"},
	} {
		body := strings.Replace(valid, tc.old, tc.new, 1)
		got, err := v1events.ParseEvent([]byte(body))
		if body == valid || got != nil || !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: ParseEvent(%s) = %v, %v; want nil, %v with %q", name, body, got, err, tc.want, tc.text)
		}
	}
	if _, err := v1events.ParseEvent([]byte(valid)); err != nil {
		t.Errorf("ParseEvent(%s) = %v", valid, err)
	}
}

func TestConstructEventVerifiesBeforeItParses(t *testing.T) {
	t.Parallel()
	const secret = stripesig.Secret("whsec_test_secret")
	now := time.Unix(1700000000, 0)
	verifier, err := stripesig.NewVerifier([]stripesig.Secret{secret}, &stripesig.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	payload, thin, junk := fixtures(t)["customer_updated"], []byte(`{"object":"v2.core.event"}`), []byte(`{"object":`)
	for name, tc := range map[string]struct {
		payload []byte
		header  string
		want    error
	}{
		"genuine":           {payload, secret.Sign(payload, now), nil},
		"forged":            {payload, secret.Sign(thin, now), stripesig.ErrMismatch},
		"unsigned":          {payload, "", stripesig.ErrMissing},
		"old":               {payload, secret.Sign(payload, now.Add(-time.Hour)), stripesig.ErrExpired},
		"thin":              {thin, secret.Sign(thin, now), v1events.ErrObject},
		"thin and forged":   {thin, "t=1,v1=00", stripesig.ErrMismatch},
		"junk, but genuine": {junk, secret.Sign(junk, now), v1events.ErrSyntax},
		"empty and genuine": {nil, secret.Sign(nil, now), v1events.ErrSyntax},
	} {
		got, err := v1events.ConstructEvent(tc.payload, tc.header, verifier)
		if !errors.Is(err, tc.want) || (got == nil) != (tc.want != nil) {
			t.Errorf("%s: ConstructEvent = %v, %v; want %v", name, got, err, tc.want)
		}
	}
	if got, err := v1events.ConstructEvent(payload, secret.Sign(payload, now), nil); got != nil || !errors.Is(err, stripesig.ErrSecret) {
		t.Errorf("without a verifier: ConstructEvent = %v, %v; want %v", got, err, stripesig.ErrSecret)
	}
	if _, err := v2events.ParseThinEvent(payload); !errors.Is(err, v1events.ErrObject) {
		t.Errorf("ParseThinEvent of a snapshot = %v, want the same %v", err, v1events.ErrObject)
	}
}

// The object stays raw JSON, so no shape is assumed and any version is accepted.
func TestSnapshotsOfAnyVersionAreAccepted(t *testing.T) {
	t.Parallel()
	for _, version := range []string{`"2011-01-01"`, `"2026-10-28.endive"`, `"2031-04-01.unheard_of"`, `""`, `null`} {
		body := `{"id":"evt_1","object":"event","api_version":` + version + `,"created":1,"data":{"object":{}},"livemode":false,"type":"a.b"}`
		if e, err := v1events.ParseEvent([]byte(body)); err != nil || e.APIVersion != strings.Trim(version, `"nul`) {
			t.Errorf("ParseEvent of version %s = %+v, %v", version, e, err)
		}
	}
}

func TestEventsEncodeAsTheyCame(t *testing.T) {
	t.Parallel()
	for name, body := range fixtures(t) {
		var e v1events.Event
		if err := json.Unmarshal(body, &e); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := json.Marshal(e)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var want, have any
		if err := errors.Join(json.Unmarshal(body, &want), json.Unmarshal(got, &have)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("%s encodes differently (-want +got):\n%s", name, diff)
		}
	}
	var e v1events.Event
	if err := json.Unmarshal([]byte(`{"object":"v2.core.event"}`), &e); !errors.Is(err, v1events.ErrObject) {
		t.Errorf("decoding a thin event = %v, want %v", err, v1events.ErrObject)
	}
	if got, err := json.Marshal(v1events.Event{}); err != nil || string(got) != "null" {
		t.Errorf("the zero Event encodes as %s, %v; want null", got, err)
	}
}

// FuzzParseEvent: on success Raw is the input and required fields are set; on error there is no
// result.
func FuzzParseEvent(f *testing.F) {
	corpus := filepath.Join("testdata", "fuzz", f.Name())
	if seeds, err := os.ReadDir(corpus); err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds in %s: %v", corpus, err)
	}
	for _, body := range fixtures(f) {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := v1events.ParseEvent(body)
		if err != nil {
			if e != nil || !errors.Is(err, v1events.ErrSyntax) && !errors.Is(err, v1events.ErrObject) && !errors.Is(err, v1events.ErrField) {
				t.Fatalf("ParseEvent(%q) = %v, %v; want nil and one of the three errors", body, e, err)
			}
			return
		}
		read, err := members(body)
		if err != nil {
			t.Fatalf("ParseEvent accepts %q, encoding/json says %v", body, err)
		}
		if string(e.Raw) != string(body) || e.ID == "" || e.Type == "" || !json.Valid(e.Data.Object) {
			t.Fatalf("ParseEvent(%q) = %+v", body, e)
		}
		if read["id"] != e.ID || read["type"] != e.Type || read["livemode"] != e.Livemode {
			t.Fatalf("ParseEvent(%q) = %+v, encoding/json reads %v", body, e, read)
		}
	})
}

// fixtures reads testdata/events by name without extension. An empty folder fails the test.
func fixtures(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("testdata/events/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures in testdata/events: %v", err)
	}
	found := make(map[string][]byte, len(paths))
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found[strings.TrimSuffix(filepath.Base(path), ".json")] = data
	}
	return found
}

func BenchmarkParseEvent(b *testing.B) {
	body := fixtures(b)["customer_updated"]
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := v1events.ParseEvent(body); err != nil {
			b.Fatal(err)
		}
	}
}

// members decodes an object with encoding/json, keeping numbers as text: a member that nobody reads
// may hold one that no float64 can.
func members(body []byte) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var m map[string]any
	err := decoder.Decode(&m)
	return m, err
}
