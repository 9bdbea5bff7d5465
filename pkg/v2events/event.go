package v2events

import (
	"bytes"
	"encoding/json"

	"github.com/meterbridge/meterbridge/pkg/internal/eventjson"
)

// Event is a full v2 event as Stripe's API returns it. Data and Changes are nil when Stripe sent null or nothing.
//
// See https://docs.stripe.com/api/v2/core/events/object.
type Event struct {
	ThinEvent
	// Data is the JSON object that the event type defines; Kind.Data decodes it.
	Data json.RawMessage
	// Changes has the members "before" and "after" with the fields that changed, where Stripe tells them.
	Changes json.RawMessage
}

// ParseEvent parses a full event. Its errors are those of ParseThinEvent.
// A thin event parses as well: it is a full event without Data.
func ParseEvent(body []byte) (*Event, error) {
	r, err := eventjson.Parse(body)
	if err != nil {
		return nil, err
	}
	thin, err := readThin(r)
	if err != nil {
		return nil, err
	}
	e := Event{ThinEvent: thin, Data: r.OptionalRawObject("data"), Changes: r.OptionalRawObject("changes")}
	if err := r.Err(); err != nil {
		return nil, err
	}
	e.Raw = bytes.Clone(body)
	return &e, nil
}
