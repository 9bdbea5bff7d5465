package stripe

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// The payloads are those that Stripe publishes at https://docs.stripe.com/api/v2/core/events/event-types and
// https://docs.stripe.com/api/events/object, with request ids filled in and, in one, a time in nanoseconds, as they occur.
//
//go:embed samples/*.json
var sampleFiles embed.FS

// A Sample is an event in both of its forms: as the notification that a webhook receives and as the API returns it.
type Sample struct {
	Name       string // of the sample, for people: "error_report_triggered"
	Thin, Full json.RawMessage
}

// Samples returns one example of each type that Meterbridge types, as Stripe publishes them. Their ids are fixed and
// their times lie in 2024, beyond [Retention]: see [Sample.Renew] for samples to send. The caller owns the result.
func Samples() []Sample {
	var samples []Sample
	for _, name := range []string{"error_report_triggered", "no_meter_found", "ping"} {
		sample := Sample{Name: name}
		mustDecode(name, readSample(name), &sample)
		samples = append(samples, sample)
	}
	return samples
}

// SnapshotSample returns an example of a v1 event, whose object is "event". Its id is fixed and its time lies in 2023:
// see [RenewSnapshot].
func SnapshotSample() json.RawMessage { return readSample("snapshot") }

// Renew returns the sample under another id and as created at the given time, at the precision that it had. What it
// reports as validated moves along to the ten seconds before. It panics if s is not from [Samples].
func (s Sample) Renew(id string, created time.Time) Sample {
	var v struct {
		ID, Created string
		Data        struct {
			Start string `json:"validation_start"`
			End   string `json:"validation_end"`
		}
	}
	mustDecode(s.Name, s.Full, &v)
	end := created.UTC().Truncate(10 * time.Second)
	for _, change := range [][2]string{
		{v.ID, id},
		{v.Created, created.UTC().Format(layoutOf(v.Created))},
		{v.Data.Start, end.Add(-10 * time.Second).Format(millis)},
		{v.Data.End, end.Format(millis)},
	} {
		s.Thin = replace(s.Thin, change[0], change[1])
		s.Full = replace(s.Full, change[0], change[1])
	}
	return s
}

// RenewSnapshot returns [SnapshotSample] under another id and as created at the given time, in whole seconds.
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

// replace changes every occurrence of a JSON string and returns a copy.
func replace(payload json.RawMessage, old, new string) json.RawMessage {
	if old == "" {
		return payload
	}
	return bytes.ReplaceAll(payload, []byte(strconv.Quote(old)), []byte(strconv.Quote(new)))
}

// layoutOf returns the layout with as many decimals as the example has.
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
