package fetcher

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/pace"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

// A failure is the detail of a stripe.failure event: which event was given up, and why. It contains
// no payload.
type failure struct {
	EventID   string    `json:"event_id"` // "", as are Type and Context, if the record contains no event
	Type      string    `json:"type"`
	Context   string    `json:"context"`
	Reason    string    `json:"reason"`
	Status    int       `json:"status"` // of Stripe's answer; 0 if there was none
	Attempts  int       `json:"attempts"`
	FirstSeen time.Time `json:"first_seen"`
	LastError string    `json:"last_error"`
}

// maxLastError bounds the bytes an error's text adds to a message.
const maxLastError = 400

func (d *delivery) failure(reason string) failure {
	thin := d.event()
	f := failure{
		EventID: thin.ID, Type: thin.Type, Context: thin.Context, Reason: reason,
		Attempts: d.attempts(), FirstSeen: d.firstSeen, LastError: clip(d.err.Error(), maxLastError),
	}
	if answer, ok := errors.AsType[*stripeapi.Error](d.err); ok {
		f.Status = answer.Status
	}
	return f
}

// clip cuts text to at most n bytes, between characters.
func clip(text string, n int) string {
	if len(text) > n {
		text = text[:n]
	}
	return strings.ToValidUTF8(text, "")
}

func (f *failure) attributes() map[string]string {
	return map[string]string{
		"event_id":   f.EventID,
		"type":       f.Type,
		"context":    f.Context,
		"reason":     f.Reason,
		"status":     strconv.Itoa(f.Status),
		"attempts":   strconv.Itoa(f.Attempts),
		"first_seen": f.FirstSeen.Format(time.RFC3339),
		"last_error": f.LastError,
	}
}

// EventBridge accepts neither an empty detail type nor one longer than this many characters.
const (
	maxDetailType     = 128
	unknownDetailType = "unknown"
)

// entry returns the announcement for the bus. EventBridge must accept it even for a malformed
// event.
func (f *failure) entry() (bus.Entry, error) {
	detail, err := json.Marshal(f)
	if err != nil {
		return bus.Entry{}, err
	}
	e := bus.Entry{Source: bus.SourceFailure, DetailType: clip(f.Type, maxDetailType), Detail: detail}
	if e.DetailType == "" {
		e.DetailType = unknownDetailType
	}
	return e, nil
}

// giveUp announces the failure of a delivery and then parks it. If the bus or the queue does not
// accept that now, it returns the reason for which the delivery is deferred and tried again: nothing
// is parked without an announcement. If a crash follows the announcement, the redelivery announces
// the failure again; subscribers recognize it by the event's id.
func (h *Handler) giveUp(ctx context.Context, d *delivery) (reason string, err error) {
	switch err := h.announce(ctx, d); {
	case err == nil:
	case errors.Is(err, bus.ErrTooLarge), errors.Is(err, bus.ErrInvalid), d.age >= maxAge:
		h.sideEffect(ctx, d, "announce", err) // waiting would not help, or the queue would delete the message
	default:
		return "not_announced", err
	}
	if err := h.park(ctx, d); err != nil {
		return "not_parked", err
	}
	return "", nil
}

// park puts a delivery into the dead-letter queue, where an operator finds it.
func (h *Handler) park(ctx context.Context, d *delivery) error {
	failure := d.failure(d.verdict.reason)
	return h.parts.DeadLetters.Park(ctx, d.message.Body, failure.attributes())
}

// announce puts the failure of a delivery on the bus, in half of the time that is left, so that a
// bus that does not answer leaves time for the rest. A record without an event id is not announced:
// it may be one of our own announcements, sent here by a rule that matches too much, and would
// cause the next one, forever.
func (h *Handler) announce(ctx context.Context, d *delivery) error {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = pace.Leave(ctx, deadline.Sub(h.parts.Now())/2)
		defer cancel()
	}
	failure := d.failure(d.verdict.reason)
	if failure.EventID == "" {
		return nil
	}
	entry, err := failure.entry()
	if err != nil {
		return err
	}
	entry.Resources = bus.Resources(d.event().RelatedObject)
	return h.parts.Bus.Put(ctx, []bus.Entry{entry})[0]
}
