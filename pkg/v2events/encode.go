package v2events

import (
	"cmp"
	"encoding/json"
	"time"
)

// thinWire and eventWire are the members of events as Stripe writes them.
type thinWire struct {
	ID            string         `json:"id"`
	Object        string         `json:"object"`
	Type          string         `json:"type"`
	Created       time.Time      `json:"created"`
	Livemode      bool           `json:"livemode"`
	Context       *string        `json:"context"`
	SnapshotEvent string         `json:"snapshot_event,omitempty"`
	Reason        *Reason        `json:"reason"`
	RelatedObject *RelatedObject `json:"related_object"`
}

type eventWire struct {
	thinWire
	Data    json.RawMessage `json:"data"`
	Changes json.RawMessage `json:"changes"`
}

func (e ThinEvent) wire() thinWire {
	w := thinWire{
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
		w.Context = &e.Context
	}
	return w
}

// MarshalJSON returns Raw, so that nothing Stripe sent is lost. An event made by hand, without Raw, is encoded from its fields.
func (e ThinEvent) MarshalJSON() ([]byte, error) {
	if e.Raw != nil {
		return e.Raw, nil
	}
	return json.Marshal(e.wire())
}

// UnmarshalJSON is ParseThinEvent.
func (e *ThinEvent) UnmarshalJSON(data []byte) error {
	parsed, err := ParseThinEvent(data)
	if err != nil {
		return err
	}
	*e = *parsed
	return nil
}

// MarshalJSON returns Raw, so that nothing Stripe sent is lost. An event made by hand, without Raw, is encoded from its fields.
func (e Event) MarshalJSON() ([]byte, error) {
	if e.Raw != nil {
		return e.Raw, nil
	}
	return json.Marshal(eventWire{e.wire(), e.Data, e.Changes})
}

// UnmarshalJSON is ParseEvent.
func (e *Event) UnmarshalJSON(data []byte) error {
	parsed, err := ParseEvent(data)
	if err != nil {
		return err
	}
	*e = *parsed
	return nil
}
