package reconcile

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// Retention is how long Stripe lists an event.
const Retention = 30 * 24 * time.Hour

// MaxTypes is how many types one [Window] may have.
const MaxTypes = v2events.MaxListTypes

// Source is Stripe; [*v2events.Client] is one.
type Source interface {
	List(context.Context, v2events.EventListParams) iter.Seq2[*v2events.Event, error]
}

// Ledger knows what became of events; [*ledger.Ledger] is one.
type Ledger interface {
	Known(context.Context, ledger.Event) (bool, error)
}

// Bus stores events; [*bus.Bus] is one.
type Bus interface {
	Put(context.Context, []bus.Entry) []error
}

// Options adjusts a [Reconciler]. The zero value, like a nil pointer, is the default.
type Options struct {
	// DryRun finds missing events and leaves them where they are.
	DryRun bool

	// Report is told of every missing event, one at a time, and why it could not be put on the bus; nil means nobody is.
	Report func(event *v2events.Event, err error)
}

// A Reconciler compares one account's events with the ledger. It is immutable and safe for concurrent use if its parts and
// Report are.
type Reconciler struct {
	source Source
	ledger Ledger
	bus    Bus
	opts   Options
}

// New returns a Reconciler. With DryRun the bus may be nil.
func New(source Source, ledger Ledger, bus Bus, opts *Options) *Reconciler {
	r := &Reconciler{source: source, ledger: ledger, bus: bus}
	if opts != nil {
		r.opts = *opts
	}
	if r.opts.Report == nil {
		r.opts.Report = func(*v2events.Event, error) {}
	}
	return r
}

// A Window says which events to compare.
type Window struct {
	Types    []string  // at most MaxTypes; none means all
	Context  string    // the account, or path of accounts; "" for the key's own
	From, To time.Time // when they happened: From or later, before To
}

// A Count says what was found.
type Count struct {
	Listed  int // events that Stripe has
	Missing int // of them, those that the ledger does not know
	Refused int // of them, those that no bus will ever carry
}

func (c *Count) add(other Count) {
	c.Listed += other.Listed
	c.Missing += other.Missing
	c.Refused += other.Refused
}

// pageSize is what one page is asked for; Stripe may give less.
const pageSize = 100

// Sweep brings every missing event of a window onto the bus. Without an error each of them is there, but for the refused.
// Errors are those of the source and the ledger, and of entries that are not known to be stored. The count tells what was
// done until then, and sweeping again does no harm.
func (r *Reconciler) Sweep(ctx context.Context, w Window) (Count, error) {
	var total Count
	batch := make([]*v2events.Event, 0, pageSize)
	flush := func() error {
		count, err := r.bring(ctx, batch)
		total.add(count)
		batch = batch[:0]
		return err
	}
	list := r.source.List(ctx, v2events.EventListParams{
		Types: w.Types, Context: w.Context, Created: v2events.Range{GTE: w.From, LT: w.To}, Limit: pageSize,
	})
	for event, err := range list {
		if err != nil {
			return total, fmt.Errorf("list events: %w", err)
		}
		if batch = append(batch, event); len(batch) == pageSize {
			if err := flush(); err != nil {
				return total, err
			}
		}
	}
	return total, flush()
}

// bring puts the missing ones of some events on the bus.
func (r *Reconciler) bring(ctx context.Context, events []*v2events.Event) (Count, error) {
	count := Count{Listed: len(events)}
	missing, err := r.missing(ctx, events)
	if err != nil {
		return count, err
	}
	count.Missing = len(missing)
	for i, err := range r.put(ctx, missing) {
		r.opts.Report(missing[i], err)
		switch {
		case err == nil:
		case errors.Is(err, bus.ErrTooLarge), errors.Is(err, bus.ErrInvalid):
			count.Refused++ // now and ever: waiting for it would hold up all that come after
		default:
			return count, fmt.Errorf("bring event: %w", err)
		}
	}
	return count, nil
}

// lookups is how many events are looked up at a time.
const lookups = 10

// missing returns the events that the ledger does not know, in their order.
func (r *Reconciler) missing(ctx context.Context, events []*v2events.Event) ([]*v2events.Event, error) {
	known := make([]bool, len(events))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(lookups)
	for i, event := range events {
		group.Go(func() (err error) {
			known[i], err = r.ledger.Known(ctx, ledger.Event{ID: event.ID, Context: event.Context})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var missing []*v2events.Event
	for i, event := range events {
		if !known[i] {
			missing = append(missing, event)
		}
	}
	return missing, nil
}

func (r *Reconciler) put(ctx context.Context, events []*v2events.Event) []error {
	if r.opts.DryRun || len(events) == 0 {
		return make([]error, len(events))
	}
	entries := make([]bus.Entry, len(events))
	for i, event := range events {
		entries[i] = entry(event)
	}
	return r.bus.Put(ctx, entries)
}
