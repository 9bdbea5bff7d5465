package v2events_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/pkg/stripesig"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

func TestThinEventsAreParsed(t *testing.T) {
	t.Parallel()
	want := map[string]v2events.ThinEvent{
		"error_report_triggered": {
			ID: "evt_test_65R2GpwDsnmpzihMjdT16R2GDhI4SQdXJGRbvn7JA8mPEm", Type: "v1.billing.meter.error_report_triggered",
			Created:       date(2024, 8, 28, 20, 54, 12, 51e6),
			Reason:        &v2events.Reason{Type: v2events.ReasonTypeRequest, Request: &v2events.ReasonRequest{ID: "req_123", IdempotencyKey: "key_123"}},
			RelatedObject: &v2events.RelatedObject{ID: "mtr_test_61R2", Type: "billing.meter", URL: "/v1/billing/meters/mtr_test_61R2"},
		},
		"no_meter_found": {
			ID: "evt_test_65R9", Type: "v1.billing.meter.no_meter_found", Created: date(2024, 9, 17, 6, 20, 52, 246e6),
		},
		"ping": {
			ID: "evt_65RC", Type: "v2.core.event_destination.ping", Created: date(2025, 1, 1, 0, 0, 0, 0), Livemode: true,
			RelatedObject: &v2events.RelatedObject{ID: "ed_65SD", Type: "v2.core.event_destination", URL: "/v2/core/event_destinations/ed_65SD"},
		},
		"nanoseconds_and_query": {
			ID: "evt_65X1", Type: "v2.core.account[configuration.merchant].updated",
			Created: date(2025, 10, 4, 15, 13, 32, 232083866), Livemode: true, Context: "org_1/acct_1",
			RelatedObject: &v2events.RelatedObject{ID: "acct_1", Type: "v2.core.account", URL: "/v2/core/accounts/acct_1?include=configuration.merchant"},
		},
		"singleton_twin": {
			ID: "evt_65T1", Type: "v1.balance.available", Created: date(2026, 10, 1, 8, 0, 0, 0), Livemode: true,
			SnapshotEvent: "evt_1SNAP", RelatedObject: &v2events.RelatedObject{Type: "balance", URL: "/v1/balance"},
		},
		"unknown_everything": {
			ID: "evt_65U1", Type: "v9.from.the.future", Created: date(2030, 2, 28, 23, 59, 59, 0), Livemode: true,
			Reason: &v2events.Reason{Type: "moon_phase"},
		},
	}
	for name, payload := range fixtures(t, "thin") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, ok := want[name]
			if !ok {
				t.Fatalf("no expectation for fixture %s", name)
			}
			want.Object, want.Raw = v2events.Object, payload
			got, err := v2events.ParseThinEvent(payload)
			if err != nil {
				t.Fatalf("ParseThinEvent(%s) = %v", payload, err)
			}
			if diff := cmp.Diff(&want, got, timesByInstant); diff != "" {
				t.Errorf("ParseThinEvent(%s) (-want +got):\n%s", payload, diff)
			}
		})
	}
}

