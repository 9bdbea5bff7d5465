package redrive

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/meterbridge/meterbridge/internal/bus"
)

// errOwnFault means that a letter cannot be brought back as it is, whenever that is tried.
var errOwnFault = errors.New("letter cannot be brought back")

// send brings letters back, each where it belongs, and returns one result for each: nil means that it is stored there.
func (r *Redriver) send(ctx context.Context, letters []*Letter) []error {
	results := all(len(letters), errUnconfirmed)
	some := func(belongs func(*Letter) bool, send func(context.Context, []*Letter) []error) {
		var part []*Letter
		var index []int
		for i, l := range letters {
			if belongs(l) {
				part, index = append(part, l), append(index, i)
			}
		}
		for i, result := range send(ctx, part) {
			results[index[i]] = result
		}
	}
	some(func(l *Letter) bool { return !r.belongsOnBus(l) }, r.fetch.send)
	some(r.belongsOnBus, r.put)
	return results
}

func (r *Redriver) belongsOnBus(l *Letter) bool { return l.ofRule && !l.wants(r.fetch.url) }

// put puts the events in letters on the bus.
func (r *Redriver) put(ctx context.Context, letters []*Letter) []error {
	results := make([]error, len(letters))
	var entries []bus.Entry
	var index []int
	for i, l := range letters {
		entry, err := r.entry(l)
		if results[i] = err; err == nil {
			entries, index = append(entries, entry), append(index, i)
		}
	}
	if len(entries) == 0 {
		return results // and there may be no bus
	}
	for i, err := range r.bus.Put(ctx, entries) {
		if errors.Is(err, bus.ErrInvalid) || errors.Is(err, bus.ErrTooLarge) {
			err = fmt.Errorf("%w: %w", errOwnFault, err)
		}
		results[index[i]] = err
	}
	return results
}

// entry is the event as it was when it first came to the bus, but for the id that EventBridge gives it.
func (r *Redriver) entry(l *Letter) (bus.Entry, error) {
	e := l.envelope
	switch {
	case r.bus == nil:
		return bus.Entry{}, fmt.Errorf("%w: it belongs on the bus, and there is none", errOwnFault)
	case e.Source == "" || e.DetailType == "" || len(e.Detail) == 0:
		return bus.Entry{}, fmt.Errorf("%w: its body is no event", errOwnFault)
	case strings.HasPrefix(e.Source, "aws."):
		return bus.Entry{}, fmt.Errorf("%w: only AWS puts events of %s; deliver it to %s by hand", errOwnFault, e.Source, l.targetARN)
	}
	return bus.Entry{
		Source: e.Source, DetailType: e.DetailType, Detail: e.Detail, Resources: e.Resources, Time: e.Time, TraceHeader: l.trace,
	}, nil
}
