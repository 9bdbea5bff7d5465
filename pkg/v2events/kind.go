package v2events

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
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
	if err == nil {
		return nil
	}
	return fmt.Errorf("decode data of %s: %w", k.eventType, decodingError(err))
}

// dataOf returns the data of an event; absent data is {}.
func dataOf(e *Event) []byte {
	if e.Data == nil || string(e.Data) == "null" {
		return []byte("{}")
	}
	return e.Data
}

// decodingError turns an error of [json.Unmarshal] into one of this package's errors.
func decodingError(err error) error {
	var wrongType *json.UnmarshalTypeError
	var wrongTime *time.ParseError
	switch {
	case errors.Is(err, ErrField), errors.Is(err, ErrObject), errors.Is(err, ErrSyntax):
		return err
	case errors.As(err, &wrongType):
		kind, _, _ := strings.Cut(wrongType.Value, " ") // "number 1.5"
		problem := fmt.Sprintf("%s where %s is due", cmp.Or(kindNames[kind], "a value"), wrongType.Type.Kind())
		if wrongType.Field != "" {
			problem = wrongType.Field + ": " + problem
		}
		return &fieldError{problem, err}
	case errors.As(err, &wrongTime):
		return &fieldError{"not an RFC 3339 date and time", err}
	}
	return fmt.Errorf("%w: %w", ErrField, err)
}

// kindNames maps the names of JSON kinds in [json.UnmarshalTypeError] to those in our errors.
var kindNames = map[string]string{"object": "an object", "array": "an array", "string": "a string", "number": "a number", "bool": "a boolean"}

// fieldError is an [ErrField] whose cause quotes the payload in its text. Its own text does not.
type fieldError struct {
	problem string
	cause   error
}

func (e *fieldError) Error() string { return ErrField.Error() + ": " + e.problem }

// Unwrap returns [ErrField] and the cause.
func (e *fieldError) Unwrap() []error { return []error{ErrField, e.cause} }
