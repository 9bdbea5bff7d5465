package stripe

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// The payloads are Stripe's published examples, from
// https://docs.stripe.com/api/v2/core/events/event-types and
// https://docs.stripe.com/api/events/object, with request ids filled in and one time in
// nanoseconds, as Stripe sends both.
//
//go:embed samples/*.json
var sampleFiles embed.FS

const millis = "2006-01-02T15:04:05.000Z07:00"

// A Sample is an event as a webhook receives it, and as the API returns it.
type Sample struct {
	Name       string // of the sample, such as "error_report_triggered"
	Thin, Full json.RawMessage
}

// Samples returns Stripe's example of each event type for which Meterbridge has a Go type. Their
// times are in 2024, outside [Retention]: see [Sample.Renew]. The caller owns the result.
func Samples() []Sample {
	var samples []Sample
	for _, name := range []string{"error_report_triggered", "no_meter_found", "ping"} {
		sample := Sample{Name: name}
		mustDecode(name, readSample(name), &sample)
		samples = append(samples, sample)
	}
	return samples
}

// SnapshotSample returns an example of a v1 event, of 2023: see [RenewSnapshot].
func SnapshotSample() json.RawMessage { return readSample("snapshot") }

// Renew returns a sample of [Samples] with another id and creation time, in its precision. The
// validation window of a report moves to the ten seconds before that time.
func (s Sample) Renew(id string, created time.Time) Sample {
	var v struct {
		ID, Created string
		Data        struct {
			Start string `json:"validation_start"`
			End   string `json:"validation_end"`
		}
	}
	mustDecode(s.Name, s.Full, &v)
	start, end := validationWindow(created)
	for _, change := range [][2]string{
		{v.ID, id},
		{v.Created, created.UTC().Format(layoutOf(v.Created))},
		{v.Data.Start, start},
		{v.Data.End, end},
	} {
		s.Thin = replace(s.Thin, change[0], change[1])
		s.Full = replace(s.Full, change[0], change[1])
	}
	return s
}

// RenewSnapshot returns [SnapshotSample] with another id and creation time, in whole seconds.
func RenewSnapshot(id string, created time.Time) json.RawMessage {
	snapshot := SnapshotSample()
	var v struct {
		ID      string
		Created json.Number
	}
	mustDecode("snapshot", snapshot, &v)
	snapshot = bytes.ReplaceAll(snapshot, []byte(strconv.Quote(v.ID)), []byte(strconv.Quote(id)))
	return bytes.ReplaceAll(snapshot, []byte(v.Created), []byte(strconv.FormatInt(created.Unix(), 10)))
}

// replace returns a copy in which every occurrence of a JSON string is replaced.
func replace(payload json.RawMessage, old, new string) json.RawMessage {
	if old == "" {
		return payload
	}
	return bytes.ReplaceAll(payload, []byte(strconv.Quote(old)), []byte(strconv.Quote(new)))
}

func layoutOf(example string) string {
	if len(example) > len("2024-08-28T20:54:12.051Z") {
		return "2006-01-02T15:04:05.000000000Z07:00"
	}
	return millis
}

// readSample returns an embedded file without its indentation.
func readSample(name string) json.RawMessage {
	raw, err := sampleFiles.ReadFile("samples/" + name + ".json")
	if err != nil {
		panic(fmt.Sprintf("stripe: embedded sample: %v", err))
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		panic(fmt.Sprintf("stripe: embedded sample %s: %v", name, err))
	}
	return compact.Bytes()
}

func mustDecode(name string, raw []byte, v any) {
	if err := json.Unmarshal(raw, v); err != nil {
		panic(fmt.Sprintf("stripe: embedded sample %s: %v", name, err))
	}
}

// complete appends changes and data to the body of a notification, unless it has data.
func complete(e *storedEvent) json.RawMessage {
	var v struct{ Data json.RawMessage }
	if err := json.Unmarshal(e.body, &v); err != nil || v.Data != nil {
		return e.body
	}
	open := bytes.TrimSuffix(bytes.TrimSpace(e.body), []byte("}"))
	return fmt.Appendf(nil, `%s,"changes":null,"data":%s}`, bytes.TrimSpace(open), madeUpData(e))
}

// madeUpData returns plausible data for an event:
// https://docs.stripe.com/api/v2/core/events/event-types.
func madeUpData(e *storedEvent) []byte {
	switch e.eventType {
	case v2events.MeterErrorReportTriggered.Type():
		return errorReport(e, "meter_event_no_customer_defined", "Customer mapping key stripe_customer_id not found in payload.")
	case v2events.MeterNotFound.Type():
		return errorReport(e, "no_meter", "No meter was found matching event_name api_requests.")
	}
	return []byte("{}")
}

// errorReport reports an invalid usage record before e, always the same one.
func errorReport(e *storedEvent, code, message string) []byte {
	start, end := validationWindow(e.created)
	sum := sha256.Sum256([]byte(e.id))
	sample := map[string]any{
		"error_message": message,
		"request":       map[string]any{"identifier": fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])},
	}
	return encode(map[string]any{
		"developer_message_summary": "There is 1 invalid event",
		"validation_start":          start,
		"validation_end":            end,
		"reason": map[string]any{
			"error_count": 1,
			"error_types": []any{map[string]any{"code": code, "error_count": 1, "sample_errors": []any{sample}}},
		},
	})
}

// validationWindow returns the ten seconds before a report was created, aligned as in Stripe's
// reports.
func validationWindow(created time.Time) (start, end string) {
	at := created.UTC().Truncate(10 * time.Second)
	return at.Add(-10 * time.Second).Format(millis), at.Format(millis)
}