func TestUnusableThinEventsAreRefused(t *testing.T) {
	t.Parallel()
	const valid = `{"id":"evt_1","object":"v2.core.event","type":"a.b","created":"2025-01-01T00:00:00Z","livemode":false,"context":null,` +
		`"reason":{"type":"request","request":{"id":"req_1","idempotency_key":"k"}},"related_object":{"id":"x","type":"y","url":"/v1/z"},"snapshot_event":"e"}`
	for name, tc := range map[string]struct {
		old, new string // replaced in valid
		want     error
		text     string
	}{
		"no id":                        {`"id":"evt_1",`, ``, v2events.ErrField, "id: missing"},
		"empty id":                     {`"evt_1"`, `""`, v2events.ErrField, "id: empty"},
		"null id":                      {`"evt_1"`, `null`, v2events.ErrField, "id: null"},
		"number as id":                 {`"evt_1"`, `12345678901234567890123`, v2events.ErrField, "id: a number"},
		"id by another case":           {`"id":"evt_1"`, `"ID":"evt_1"`, v2events.ErrField, "id: missing"},
		"no object":                    {`"object":"v2.core.event",`, ``, v2events.ErrObject, `"v2.core.event"`},
		"null object":                  {`"v2.core.event"`, `null`, v2events.ErrObject, `"v2.core.event"`},
		"snapshot event":               {`"v2.core.event"`, `"event"`, v2events.ErrObject, "v1events.ConstructEvent"},
		"snapshot with its own fields": {`"v2.core.event","type":"a.b","created":"2025-01-01T00:00:00Z"`, `"event","type":"a.b","created":1700000000`, v2events.ErrObject, "v1events.ParseEvent"},
		"another object":               {`"v2.core.event"`, `"v2.core.account"`, v2events.ErrObject, `"v2.core.event"`},
		"object of another kind":       {`"v2.core.event"`, `{}`, v2events.ErrField, "object: an object where a string"},
		"no type":                      {`"type":"a.b",`, ``, v2events.ErrField, "type: missing"},
		"no created":                   {`"created":"2025-01-01T00:00:00Z",`, ``, v2events.ErrField, "created: missing"},
		"created in Unix seconds":      {`"2025-01-01T00:00:00Z"`, `1735689600`, v2events.ErrField, "created: a number"},
		"created without a zone":       {`00:00:00Z`, `00:00:00`, v2events.ErrField, "created: not an RFC 3339"},
		"created with a comma":         {`00:00:00Z`, `00:00:00,5Z`, v2events.ErrField, "created: not an RFC 3339"},
		"created on no day":            {`2025-01-01`, `2025-02-30`, v2events.ErrField, "created: not an RFC 3339"},
		"no livemode":                  {`"livemode":false,`, ``, v2events.ErrField, "livemode: missing"},
		"livemode as text":             {`false`, `"false"`, v2events.ErrField, "livemode: a string"},
		"null livemode":                {`false`, `null`, v2events.ErrField, "livemode: null"},
		"context of another kind":      {`"context":null`, `"context":{}`, v2events.ErrField, "context: an object"},
		"reason of another kind":       {`"reason":{"type":"request","request":{"id":"req_1","idempotency_key":"k"}}`, `"reason":"request"`, v2events.ErrField, "reason: a string"},
		"request of another kind":      {`{"id":"req_1","idempotency_key":"k"}`, `[]`, v2events.ErrField, "reason.request: an array"},
		"request id of another kind":   {`"req_1"`, `1`, v2events.ErrField, "reason.request.id: a number"},
		"related object as text":       {`{"id":"x","type":"y","url":"/v1/z"}`, `"x"`, v2events.ErrField, "related_object: a string"},
		"related URL of another kind":  {`"/v1/z"`, `true`, v2events.ErrField, "related_object.url: a boolean"},
		"snapshot of another kind":     {`"snapshot_event":"e"`, `"snapshot_event":1`, v2events.ErrField, "snapshot_event: a number"},
		"duplicate id":                 {`"type":"a.b"`, `"type":"a.b","id":"evt_2"`, v2events.ErrSyntax, "twice"},
		"invalid UTF-8":                {`evt_1`, "evt_\xc3", v2events.ErrSyntax, "UTF-8"},
		"trailing junk":                {`"snapshot_event":"e"}`, `"snapshot_event":"e"}}`, v2events.ErrSyntax, "JSON"},
		"deep nesting":                 {`"context":null`, `"context":null,"x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200), v2events.ErrSyntax, "deep"},
		"null":                         {valid, `null`, v2events.ErrSyntax, "null"},
		"nothing":                      {valid, ``, v2events.ErrSyntax, "JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			payload := strings.Replace(valid, tc.old, tc.new, 1)
			if payload == valid {
				t.Fatalf("%q is not in the valid payload", tc.old)
			}
			got, err := v2events.ParseThinEvent([]byte(payload))
			if got != nil || !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.text) {
				t.Errorf("ParseThinEvent(%s) = %v, %v; want nil, %v with %q", payload, got, err, tc.want, tc.text)
			}
		})
	}
	if _, err := v2events.ParseThinEvent([]byte(valid)); err != nil {
		t.Errorf("ParseThinEvent(%s) = %v", valid, err)
	}
}

func TestParseDeliveryVerifiesBeforeItParses(t *testing.T) {
	t.Parallel()
	payload, junk, snapshot := fixtures(t, "thin")["ping"], []byte(`{"object"`), []byte(`{"object":"event"}`)
	got, err := v2events.ParseDelivery(payload, secret.Sign(payload, signedAt), newVerifier(t))
	if err != nil || got.ID != "evt_65RC" || string(got.Raw) != string(payload) {
		t.Errorf("ParseDelivery = %+v, %v", got, err)
	}
	for name, tc := range map[string]struct {
		payload  []byte
		header   string
		verifier *stripesig.Verifier
		want     error
	}{
		"not signed":      {payload, "", newVerifier(t), stripesig.ErrMissing},
		"forged junk":     {junk, secret.Sign(payload, signedAt), newVerifier(t), stripesig.ErrMismatch},
		"old":             {payload, secret.Sign(payload, signedAt.Add(-time.Hour)), newVerifier(t), stripesig.ErrExpired},
		"no verifier":     {payload, secret.Sign(payload, signedAt), nil, stripesig.ErrSecret},
		"signed junk":     {junk, secret.Sign(junk, signedAt), newVerifier(t), v2events.ErrSyntax},
		"signed nothing":  {nil, secret.Sign(nil, signedAt), newVerifier(t), v2events.ErrSyntax},
		"signed snapshot": {snapshot, secret.Sign(snapshot, signedAt), newVerifier(t), v2events.ErrObject},
	} {
		if got, err := v2events.ParseDelivery(tc.payload, tc.header, tc.verifier); got != nil || !errors.Is(err, tc.want) {
			t.Errorf("%s: ParseDelivery = %v, %v; want nil, %v", name, got, err, tc.want)
		}
	}
}

// Every delivery is parsed, so allocations matter; the benchmarks against stripe-go are in bench/.
func TestParsingAllocatesLittle(t *testing.T) {
	payload := fixtures(t, "thin")["error_report_triggered"]
	if got := testing.AllocsPerRun(100, func() { _, _ = v2events.ParseThinEvent(payload) }); got > 6 {
		t.Errorf("ParseThinEvent allocates %v times, want at most 6", got)
	}
}

func TestErrorsDoNotQuoteThePayload(t *testing.T) {
	t.Parallel()
	const private = "cus_private"
	for _, payload := range []string{
		private, `{"object":"` + private + `"}`, `{"object":"v2.core.event","id":"` + private + `","type":{"` + private + `":1}}`,
		`{"object":"v2.core.event","id":"e","type":"t","created":"` + private + `"}`,
	} {
		if _, err := v2events.ParseThinEvent([]byte(payload)); err == nil || strings.Contains(err.Error(), private) {
			t.Errorf("ParseThinEvent(%s) = %v, want an error without %q", payload, err, private)
		}
	}
}

func TestRawIsAPrivateCopy(t *testing.T) {
	t.Parallel()
	payload := fixtures(t, "thin")["ping"]
	before := string(payload)
	e, err := v2events.ParseThinEvent(payload)
	if err != nil {
		t.Fatal(err)
	}
	clear(payload)
	if string(e.Raw) != before {
		t.Errorf("Raw = %q after the caller cleared its buffer, want %q", e.Raw, before)
	}
}

var timesByInstant = cmp.Comparer(time.Time.Equal)

func date(year int, month time.Month, day, hour, minute, sec int, nsec float64) time.Time {
	return time.Date(year, month, day, hour, minute, sec, int(nsec), time.UTC)
}

// fixtures reads testdata/dir by name without extension. An empty folder fails the test.
func fixtures(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", dir, "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures in testdata/%s: %v", dir, err)
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
