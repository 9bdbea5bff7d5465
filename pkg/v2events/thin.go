package v2events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/meterbridge/meterbridge/pkg/internal/eventjson"
	"github.com/meterbridge/meterbridge/pkg/v1events"
)

// Object is the value of the "object" member of every v2 event, thin or full: "v2.core.event".
const Object = eventjson.ThinObject

// The ways in which bytes can fail to be an event. Package v1events returns the same values.
var (
	// ErrSyntax says that the bytes are not one JSON object in UTF-8 without duplicate names.
	ErrSyntax = eventjson.ErrSyntax
	// ErrObject says that the JSON is an object of another kind, for instance a v1 snapshot event.
	ErrObject = eventjson.ErrObject
	// ErrField says that a required member is missing or that a member has the wrong type.
	ErrField = eventjson.ErrField
)

// ThinEvent is an event notification: what happened to which object, without the data.
// Optional members that are absent, null or {} are "" or nil.
//
// See https://docs.stripe.com/event-destinations#thin-events.
type ThinEvent struct {
	// ID identifies the event ("evt_…"). Stripe may deliver one event several times: this is what to deduplicate by.
	ID string
	// Object is "v2.core.event".
	Object string
	// Type is Stripe's name for what happened. The set is open.
	Type string
	// Created is when it happened, to the nanosecond where Stripe sends that much. Raw has the original text.
	Created time.Time
	// Livemode is false for events of a sandbox.
	Livemode bool
	// Context is the account, or path of accounts, that the event belongs to; "" for the key's own account.
	Context string
	// SnapshotEvent is the id of the v1 snapshot event for the same change, where there is one.
	SnapshotEvent string
	// Reason says what caused the event, if Stripe knows.
	Reason *Reason
	// RelatedObject is the object that the event is about, if there is one.
	RelatedObject *RelatedObject
	// Raw is a private copy of the bytes that were parsed.
	Raw json.RawMessage
}

// Reason says what caused an event.
type Reason struct {
	Type    ReasonType     `json:"type"`
	Request *ReasonRequest `json:"request,omitempty"`
}

// ReasonType is the kind of cause. The set is open.
type ReasonType string

// ReasonTypeRequest is an API request; Reason.Request identifies it.
const ReasonTypeRequest ReasonType = "request"

// Known reports whether this version of the package has a constant for t.
func (t ReasonType) Known() bool { return t == ReasonTypeRequest }

// ReasonRequest identifies the API request that caused an event.
type ReasonRequest struct {
	ID             string `json:"id"`
	IdempotencyKey string `json:"idempotency_key"`
}

// RelatedObject points to the object that an event is about. ID is "" for singletons such as the account's balance.
// URL is relative to Stripe's API and may have a query.
type RelatedObject struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	URL  string `json:"url"`
}

// ParseThinEvent parses the body of a thin event. Verify the signature first: this function cannot.
// Its errors are ErrSyntax, ErrObject and ErrField; unknown event types and unknown members are fine.
func ParseThinEvent(payload []byte) (*ThinEvent, error) {
	r, err := eventjson.Parse(payload)
	if err != nil {
		return nil, err
	}
	e, err := readThin(r)
	if err != nil {
		return nil, err
	}
	e.Raw = bytes.Clone(payload)
	return &e, nil
}

func readThin(r *eventjson.Reader) (ThinEvent, error) {
	if err := checkObject(r); err != nil {
		return ThinEvent{}, err
	}
	e := ThinEvent{
		ID:            r.Text("id"),
		Object:        Object,
		Type:          r.Text("type"),
		Created:       r.Time("created"),
		Livemode:      r.Bool("livemode"),
		Context:       r.OptionalString("context"),
		SnapshotEvent: r.OptionalString("snapshot_event"),
		Reason:        readReason(r.OptionalObject("reason")),
		RelatedObject: readRelatedObject(r.OptionalObject("related_object")),
	}
	return e, r.Err()
}

// checkObject comes before every other check, so that a body of another kind is told as that and not by its first odd field.
func checkObject(r *eventjson.Reader) error {
	switch object := r.OptionalString("object"); {
	case r.Err() != nil:
		return r.Err()
	case object == v1events.Object:
		return fmt.Errorf("%w: a v1 snapshot event; parse it with v1events.ParseEvent or v1events.ConstructEvent", ErrObject)
	case object != Object:
		return fmt.Errorf("%w: %q member is not %q", ErrObject, "object", Object)
	}
	return nil
}

func readReason(r *eventjson.Reader) *Reason {
	if r == nil {
		return nil
	}
	reason := &Reason{Type: ReasonType(r.OptionalString("type"))}
	if request := r.OptionalObject("request"); request != nil {
		reason.Request = &ReasonRequest{
			ID:             request.OptionalString("id"),
			IdempotencyKey: request.OptionalString("idempotency_key"),
		}
	}
	return reason
}

func readRelatedObject(r *eventjson.Reader) *RelatedObject {
	if r == nil {
		return nil
	}
	return &RelatedObject{
		ID:   r.OptionalString("id"),
		Type: r.OptionalString("type"),
		URL:  r.OptionalString("url"),
	}
}
