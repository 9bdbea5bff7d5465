package v2events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/pkg/internal/eventjson"
	"github.com/meterbridge/meterbridge/pkg/v1events"
)

// ErrEnvelope says that a JSON object is neither an event nor an envelope with one.
var ErrEnvelope = errors.New("v2events: unrecognized event format")

// Carrier is what brought an event.
type Carrier string

// The carriers that UnwrapEnvelope knows.
const (
	CarrierEventBridge Carrier = "eventbridge" // Stripe's own EventBridge destination, or a bus of ours
	CarrierCloudEvents Carrier = "cloudevents" // Azure Event Grid
	CarrierNone        Carrier = "none"        // the bare payload, as a webhook has it
)

// Envelope is an event as a carrier brought it. Payload is the event, byte for byte.
type Envelope struct {
	Carrier Carrier
	// ID is the carrier's own id of the delivery, not the event's.
	ID string
	// Source is who put the event into the carrier; Type is the event type as the carrier tells it.
	Source, Type string
	// Time is when the carrier accepted the event. It is zero if the carrier gave no time, or none in RFC 3339.
	Time time.Time
	// Object is the payload's "object" member: [Object] for [ParseThinEvent] and [ParseEvent], [v1events.Object] for
	// [v1events.ParseEvent].
	Object string
	// Payload is the event.
	Payload json.RawMessage
}

// PartnerSourcePrefix begins the source of every event that Stripe's own EventBridge destination puts on a bus. The
// destination's id follows it. AWS lets nobody else use such a source.
const PartnerSourcePrefix = "aws.partner/stripe.com/"

// FromStripe reports whether Stripe itself put the event on an EventBridge bus. AWS lets nobody else use such a source,
// so the bus vouches for the event; there is no signature.
func (e Envelope) FromStripe() bool {
	return e.Carrier == CarrierEventBridge && strings.HasPrefix(e.Source, PartnerSourcePrefix)
}

// UnwrapEnvelope finds the event in what an EventBridge rule, Azure Event Grid or a webhook delivers, in the order of
// Stripe's SDKs: a "detail" makes it EventBridge, a "specversion" with "data" CloudEvents, an "object" of Stripe's the
// event itself. Its errors are ErrSyntax, ErrField and, for any other object, ErrEnvelope.
//
// See https://docs.stripe.com/event-destinations/eventbridge and https://docs.stripe.com/event-destinations/eventgrid.
func UnwrapEnvelope(body []byte) (*Envelope, error) {
	r, err := eventjson.Parse(body)
	if err != nil {
		return nil, err
	}
	var e Envelope
	var event *eventjson.Reader
	switch {
	case r.Has("detail"):
		e = Envelope{Carrier: CarrierEventBridge, Type: r.OptionalString("detail-type"), Time: r.TimeOrZero("time"), Payload: r.RawObject("detail")}
		event = r.Object("detail")
	case r.Has("specversion") && r.Has("data"):
		e = Envelope{Carrier: CarrierCloudEvents, Type: r.OptionalString("type"), Time: r.TimeOrZero("time"), Payload: r.RawObject("data")}
		event = r.Object("data")
	default:
		return unwrapBare(r, body)
	}
	e.ID, e.Source, e.Object = r.OptionalString("id"), r.OptionalString("source"), event.OptionalString("object")
	if err := r.Err(); err != nil {
		return nil, err
	}
	return &e, nil
}

func unwrapBare(r *eventjson.Reader, body []byte) (*Envelope, error) {
	if r.Kind("object") != "a string" || r.String("object") != Object && r.String("object") != v1events.Object {
		return nil, fmt.Errorf("%w: no %q, no %q with %q, no known %q", ErrEnvelope, "detail", "specversion", "data", "object")
	}
	e := Envelope{Carrier: CarrierNone, Type: r.OptionalString("type"), Object: r.String("object"), Payload: bytes.Clone(body)}
	if err := r.Err(); err != nil {
		return nil, err
	}
	return &e, nil
}
