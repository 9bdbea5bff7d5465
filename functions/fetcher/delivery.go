package fetcher

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// Reasons a record cannot be fetched. A retry would not change them.
var (
	errMalformed = errors.New("record is not an EventBridge event with a thin event in it")
	errSource    = errors.New("event is not from a source of thin events")
)

// A delivery is one record of a batch and everything that is known about it.
type delivery struct {
	message   events.SQSMessage
	receives  int           // number of receives by SQS's count, this one included
	age       time.Duration // how long the message has been in the queue; 0 if unknown
	firstSeen time.Time     // when the event arrived on the bus or, if that is unknown, in the queue

	thin     *v2events.ThinEvent // nil if malformed
	partial  partialEvent        // the readable part of a malformed event
	claim    *ledger.Claim       // nil if there is none
	latency  time.Duration       // of the request to Stripe; 0 if there was none
	full     *v2events.Event
	report   *v2events.MeterErrorReport // the report in full; nil if there is none or it cannot be read
	mismatch error                      // where full differs from its published schema; nil if it does not
	err      error                      // why it is not emitted; nil so far
	verdict  verdict                    // set by settle
}

// open reads a record, at the start of the invocation. A fault is kept in err.
func open(message events.SQSMessage, now time.Time) *delivery {
	d := &delivery{message: message, receives: 1}
	if n, err := strconv.Atoi(message.Attributes["ApproximateReceiveCount"]); err == nil {
		d.receives = n
	}
	if ms, err := strconv.ParseInt(message.Attributes["SentTimestamp"], 10, 64); err == nil {
		d.firstSeen = time.UnixMilli(ms).UTC()
		d.age = now.Sub(d.firstSeen)
	}
	e, err := v2events.UnwrapEnvelope([]byte(message.Body))
	if err != nil {
		d.openFaulty(err)
		return d
	}
	if !e.Time.IsZero() {
		d.firstSeen = e.Time
	}
	// These are the only sources that the fetcher accepts, so it cannot feed itself.
	if !e.FromStripe() && (e.Carrier != v2events.CarrierEventBridge || e.Source != bus.SourceThin) {
		d.err = errSource
		return d
	}
	if d.thin, err = v2events.ParseThinEvent(e.Payload); err != nil {
		_ = json.Unmarshal(e.Payload, &d.partial) // any readable part helps to find the event
		d.err = fmt.Errorf("%w: %w", errMalformed, err)
	}
	return d
}

// openFaulty reads what it can of a record that is not an envelope with an event, which helps to
// find the event.
func (d *delivery) openFaulty(err error) {
	var e struct {
		Source string          `json:"source"`
		Detail json.RawMessage `json:"detail"`
	}
	d.err = fmt.Errorf("%w: %w", errMalformed, err)
	if json.Unmarshal([]byte(d.message.Body), &e) != nil {
		return
	}
	if e.Source != bus.SourceThin && !strings.HasPrefix(e.Source, v2events.PartnerSourcePrefix) {
		d.err = errSource
		return
	}
	_ = json.Unmarshal(e.Detail, &d.partial)
}

// A partialEvent names an event that is malformed.
type partialEvent struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Context string `json:"context"`
}

// event returns the thin event, or as much of it as is known.
func (d *delivery) event() v2events.ThinEvent {
	if d.thin == nil {
		return v2events.ThinEvent{ID: d.partial.ID, Type: d.partial.Type, Context: d.partial.Context}
	}
	return *d.thin
}

// entry returns the full event for the bus, with the bytes as fetched.
func (d *delivery) entry() bus.Entry {
	return bus.Entry{
		Source: bus.SourceEvent, DetailType: d.full.Type, Detail: d.full.Raw, Resources: bus.Resources(d.full.RelatedObject),
		TraceHeader: d.message.Attributes["AWSTraceHeader"],
	}
}
