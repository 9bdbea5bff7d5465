package reconcile

import (
	"bytes"
	"encoding/json"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// Entry returns the thin form of an event, as the webhook would have put it on the bus.
func Entry(event *v2events.Event) bus.Entry {
	return bus.Entry{
		Source: bus.SourceThin, DetailType: event.Type, Detail: thin(event.Raw), Resources: bus.Resources(event.RelatedObject),
	}
}

// thin removes from a full event the members that a notification does not have, data and changes,
// and keeps every other member byte for byte and in its place. The event has already been parsed,
// so it is one valid JSON object.
func thin(full []byte) []byte {
	var out bytes.Buffer
	in := json.NewDecoder(bytes.NewReader(full))
	_, _ = in.Token() // {
	out.WriteByte('{')
	for in.More() {
		name, err := in.Token()
		var value json.RawMessage
		if err != nil || in.Decode(&value) != nil {
			break
		}
		if name == "data" || name == "changes" {
			continue
		}
		if out.Len() > 1 {
			out.WriteByte(',')
		}
		quoted, _ := json.Marshal(name) // a string
		out.Write(quoted)
		out.WriteByte(':')
		out.Write(value)
	}
	out.WriteByte('}')
	return out.Bytes()
}
