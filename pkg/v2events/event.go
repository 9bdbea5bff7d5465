package v2events

import (
	"bytes"
	"cmp"
	"encoding/json"
	"time"

	"github.com/meterbridge/meterbridge/pkg/internal/eventjson"
)

// Event is a full v2 event as Stripe's API returns it. Data and Changes are nil if they are null or
// absent.
//
// See https://docs.stripe.com/api/v2/core/events/object.
type Event struct {
	ThinEvent
	// Data is the JSON object that the event type defines; [Kind.Data] decodes it.
	Data json.RawMessage
	// Changes has the members "before" and "after" with the fields that changed, if Stripe sends
	// them.
	Changes json.RawMessage
}

// ParseEvent parses a full event. Its errors are those of [ParseThinEvent]. A thin event is
// accepted too, as a full event without Data.
func ParseEvent(body []byte) (*Event, error) {
	e, _, err := parseEvent(body)
	return e, err
}

// parseEvent also reports whether the event is a full one: a thin one has no "data" member, not
// even null.
func parseEvent(body []byte) (e *Event, full bool, err error) {
	r, err := eventjson.Parse(body)
	if err != nil {
		return nil, false, err
	}
	defer r.Release()
	parsed := new(struct { // one allocation
		Event
		parts
	})
	e = &parsed.Event
	if err := readThin(r, &e.ThinEvent, &parsed.parts); err != nil {
		return nil, false, err
	}
	e.Data, e.Changes = r.OptionalRawObject("data"), r.OptionalRawObject("changes")
	if err := r.Err(); err != nil {
		return nil, false, err
	}
	e.Raw = bytes.Clone(body)
	return e, r.Has("data"), nil
}

// thinMembers and eventMembers are the members of events as Stripe writes them.
type thinMembers struct {
	ID            string         `json:"id"`
	Object        string         `json:"object"`
	Type          string         `json:"type"`
	Created       time.Time      `json:"created,omitzero"`
	Livemode      bool           `json:"livemode"`
	Context       *string        `json:"context"`
	SnapshotEvent string         `json:"snapshot_event,omitempty"`
	Reason        *Reason        `json:"reason"`
	RelatedObject *RelatedObject `json:"related_object"`
}

type eventMembers struct {
	thinMembers
	Data    json.RawMessage `json:"data"`
	Changes json.RawMessage `json:"changes"`
}

func (e ThinEvent) members() thinMembers {
	m := thinMembers{
		ID:            e.ID,
		Object:        cmp.Or(e.Object, Object),
		Type:          e.Type,
		Created:       e.Created,
		Livemode:      e.Livemode,
		SnapshotEvent: e.SnapshotEvent,
		Reason:        e.Reason,
		RelatedObject: e.RelatedObject,
	}
	if e.Context != "" {
		m.Context = &e.Context
	}
	return m
}

// MarshalJSON returns Raw, so that no member is lost. An event without Raw, made by hand, is
// encoded from its fields.
func (e ThinEvent) MarshalJSON() ([]byte, error) {
	if e.Raw != nil {
		return e.Raw, nil
	}
	return json.Marshal(e.members())
}

// UnmarshalJSON is [ParseThinEvent] for [encoding/json].
func (e *ThinEvent) UnmarshalJSON(data []byte) error {
	parsed, err := ParseThinEvent(data)
	if err != nil {
		return err
	}
	*e = *parsed
	return nil
}

// MarshalJSON returns Raw, so that no member is lost. An event without Raw, made by hand, is
// encoded from its fields.
func (e Event) MarshalJSON() ([]byte, error) {
	if e.Raw != nil {
		return e.Raw, nil
	}
	return json.Marshal(eventMembers{e.members(), e.Data, e.Changes})
}

// UnmarshalJSON is [ParseEvent] for [encoding/json].
func (e *Event) UnmarshalJSON(data []byte) error {
	parsed, err := ParseEvent(data)
	if err != nil {
		return err
	}
	*e = *parsed
	return nil
}
