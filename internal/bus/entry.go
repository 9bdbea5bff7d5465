package bus

import (
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// The sources of the events that Meterbridge puts on the bus. Rules match them, and the roles in
// the template allow each function its own.
const (
	SourceThin     = "stripe.thin"     // a thin event as Stripe sent it, or as it would have
	SourceSnapshot = "stripe.snapshot" // a v1 snapshot event as Stripe sent it
	SourceEvent    = "stripe.event"    // a full v2 event as fetched
	SourceFailure  = "stripe.failure"  // the report that an event was given up
)

// An Event is an event as a rule delivers it to a target.
type Event struct {
	Source     string          `json:"source"`
	DetailType string          `json:"detail-type"`
	Time       time.Time       `json:"time"` // when the bus accepted it
	Resources  []string        `json:"resources"`
	Detail     json.RawMessage `json:"detail"`
}

// An Entry is one event for the bus.
type Entry struct {
	Source      string          // such as [SourceThin]
	DetailType  string          // Stripe's event type; at most 128 characters
	Detail      json.RawMessage // a JSON object, kept byte for byte
	Resources   []string        // see [Resources]; may be empty
	Time        time.Time       // zero means the time of the call
	TraceHeader string          // X-Ray header for the rules' targets; "" means none
}

// Resources returns the resources of an event about an object: its id, or none if it has no id.
func Resources(object *v2events.RelatedObject) []string {
	if object == nil || object.ID == "" {
		return nil
	}
	return []string{object.ID}
}

// timeSize is the number of bytes that EventBridge counts for an entry's time.
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
