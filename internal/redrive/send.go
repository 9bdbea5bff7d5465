package redrive

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/queue"
)

// errFinal means that a letter can never be sent.
var errFinal = errors.New("letter cannot be redriven")

// send sends each letter where it belongs and returns one result for each: nil means that its copy
// is stored there.
func (r *Redriver) send(ctx context.Context, letters []*Letter) []error {
	results := make([]error, len(letters))
	var messages []queue.Message
	var entries []bus.Entry
	var ofMessages, ofEntries []int // indices of letters
	for i, l := range letters {
		if !l.fromRule || l.targets(r.fetch.URL()) {
			messages, ofMessages = append(messages, l.message), append(ofMessages, i)
			continue
		}
		entry, err := r.entry(l)
		if err != nil {
			results[i] = err
			continue
		}
		entries, ofEntries = append(entries, entry), append(ofEntries, i)
	}
	for i, err := range r.fetch.Send(ctx, messages) {
		results[ofMessages[i]] = final(err)
	}
	if len(entries) > 0 {
		for i, err := range r.bus.Put(ctx, entries) {
			results[ofEntries[i]] = final(err)
		}
	}
	return results
}

// final marks errors that a retry cannot fix.
func final(err error) error {
	if errors.Is(err, queue.ErrRefused) || errors.Is(err, bus.ErrInvalid) || errors.Is(err, bus.ErrTooLarge) {
		return fmt.Errorf("%w: %w", errFinal, err)
	}
	return err
}

// entry returns the event as it first came to the bus, except for the id, which EventBridge
// assigns.
func (r *Redriver) entry(l *Letter) (bus.Entry, error) {
	e := l.event
	switch {
	case r.bus == nil:
		return bus.Entry{}, fmt.Errorf("%w: it belongs on the bus, and no bus is given", errFinal)
	case e.Source == "" || e.DetailType == "" || len(e.Detail) == 0:
		return bus.Entry{}, fmt.Errorf("%w: its body is not an event", errFinal)
	case strings.HasPrefix(e.Source, "aws."):
		return bus.Entry{}, fmt.Errorf("%w: only AWS puts events of %s; deliver it to %s by hand", errFinal, e.Source, l.targetARN)
	}
	return bus.Entry{
		Source: e.Source, DetailType: e.DetailType, Detail: e.Detail, Resources: e.Resources, Time: e.Time, TraceHeader: l.message.Trace(),
	}, nil
}
