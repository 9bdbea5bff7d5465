package reconcile

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// State is the state of a stream's rechecks between runs. Before the first recheck it is zero
// except for Settled, which must be set.
type State struct {
	// Settled is the time up to which every event was emitted or parked, or was refused by the bus.
	Settled time.Time `json:"settled"`

	// Cursor is the time at which the next recheck starts, and After the id of the last event of
	// that time that is behind it; "" if none is. A recheck runs from there to the window's end, and
	// then from Settled to the cursor.
	Cursor time.Time `json:"cursor"`
	After  string    `json:"after,omitempty"`

	// Sample contains some of the events that were last put on the bus. The next recheck looks them
	// up in the ledger to determine whether events reach the fetcher.
	Sample []ledger.Event `json:"sample,omitempty"`

	// Reaching means that an event in the previous run's sample has reached the fetcher, so the
	// events that are still unknown are probably on their way.
	Reaching bool `json:"reaching,omitempty"`

	// Allowance is the number of events that the last run was allowed to put on the bus.
	Allowance int `json:"allowance,omitempty"`

	// Gap is the number of runs from one republication to the next while the sample stays unknown,
	// and Skip the number of runs left until the next one.
	Gap  int `json:"gap,omitempty"`
	Skip int `json:"skip,omitempty"`
}

// Limits on the events that rechecks put on the bus. As long as no event is known to reach the
// fetcher, they put a few probes there, after a while only in every fourth run. Once a probe is
// known, the number grows by factor from run to run, so that the events of a long fault do not all
// arrive at once.
const (
	probes    = 10
	factor    = 10
	mostPut   = 10_000
	widestGap = 4
)

// Recheck compares events again that are too old for [Reconciler.Walk]: they were put on the bus,
// so the ledger should know them by now. If it does not, events are lost between the bus and the
// fetcher, for example because a rule is disabled or deleted or matches fewer types. For as long as
// that lasts such an event is rechecked, and put on the bus from time to time.
//
// The window's From is ignored; the state's Settled is used. A recheck covers the window once, in
// parts like a walk, and ends early when ctx ends or when it has found an unknown event that it may
// not put on the bus, which is where the next one starts: none is passed over, however many of them
// never become known. Missing in the counts is the number of unknown events found in this run. The
// state is valid even with an error. Running out of time is not an error. put are events that the
// caller has put on the bus; if this recheck puts none there, the next one uses them as its sample.
func (r *Reconciler) Recheck(ctx context.Context, w Window, s State, put *Sample) (State, Counts, error) {
	c := recheck{Reconciler: r, window: w, state: s}
	err := c.admit(ctx)
	if err == nil && s.Settled.Before(w.To) {
		err = c.round(ctx)
	}
	switch {
	case errors.Is(err, errEnough), errors.Is(err, ErrUnfinished), err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		err = nil
	case err == nil && c.counts.Missing == 0: // the end of the window
		c.state = State{Settled: c.state.Settled, Cursor: c.state.Settled, Reaching: c.state.Reaching}
	}
	switch {
	case len(c.put.events) > 0:
		c.state.Sample = c.put.list()
	case len(c.state.Sample) == 0:
		c.state.Sample = put.list()
	}
	return c.state, c.counts, err
}

// A recheck is the state of one Recheck.
type recheck struct {
	*Reconciler
	window Window
	state  State
	counts Counts

	open  int               // number of events found that are not emitted, parked or refused
	left  int               // number of unknown events that may still be put on the bus
	found []*v2events.Event // the oldest unknown events of the current part of the window
	put   Sample            // sample of the events put on the bus
}

// errEnough ends a round at an unknown event that it may not put on the bus.
var errEnough = errors.New("reconcile: enough events found")

// admit decides how many events this run may put on the bus.
func (c *recheck) admit(ctx context.Context) error {
	reaching := false
	for _, event := range c.state.Sample {
		known, _, err := c.ledger.Known(ctx, event)
		if err != nil {
			return err
		}
		reaching = reaching || known
	}
	s := &c.state
	s.Reaching = reaching
	switch {
	case len(s.Sample) == 0:
		s.Allowance, s.Gap, s.Skip = probes, 0, 0
	case reaching:
		s.Allowance, s.Gap, s.Skip = min(max(s.Allowance, probes)*factor, mostPut), 0, 0
	case s.Skip > 0:
		s.Allowance, s.Skip = probes, s.Skip-1
		return nil // none in this run
	default:
		s.Allowance, s.Gap = probes, min(max(1, 2*s.Gap), widestGap)
		s.Skip = s.Gap - 1
	}
	c.left = s.Allowance
	return nil
}

