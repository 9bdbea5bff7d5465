package v2events

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ErrKind says that an event was given to the Kind of another event type.
var ErrKind = errors.New("v2events: event is of another type")

// Kind ties an event type to the Go type D of its data. Kinds are values: declare one per event type you use.
// The zero Kind fits no event. A Kind is safe for concurrent use.
type Kind[D any] struct{ eventType string }

// NewKind returns the Kind for an event type whose data decodes, by encoding/json, into D.
func NewKind[D any](eventType string) Kind[D] { return Kind[D]{eventType} }

// Type returns the event type.
func (k Kind[D]) Type() string { return k.eventType }

// Data decodes the data of an event. An event of another type is an ErrKind. Data that does not decode is an ErrField;
// absent data decodes as {}, which is an ErrField only where D's own UnmarshalJSON has required members.
func (k Kind[D]) Data(e *Event) (*D, error) {
	if e.Type != k.eventType || k.eventType == "" {
		return nil, fmt.Errorf("%w: not %q", ErrKind, k.eventType)
	}
	data := e.Data
	if data == nil {
		data = json.RawMessage("{}")
	}
	d := new(D)
	err := json.Unmarshal(data, d)
	switch {
	case errors.Is(err, ErrField), errors.Is(err, ErrSyntax):
		return nil, fmt.Errorf("decode data of %s: %w", k.eventType, err)
	case err != nil:
		return nil, fmt.Errorf("decode data of %s: %w: %w", k.eventType, ErrField, err)
	}
	return d, nil
}
