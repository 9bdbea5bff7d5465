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

// ErrEnvelope means that a JSON object is neither an event nor an envelope that contains one.
var ErrEnvelope = errors.New("v2events: unrecognized event format")

// Carrier is the service that delivered an event.
type Carrier string

// The carriers that [UnwrapEnvelope] knows.
const (
	CarrierEventBridge Carrier = "eventbridge" // Stripe's own EventBridge destination, or a bus of ours
	CarrierCloudEvents Carrier = "cloudevents" // Azure Event Grid
	CarrierNone        Carrier = "none"        // the bare payload, as in a webhook's body
)

// Envelope is an event as a carrier delivered it.
type Envelope struct {
	Carrier Carrier
	// ID is the carrier's own id of the delivery, not the event's.
	ID string
	// Source names who put the event into the carrier; Type is the event type according to the
	// carrier.
	Source, Type string
	// Time is when the carrier accepted the event. It is zero if the envelope has no time or one
	// that is not RFC 3339.
	Time time.Time `json:",omitzero"`
	// Object is the payload's "object" member: [Object] for [ParseThinEvent] and [ParseEvent],
	// [v1events.Object] for [v1events.ParseEvent].
	Object string
	// Payload is the event, byte for byte.
	Payload json.RawMessage
}

// PartnerSourcePrefix is the start of the source of every event that Stripe's own EventBridge
// destination puts on a bus. The destination's id follows it. AWS lets only Stripe use such a
// source.
const PartnerSourcePrefix = "aws.partner/stripe.com/"

// FromStripe reports whether Stripe itself put the event on an EventBridge bus. AWS lets only
// Stripe use such a source, so no signature is needed.
func (e Envelope) FromStripe() bool {
	return e.Carrier == CarrierEventBridge && strings.HasPrefix(e.Source, PartnerSourcePrefix)
}

// UnwrapEnvelope finds the event in what an EventBridge rule, Azure Event Grid or a webhook
// delivers, by the rules of Stripe's SDKs: a "detail" member means EventBridge, "specversion" with
// "data" CloudEvents, and one of Stripe's "object" values the event itself. It verifies no
// signature, and does not parse the event; [ParseEnvelope] does. Its errors are [ErrSyntax],
// [ErrField] and, for any other object, [ErrEnvelope].
//
// See https://docs.stripe.com/event-destinations/eventbridge and
// https://docs.stripe.com/event-destinations/eventgrid.
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

// ParsedEnvelope is the event from an envelope: either Event or Snapshot is set.
type ParsedEnvelope struct {
	Envelope
	// Event is a v2 event, thin or full.
	Event *Event
	// Full reports whether Event is a full event, such as Meterbridge's fetcher publishes: one with
	// a "data" member, even if null. The v2 events that Stripe itself sends through a carrier are
	// always thin.
	Full bool
	// Snapshot is a v1 event.
	Snapshot *v1events.Event
}

// ParseEnvelope unwraps an envelope and parses the event in it, thin, full or snapshot. It verifies
// no signature, so use it only where the carrier is trusted; [Envelope] has the source of the
// event. Its errors are those of [UnwrapEnvelope] and [ParseEvent].
func ParseEnvelope(body []byte) (*ParsedEnvelope, error) {
	envelope, err := UnwrapEnvelope(body)
	if err != nil {
		return nil, err
	}
	parsed := &ParsedEnvelope{Envelope: *envelope}
	if envelope.Object == v1events.Object {
		parsed.Snapshot, err = v1events.ParseEvent(envelope.Payload)
	} else {
		parsed.Event, parsed.Full, err = parseEvent(envelope.Payload)
		parsed.Full = parsed.Full && !envelope.FromStripe() && envelope.Carrier != CarrierCloudEvents
	}
	if err != nil {
		return nil, err
	}
	return parsed, nil
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
