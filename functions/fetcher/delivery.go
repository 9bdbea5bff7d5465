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

// sourcePartner is how the source of what Stripe's own EventBridge destination puts begins. With bus.SourceThin it is all that the
// fetcher reads, so it cannot feed itself.
const sourcePartner = "aws.partner/stripe.com/"

// Why a record is nothing to fetch. Trying again would not change it.
var (
	errMalformed = errors.New("record is not an EventBridge event with a thin event in it")
	errSource    = errors.New("event is not from a source of thin events")
)

// A delivery is one record of a batch, and what becomes of it.
type delivery struct {
	message   events.SQSMessage
	receives  int       // how often SQS has handed it out, this time included
	firstSeen time.Time // when the event came to the bus or, if that is unknown, to the queue

	thin    *v2events.ThinEvent // nil if malformed
	glimpse glimpse             // what a malformed one shows of itself
	claim   *ledger.Claim       // nil if there is none
	latency time.Duration       // of the request to Stripe; 0 if there was none
	full    *v2events.Event
	report  *v2events.MeterErrorReport // what full reports; nil if it is of no meter type
	err     error                      // why it is not emitted; nil so far
	verdict verdict                    // set when settled
}

// envelope is what of an EventBridge event is needed.
type envelope struct {
	Source string          `json:"source"`
	Time   string          `json:"time"`
	Detail json.RawMessage `json:"detail"`
}

// open reads a record. What is wrong with it is kept in err.
func open(message events.SQSMessage) *delivery {
	d := &delivery{message: message, receives: 1}
	if n, err := strconv.Atoi(message.Attributes["ApproximateReceiveCount"]); err == nil {
		d.receives = n
	}
	if ms, err := strconv.ParseInt(message.Attributes["SentTimestamp"], 10, 64); err == nil {
		d.firstSeen = time.UnixMilli(ms).UTC()
	}
	var e envelope
	if err := json.Unmarshal([]byte(message.Body), &e); err != nil {
		d.err = errMalformed // the decoder's error would quote the body
		return d
	}
	if at, err := time.Parse(time.RFC3339, e.Time); err == nil {
		d.firstSeen = at
	}
	if e.Source != bus.SourceThin && !strings.HasPrefix(e.Source, sourcePartner) {
		d.err = errSource
		return d
	}
	thin, err := v2events.ParseThinEvent(e.Detail)
	if err != nil {
		_ = json.Unmarshal(e.Detail, &d.glimpse) // whatever can be read helps whoever looks for the event
		d.err = fmt.Errorf("%w: %w", errMalformed, err)
		return d
	}
	d.thin = thin
	return d
}

// glimpse is what names an event that is not fit to be fetched.
type glimpse struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Context string `json:"context"`
}

// event returns the thin event, or as much of it as there is.
func (d *delivery) event() v2events.ThinEvent {
	if d.thin == nil {
		return v2events.ThinEvent{ID: d.glimpse.ID, Type: d.glimpse.Type, Context: d.glimpse.Context}
	}
	return *d.thin
}

// entry is the full event for the bus, with the bytes as fetched.
func (d *delivery) entry() bus.Entry {
	return bus.Entry{
		Source: bus.SourceEvent, DetailType: d.full.Type, Detail: d.full.Raw, Resources: related(d.full.RelatedObject),
		TraceHeader: d.message.Attributes["AWSTraceHeader"],
	}
}

func related(object *v2events.RelatedObject) []string {
	if object == nil || object.ID == "" {
		return nil
	}
	return []string{object.ID}
}
