package v1events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/meterbridge/meterbridge/pkg/internal/eventjson"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// Object is the value of the "object" member of every v1 event: "event".
const Object = eventjson.SnapshotObject

// The reasons why bytes are not an event. Package v2events returns the same values.
var (
	// ErrSyntax means that the bytes are not one JSON object in UTF-8 without duplicate names.
	ErrSyntax = eventjson.ErrSyntax
	// ErrObject means that the JSON is an object of another kind, for instance a thin event.
	ErrObject = eventjson.ErrObject
	// ErrField means that a required member is missing or that a member has the wrong type.
	ErrField = eventjson.ErrField
)

// Event is a v1 event. Optional members that are absent or null are "" or nil.
//
// See https://docs.stripe.com/api/events/object.
type Event struct {
	// ID identifies the event ("evt_…"). Stripe may deliver an event several times; deduplicate by
	// ID.
	ID string
	// Object is "event".
	Object string
	// APIVersion is the API version in which Data.Object is rendered. Any version is accepted.
	APIVersion string
	// Created is the time of the event, in whole seconds and UTC.
	Created time.Time
	// Type is Stripe's name for what happened. The set is open.
	Type string
	// Livemode is false for events of a sandbox.
	Livemode bool
	// PendingWebhooks is the number of deliveries that have not succeeded yet.
	PendingWebhooks int64
	// Request is the API request that caused the event, if one did.
	Request *Request
	// Account is the connected account that the event belongs to.
	Account string
	// Context is the account, or path of accounts, that the event belongs to.
	Context string
	// Data contains the object that the event is about.
	Data Data
	// Raw is a private copy of the bytes that were parsed.
	Raw json.RawMessage
}

// Data contains the object that an event is about, as it was when the event happened.
type Data struct {
	// Object is the object's JSON.
	Object json.RawMessage
	// PreviousAttributes contains the former values of the attributes that changed; nil except in
	// events about updates.
	PreviousAttributes json.RawMessage
}

// Request identifies an API request. Before 2017 Stripe sent the id alone.
type Request struct {
	ID             string
	IdempotencyKey string
}

// ConstructEvent verifies a webhook delivery and then parses it; nothing is parsed before it is
// verified. payload is the exact body and header the value of [stripesig.Header]. Its errors are
// those of [stripesig.Verifier.Verify] and [ParseEvent]. A nil verifier refuses everything with
// [stripesig.ErrSecret].
//
// Unlike stripe-go's, it accepts a snapshot of any API version: the object in it stays raw JSON, so
// no shape is assumed. Compare [Event].APIVersion before decoding it.
//
// See https://docs.stripe.com/webhooks#verify-events.
func ConstructEvent(payload []byte, header string, verifier *stripesig.Verifier) (*Event, error) {
	if verifier == nil {
		verifier = new(stripesig.Verifier)
	}
	if _, err := verifier.Verify(payload, header); err != nil {
		return nil, err
	}
	return ParseEvent(payload)
}

// ParseEvent parses a v1 event whose origin needs no signature, such as one from an EventBridge bus
// or from Stripe's API. Its errors are [ErrSyntax], [ErrObject] and [ErrField].
func ParseEvent(body []byte) (*Event, error) {
	r, err := eventjson.Parse(body)
	if err != nil {
		return nil, err
	}
	defer r.Release()
	if err := checkObject(r); err != nil {
		return nil, err
	}
	data := r.Object("data")
	e := Event{
		ID:              r.Text("id"),
		Object:          Object,
		APIVersion:      r.OptionalString("api_version"),
		Created:         time.Unix(r.Int("created"), 0).UTC(),
		Type:            r.Text("type"),
		Livemode:        r.Bool("livemode"),
		PendingWebhooks: r.OptionalInt("pending_webhooks"),
		Request:         readRequest(r),
		Account:         r.OptionalString("account"),
		Context:         r.OptionalString("context"),
		Data:            Data{Object: data.RawObject("object"), PreviousAttributes: data.OptionalRawObject("previous_attributes")},
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	e.Raw = bytes.Clone(body)
	return &e, nil
}

// checkObject comes before every other check, so that a body of another kind is reported as the
// wrong kind, not by its first bad field.
func checkObject(r *eventjson.Reader) error {
	switch object := r.OptionalString("object"); {
	case r.Err() != nil:
		return r.Err()
	case object == eventjson.ThinObject:
		return fmt.Errorf("%w: a thin event; parse it with v2events.ParseThinEvent", ErrObject)
	case object != Object:
		return fmt.Errorf("%w: %q member is not %q", ErrObject, "object", Object)
	}
	return nil
}

func readRequest(r *eventjson.Reader) *Request {
	if r.Kind("request") == "a string" {
		return &Request{ID: r.String("request")}
	}
	o := r.OptionalObject("request")
	if o == nil {
		return nil
	}
	return &Request{ID: o.OptionalString("id"), IdempotencyKey: o.OptionalString("idempotency_key")}
}

// MarshalJSON returns Raw, the bytes that Stripe sent, or null for an [Event] made by hand.
func (e Event) MarshalJSON() ([]byte, error) {
	if e.Raw == nil {
		return []byte("null"), nil
	}
	return e.Raw, nil
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
