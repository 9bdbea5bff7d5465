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

// State is what a stream's rechecks keep between runs. The zero value is that of a stream that has
// never been rechecked, except that Settled has to be set.
type State struct {
	// Settled is the time up to which every event is known to the ledger, or was refused by the bus.
	Settled time.Time `json:"settled"`

	// Cursor is where the next recheck continues. Rechecks go round from Settled to the window's end.
	Cursor time.Time `json:"cursor"`

	// Sample are some of the events that were last put on the bus, by which the next recheck sees
	// whether events reach the fetcher.
	Sample []ledger.Event `json:"sample,omitempty"`

	// Reaching means that one of the sample of the run before has reached the fetcher: what is still
	// unknown is probably on its way.
	Reaching bool `json:"reaching,omitempty"`

	// Allowance is the number of events that were last allowed on the bus at once.
	Allowance int `json:"allowance,omitempty"`

	// Gap is the number of runs from one republication to the next while the sample stays unknown,
	// and Skip the number of those still to pass.
	Gap  int `json:"gap,omitempty"`
	Skip int `json:"skip,omitempty"`
}

// Limits of what rechecks put on the bus. As long as nothing shows that it reaches the fetcher, that
// is a few probes, at last in one run of four. Once one of them is known, it grows by the factor from
// run to run, so that a long fault's events do not all come at once.
const (
	probes    = 10
	factor    = 10
	mostPut   = 10_000
	widestGap = 4
)

// Recheck looks at events again that are older than what a [Reconciler.Walk] still compares: they
// were on the bus, and the ledger should know them by now. If it does not know one, something
// between the bus and the fetcher is at fault, such as a rule that is disabled, deleted or matches
// less. For as long as that lasts the event is looked at again, and put on the bus from time to
// time.
//
// The window's From is ignored: it is the state's. A recheck goes round once, in parts like a walk,
// and ends early when ctx does or when it has found as many unknown events as it may put. The counts
// are those of this run: Missing is the number of unknown events that it found. The state is valid
// beside an error too. Running out of time is not an error. put are events that the caller has put on
// the bus itself; the next recheck looks whether they reach the fetcher if this one puts none there.
func (r *Reconciler) Recheck(ctx context.Context, w Window, s State, put *Sample) (State, Counts, error) {
	c := recheck{Reconciler: r, window: w, state: s}
	err := c.admit(ctx)
	if err == nil && s.Settled.Before(w.To) {
		err = c.round(ctx)
	}
	if errors.Is(err, ErrUnfinished) || errors.Is(err, errEnough) {
		err = nil
	} else if err == nil && c.counts.Missing == 0 {
		c.state = State{Settled: c.state.Settled, Cursor: c.state.Settled, Reaching: c.state.Reaching}
	}
	for _, sample := range []*Sample{&c.put, put} {
		if len(sample.events) > 0 && (sample == &c.put || len(c.state.Sample) == 0) {
			c.state.Sample = sample.list()
			break
		}
	}
	return c.state, c.counts, err
}

// A recheck is the state of one Recheck.
type recheck struct {
	*Reconciler
	window Window
	state  State
	counts Counts

	left  int               // unknown events that may still be put on the bus
	may   bool              // whether they are, or only counted
	found []*v2events.Event // the oldest unknown events of the current part of the window
	put   Sample            // of those that are on the bus
}

// errEnough ends a round that has found as many unknown events as it may.
var errEnough = errors.New("reconcile: enough events found")

// admit decides how many events this run may put on the bus.
func (c *recheck) admit(ctx context.Context) error {
	reaching := false
	for _, event := range c.state.Sample {
		known, err := c.ledger.Known(ctx, event)
		if err != nil {
			return err
		}
		reaching = reaching || known
	}
	s := &c.state
	c.may, s.Reaching = true, reaching
	switch {
	case len(s.Sample) == 0:
		s.Allowance, s.Gap, s.Skip = probes, 0, 0
	case reaching:
		s.Allowance, s.Gap, s.Skip = min(max(s.Allowance, probes)*factor, mostPut), 0, 0
	case s.Skip > 0:
		c.may = false
		s.Allowance, s.Skip = probes, s.Skip-1
	default:
		s.Allowance, s.Gap = probes, min(max(1, 2*s.Gap), widestGap)
		s.Skip = s.Gap - 1
	}
	c.left = s.Allowance
	return nil
}

// round looks at the events from the cursor to the end of the window, and then at those before it.
func (c *recheck) round(ctx context.Context) error {
	from, cursor := c.state.Settled, c.state.Cursor
	if !cursor.After(from) || !cursor.Before(c.window.To) {
		return c.leg(ctx, from, c.window.To)
	}
	if err := c.leg(ctx, cursor, c.window.To); err != nil {
		return err
	}
	err := c.leg(ctx, from, cursor)
	if err == nil && c.counts.Missing == 0 {
		c.state.Settled = c.window.To
	}
	return err
}

// leg looks at the events of a part of the window.
func (c *recheck) leg(ctx context.Context, from, to time.Time) error {
	w := c.window
	w.From, w.To = from, to
	before := c.counts.Missing // in the leg before this one
	settles := !from.After(c.state.Settled)
	c.state.Cursor = from
	_, err := c.walk(ctx, w, c.look, func(at time.Time) error {
		rest, err := c.putFound(ctx)
		if err != nil {
			return err
		}
		settles = settles && c.counts.Missing == before
		if settles {
			c.state.Settled = at
		}
		if !c.state.Reaching || !rest { // the next probes are others; the rest of what is on its way comes next
			c.state.Cursor = at
		}
		if c.left == 0 {
			return errEnough
		}
		return nil
	})
	return err
}

// look finds the unknown events of a page.
func (c *recheck) look(ctx context.Context, events []*v2events.Event) (Counts, error) {
	missing, err := c.missing(ctx, events)
	if err != nil {
		return Counts{}, err
	}
	c.counts.Listed += len(events)
	c.counts.Missing += len(missing)
	if c.found = append(c.found, missing...); len(c.found) > 2*mostPut {
		c.found = oldest(c.found, mostPut)
	}
	return Counts{}, nil
}

// putFound puts as many of the events found in a part on the bus as it may, the oldest first, since
// those are the first to come if the fetcher is only behind. It reports whether it left some.
func (c *recheck) putFound(ctx context.Context) (rest bool, err error) {
	found := oldest(c.found, c.left)
	rest = len(found) < len(c.found)
	c.found, c.left = nil, c.left-len(found)
	if !c.may {
		return rest, nil
	}
	done, results, err := c.putAll(ctx, found)
	c.counts.Put += results.Put
	c.counts.Refused += results.Refused
	c.counts.Missing -= results.Refused // waiting for those would hold up every event after them
	for _, event := range done {
		c.put.Add(event)
	}
	return rest, err
}

// oldest returns the n oldest events, each once, in order.
func oldest(events []*v2events.Event, n int) []*v2events.Event {
	slices.SortFunc(events, func(a, b *v2events.Event) int {
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID), strings.Compare(a.Context, b.Context))
	})
	events = slices.CompactFunc(events, func(a, b *v2events.Event) bool { return a.ID == b.ID && a.Context == b.Context })
	return events[:min(n, len(events))]
}

// A Sample takes a few of any number of events, evenly. The zero value is empty.
type Sample struct {
	events []ledger.Event // every stride'th of those that were added
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
