package bus

import (
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

// An Entry is one event for the bus.
type Entry struct {
	Source      string          // who puts it, such as "stripe.thin"
	DetailType  string          // Stripe's type; at most 128 characters
	Detail      json.RawMessage // a JSON object, carried as it is
	Resources   []string        // what it concerns; may be empty
	Time        time.Time       // zero means the time of the call
	TraceHeader string          // X-Ray header to hand on to targets; "" is none
}

// timeSize is what EventBridge counts for an entry's time.
const timeSize = 14

// Size returns the bytes that EventBridge counts for the entry.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html
func (e *Entry) Size() int {
	size := len(e.Source) + len(e.DetailType) + len(e.Detail)
	if !e.Time.IsZero() {
		size += timeSize
	}
	for _, resource := range e.Resources {
		size += len(resource)
	}
	return size
}

func (e *Entry) request(busName string) types.PutEventsRequestEntry {
	entry := types.PutEventsRequestEntry{
		EventBusName: &busName,
		Source:       &e.Source,
		DetailType:   &e.DetailType,
		Detail:       aws.String(string(e.Detail)),
		Resources:    e.Resources,
	}
	if !e.Time.IsZero() {
		entry.Time = &e.Time
	}
	if e.TraceHeader != "" {
		entry.TraceHeader = &e.TraceHeader
	}
	return entry
}
