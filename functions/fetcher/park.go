package fetcher

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

// failure is the detail of stripe.failure: which event was given up, and why. It holds no payload.
type failure struct {
	EventID   string    `json:"event_id"` // "" if the record held no event, as are Type and Context then
	Type      string    `json:"type"`
	Context   string    `json:"context"`
	Reason    string    `json:"reason"`
	Status    int       `json:"status"` // of Stripe's answer; 0 if there was none
	Attempts  int       `json:"attempts"`
	FirstSeen time.Time `json:"first_seen"`
	LastError string    `json:"last_error"`
}

// maxLastError bounds what an error's text can add to a message.
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

// EventBridge takes no empty detail type and none longer than this many characters.
const (
	maxDetailType     = 128
	unknownDetailType = "unknown"
)

// entry announces the failure on the bus. It has to be one that EventBridge carries, whatever the event was like.
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

// park hands a delivery to the dead letters, where it waits for a person.
func (f *fetcher) park(ctx context.Context, d *delivery) error {
	story := d.failure(d.verdict.reason)
	return f.queue.Park(ctx, d.message.Body, story.attributes())
}

// announce tells the bus of a parked delivery. What names no event of Stripe's is not announced, for it may be one of our own
// announcements, sent here by a rule that matches too much: announcing it would cause the next, without end.
func (f *fetcher) announce(ctx context.Context, d *delivery) error {
	story := d.failure(d.verdict.reason)
	if story.EventID == "" {
		return nil
	}
	entry, err := story.entry()
	if err != nil {
		return err
	}
	entry.Resources = related(d.event().RelatedObject)
	return f.bus.Put(ctx, []bus.Entry{entry})[0]
}