// round rechecks the events from the cursor to the end of the window, and then those before the
// cursor.
func (c *recheck) round(ctx context.Context) error {
	from, cursor := c.state.Settled, c.state.Cursor
	if !cursor.After(from) || !cursor.Before(c.window.To) {
		return c.leg(ctx, from, c.window.To)
	}
	if err := c.leg(ctx, cursor, c.window.To); err != nil {
		return err
	}
	err := c.leg(ctx, from, cursor)
	if err == nil && c.open == 0 {
		c.state.Settled = c.window.To
	}
	return err
}

// leg rechecks the events of a part of the window.
func (c *recheck) leg(ctx context.Context, from, to time.Time) error {
	w := c.window
	w.From, w.To = from, to
	before := c.open // in the leg before this one
	settles := !from.After(c.state.Settled)
	if !from.Equal(c.state.Cursor) {
		c.state.Cursor, c.state.After = from, ""
	}
	_, err := c.walk(ctx, w, c.look, func(at time.Time) error {
		err := c.putFound(ctx, at)
		settles = settles && c.open == before
		if settles {
			c.state.Settled = at
		}
		if len(c.found) > 0 {
			return cmp.Or(err, errEnough)
		}
		c.state.Cursor, c.state.After = at, ""
		return nil
	})
	return err
}

// look collects the unknown events of a page that are ahead of the cursor.
func (c *recheck) look(ctx context.Context, events []*v2events.Event) (Counts, error) {
	missing, underway, err := c.missing(ctx, events)
	if err != nil {
		return Counts{}, err
	}
	c.counts.Listed += len(events)
	c.counts.Missing += len(missing)
	c.open += len(missing) + underway // the message of an event that is underway may still be lost
	for _, event := range missing {
		if at := event.Created.Compare(c.state.Cursor); at > 0 || at == 0 && event.ID > c.state.After {
			c.found = append(c.found, event)
		}
	}
	if most := c.left + 1; len(c.found) > most+pageSize { // to bound the memory; an abandoned part leaves duplicates
		c.found = oldest(c.found)
		c.found = c.found[:min(most, len(c.found))]
	}
	return Counts{}, nil
}

// putFound puts the unknown events of the part that ends at a time on the bus, as many as it may,
// and moves the cursor past them while none reaches the fetcher. The oldest come first, because the
// fetcher reaches those first if it is only behind. The others are left in found.
func (c *recheck) putFound(ctx context.Context, end time.Time) error {
	abandoned := func(e *v2events.Event) bool { return !e.Created.Before(end) } // found in a part that was divided
	c.found = slices.DeleteFunc(oldest(c.found), abandoned)
	for c.left > 0 && len(c.found) > 0 {
		some := c.found[:min(c.left, pageSize, len(c.found))] // the time of one Put is limited
		done, results, err := c.putAll(ctx, some)
		c.counts.Put += results.Put
		c.counts.Refused += results.Refused
		c.counts.Missing -= results.Refused
		c.open -= results.Refused // waiting for them would hold up all later events
		for _, event := range done {
			c.put.Add(event)
		}
		if err != nil {
			return err
		}
		if last := some[len(some)-1]; !c.state.Reaching { // otherwise they will be known, and only the rest is found again
			c.state.Cursor, c.state.After = last.Created, last.ID
		}
		c.found, c.left = c.found[len(some):], c.left-len(some)
	}
	return nil
}

// oldest sorts events by age, and leaves each in once.
func oldest(events []*v2events.Event) []*v2events.Event {
	slices.SortFunc(events, func(a, b *v2events.Event) int {
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID), strings.Compare(a.Context, b.Context))
	})
	return slices.CompactFunc(events, func(a, b *v2events.Event) bool { return a.ID == b.ID && a.Context == b.Context })
}

// A Sample keeps a few, evenly spaced, of any number of events. The zero value is empty.
type Sample struct {
	events []ledger.Event // every stride'th event that was added
	stride int
	added  int
}

const sampleSize = 50

// Add offers an event to the sample.
func (s *Sample) Add(event *v2events.Event) {
	s.stride = max(s.stride, 1)
	if s.added++; (s.added-1)%s.stride != 0 {
		return
	}
	s.events = append(s.events, ledger.Event{ID: event.ID, Context: event.Context})
	if len(s.events) == 2*sampleSize {
		for i := range sampleSize {
			s.events[i] = s.events[2*i]
		}
		s.events, s.stride = s.events[:sampleSize], 2*s.stride
	}
}

// list returns at most sampleSize events.
func (s *Sample) list() []ledger.Event {
	step := (len(s.events) + sampleSize - 1) / sampleSize
	var list []ledger.Event
	for i := 0; i < len(s.events); i += step {
		list = append(list, s.events[i])
	}
	return list
}
