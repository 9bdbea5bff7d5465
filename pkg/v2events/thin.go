package v2events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/meterbridge/meterbridge/pkg/internal/eventjson"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
	"github.com/meterbridge/meterbridge/pkg/v1events"
)

// Object is the value of the "object" member of every v2 event, thin or full: "v2.core.event".
const Object = eventjson.ThinObject

// The reasons why bytes are not an event. Package v1events returns the same values.
var (
	// ErrSyntax means that the bytes are not one JSON object in UTF-8 without duplicate names.
	ErrSyntax = eventjson.ErrSyntax
	// ErrObject means that the JSON is an object of another kind, for instance a v1 snapshot event.
	ErrObject = eventjson.ErrObject
	// ErrField means that a required member is missing or that a member has the wrong type.
	ErrField = eventjson.ErrField
)

// ThinEvent is an event notification: what happened to which object, without the data.
// Optional members that are absent, null or {} are "" or nil.
//
// See https://docs.stripe.com/event-destinations#thin-events.
type ThinEvent struct {
	// ID identifies the event ("evt_…"). Stripe may deliver an event several times; deduplicate by
	// ID.
	ID string
	// Object is "v2.core.event".
	Object string
	// Type is Stripe's name for what happened. The set is open.
	Type string
	// Created is the time of the event, to the nanosecond. Raw has the original text.
	Created time.Time
	// Livemode is false for events of a sandbox.
	Livemode bool
	// Context is the account, or path of accounts, that the event belongs to; "" for the key's own
	// account. [stripeapi.ParseContext] takes it apart.
	Context string
	// SnapshotEvent is the id of the v1 snapshot event for the same change, if there is one.
	SnapshotEvent string
	// Reason is the cause of the event, if Stripe gives one.
	Reason *Reason
	// RelatedObject is the object that the event is about, if there is one.
	RelatedObject *RelatedObject
	// Raw is a private copy of the bytes that were parsed.
	Raw json.RawMessage
}

// Reason is the cause of an event.
type Reason struct {
	Type    ReasonType     `json:"type"`
	Request *ReasonRequest `json:"request,omitempty"`
}

// ReasonType is the kind of cause. The set is open.
type ReasonType string

// ReasonTypeRequest is an API request; [Reason].Request identifies it.
const ReasonTypeRequest ReasonType = "request"

// Known reports whether this version of the package has a constant for t.
func (t ReasonType) Known() bool { return t == ReasonTypeRequest }

// ReasonRequest identifies the API request that caused an event.
type ReasonRequest struct {
	ID             string `json:"id"`
	IdempotencyKey string `json:"idempotency_key"`
}

// RelatedObject points to the object that an event is about. ID is "" for singletons such as the
// account's balance. URL is relative to Stripe's API and may have a query.
type RelatedObject struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	URL  string `json:"url"`
}

// ParseDelivery verifies a webhook delivery and then parses its thin event; nothing is parsed
// before it is verified. payload is the exact body and header the value of [stripesig.Header]. Its
// errors are those of [stripesig.Verifier.Verify] and [ParseThinEvent]. A nil verifier refuses
// everything with [stripesig.ErrSecret].
//
// See https://docs.stripe.com/webhooks#verify-events.
func ParseDelivery(payload []byte, header string, verifier *stripesig.Verifier) (*ThinEvent, error) {
	if verifier == nil {
		verifier = new(stripesig.Verifier)
	}
	if _, err := verifier.Verify(payload, header); err != nil {
		return nil, err
	}
	return ParseThinEvent(payload)
}

// ParseThinEvent parses the body of a thin event. It does not verify a signature; [ParseDelivery]
// does both. Its errors are [ErrSyntax], [ErrObject] and [ErrField]; unknown event types and
// unknown members are fine.
func ParseThinEvent(payload []byte) (*ThinEvent, error) {
	r, err := eventjson.Parse(payload)
	if err != nil {
		return nil, err
	}
	defer r.Release()
	e := new(struct { // one allocation
		ThinEvent
		parts
	})
	if err := readThin(r, &e.ThinEvent, &e.parts); err != nil {
		return nil, err
	}
	e.Raw = bytes.Clone(payload)
	return &e.ThinEvent, nil
}

// parts is one allocation for all the values that the optional members of an event point to.
type parts struct {
	reason  Reason
	request ReasonRequest
	related RelatedObject
}

func readThin(r *eventjson.Reader, e *ThinEvent, p *parts) error {
	if err := checkObject(r); err != nil {
		return err
	}
	*e = ThinEvent{
		ID:            r.Text("id"),
		Object:        Object,
		Type:          r.Text("type"),
		Created:       r.Time("created"),
		Livemode:      r.Bool("livemode"),
		Context:       r.OptionalString("context"),
		SnapshotEvent: r.OptionalString("snapshot_event"),
		Reason:        p.readReason(r.OptionalObject("reason")),
		RelatedObject: p.readRelatedObject(r.OptionalObject("related_object")),
	}
	return r.Err()
}

// checkObject comes before every other check, so that a body of another kind is reported as the
// wrong kind, not by its first bad field.
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

func (p *parts) readReason(r *eventjson.Reader) *Reason {
	if r == nil {
		return nil
	}
	p.reason.Type = ReasonType(r.OptionalString("type"))
	if request := r.OptionalObject("request"); request != nil {
		p.request = ReasonRequest{
			ID:             request.OptionalString("id"),
			IdempotencyKey: request.OptionalString("idempotency_key"),
		}
		p.reason.Request = &p.request
	}
	return &p.reason
}

func (p *parts) readRelatedObject(r *eventjson.Reader) *RelatedObject {
	if r == nil {
		return nil
	}
	p.related = RelatedObject{
		ID:   r.OptionalString("id"),
		Type: r.OptionalString("type"),
		URL:  r.OptionalString("url"),
	}
	return &p.related
}
