package reconcile

import (
	"bytes"
	"encoding/json"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// entry is the thin form of an event, as the webhook would have put it.
func entry(event *v2events.Event) bus.Entry {
	return bus.Entry{
		Source: bus.SourceThin, DetailType: event.Type, Detail: thin(event.Raw), Resources: bus.Resources(event.RelatedObject),
	}
}

// thin leaves out of a full event what a notification does not have, data and changes, and keeps
// every other member as Stripe wrote it and where it was. The event has been parsed before, so that
// it is one valid JSON object.
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
