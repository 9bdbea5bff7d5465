package v2events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrKind means that an event was passed to the [Kind] of another event type.
var ErrKind = errors.New("v2events: event is of another type")

// Kind ties an event type to the Go type D of its data. Kinds are values: declare one per event
// type that you use. The zero Kind matches no event. A Kind is safe for concurrent use.
type Kind[D any] struct{ eventType string }

// NewKind returns the [Kind] of an event type whose data [encoding/json] decodes into D.
func NewKind[D any](eventType string) Kind[D] { return Kind[D]{eventType} }

// Type returns the event type.
func (k Kind[D]) Type() string { return k.eventType }

// Fetch retrieves the full event behind a notification and decodes its data: [Client.Fetch], then
// [Kind.Data], with the errors of both.
func (k Kind[D]) Fetch(ctx context.Context, c *Client, thin *ThinEvent) (*Event, *D, error) {
	if err := k.check(thin); err != nil {
		return nil, nil, err
	}
	event, err := c.Fetch(ctx, thin)
	if err != nil {
		return nil, nil, err
	}
	data, err := k.Data(event)
	if err != nil {
		return nil, nil, err
	}
	return event, data, nil
}

// Data decodes the data of an event. It is lenient: members that are missing or null are zero, and
// so is D if there is no data. For a member of the wrong type the error is [ErrField], for an event
// of another type [ErrKind]. [Kind.Validate] is strict.
func (k Kind[D]) Data(e *Event) (*D, error) {
	if err := k.check(&e.ThinEvent); err != nil {
		return nil, err
	}
	d := new(D)
	if err := k.wrap(json.Unmarshal(dataOf(e), d)); err != nil {
		return nil, err
	}
	return d, nil
}

// schema is implemented by data types of this package whose schema Stripe publishes.
type schema interface{ validate(data []byte) error }

// Validate reports where the data of an event differs from the schema that Stripe publishes for its
// type, as an [ErrField] whose text lists the members; additional members are fine. Such an event
// can still be read with [Kind.Data] if no member has the wrong type. For a D without a known
// schema, Validate returns the same errors as Data.
func (k Kind[D]) Validate(e *Event) error {
	d := new(D)
	published, ok := any(d).(schema)
	if !ok {
		_, err := k.Data(e)
		return err
	}
	if err := k.check(&e.ThinEvent); err != nil {
		return err
	}
	return k.wrap(published.validate(dataOf(e)))
}

func (k Kind[D]) check(e *ThinEvent) error {
	if e.Type != k.eventType || k.eventType == "" {
		return fmt.Errorf("%w: not %q", ErrKind, k.eventType)
	}
	return nil
}

// wrap turns a decoding error into one of this package's errors.
func (k Kind[D]) wrap(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrField), errors.Is(err, ErrSyntax):
		return fmt.Errorf("decode data of %s: %w", k.eventType, err)
	}
	return fmt.Errorf("decode data of %s: %w: %w", k.eventType, ErrField, err)
}

// dataOf returns the data of an event; absent data is {}.
func dataOf(e *Event) []byte {
	if e.Data == nil || string(e.Data) == "null" {
		return []byte("{}")
	}
	return e.Data
}
