// Package reconcile finds events that Stripe lists but the ledger has never seen, and puts them on
// the bus as thin events.
//
// An endpoint that was down for longer than Stripe retries, a disabled destination or a wrong
// signing secret leaves events behind that Stripe does not deliver again. Stripe lists every event
// for 30 days (https://docs.stripe.com/api/v2/core/events/list), and the ledger knows every event
// that the fetcher has claimed: an event that is only in the list is missing. It is put on the bus
// in the webhook's form, so that it is handled like every other event, and the ledger recognizes it
// if Stripe delivers it later after all.
//
// A [Reconciler] compares one window, or with [Reconciler.Walk] as much of it as there is time for.
// [Reconciler.Recheck] looks at a window again, since an event on the bus may still not reach the
// fetcher. A [Replay] compares the windows, types and accounts that an operator chooses.
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

// MaxTypes is the largest number of types in one [Window].
const MaxTypes = v2events.MaxListTypes

// Source lists Stripe's events; [*v2events.Client] implements it.
type Source interface {
	List(context.Context, v2events.EventListParams) iter.Seq2[*v2events.Event, error]
}

// Ledger records which events have been claimed; [*ledger.Ledger] implements it.
type Ledger interface {
	Known(context.Context, ledger.Event) (known, done bool, err error)
}

// Bus stores events; [*bus.Bus] implements it.
type Bus interface {
	Put(context.Context, []bus.Entry) []error
}

// An Outcome is the result for one missing event.
type Outcome string

// The outcomes of missing events.
const (
	Put     Outcome = "put"     // it is on the bus
	Missing Outcome = "missing" // it would have been put, but this is a dry run
	Refused Outcome = "refused" // no bus will ever accept it, with an error
	Failed  Outcome = "failed"  // it is not known to be on the bus, with the error that ends the run
)

// Options configures a [Reconciler]. The zero value, like a nil pointer, is the default.
type Options struct {
	// DryRun finds missing events and puts none of them on the bus.
	DryRun bool

	// Report is called once for each missing event, one at a time. Its error is set for [Refused]
	// and [Failed]. Nil means no report.
	Report func(event *v2events.Event, outcome Outcome, err error)
}

// A Reconciler compares one account's events with the ledger. It is immutable, and safe for
// concurrent use if its parts and Report are.
type Reconciler struct {
	source Source
	ledger Ledger
	bus    Bus
	opts   Options
}

// New returns a Reconciler. With [Options].DryRun the bus may be nil.
func New(source Source, ledger Ledger, bus Bus, opts *Options) *Reconciler {
	r := &Reconciler{source: source, ledger: ledger, bus: bus}
	if opts != nil {
		r.opts = *opts
	}
	if r.opts.Report == nil {
		r.opts.Report = func(*v2events.Event, Outcome, error) {}
	}
	return r
}

// A Window selects the events to compare.
type Window struct {
	Types    []string  // at most MaxTypes; none means all
	Context  string    // the account, or path of accounts; "" for the key's own
	From, To time.Time // when they were created: From or later, before To
}

// Counts are the results of a run, or of a part of one.
type Counts struct {
	Listed  int `json:"listed"`  // events that Stripe listed
	Missing int `json:"missing"` // of these, unknown to the ledger
	Put     int `json:"put"`     // of the missing, now on the bus
	Refused int `json:"refused"` // of the missing, those that no bus will ever accept
}

// Add adds other to c.
func (c *Counts) Add(other Counts) {
	c.Listed += other.Listed
	c.Missing += other.Missing
	c.Put += other.Put
	c.Refused += other.Refused
}

// pageSize is the number of events to ask for in a page of the list; Stripe may return fewer.
const pageSize = 100

// Sweep puts every missing event of a window on the bus. If there is no error all of them are on
// the bus, except those refused. Errors are those of the source and the ledger, and of entries that
// might not be stored. The counts are valid even with an error, and a second sweep of the same
// window does no harm.
func (r *Reconciler) Sweep(ctx context.Context, w Window) (Counts, error) {
	return r.sweep(ctx, w, r.republish)
}

// A handling does something with a page of the events of a window.
type handling func(context.Context, []*v2events.Event) (Counts, error)

// sweep handles every event of a window.
func (r *Reconciler) sweep(ctx context.Context, w Window, handle handling) (Counts, error) {
	var total Counts
	batch := make([]*v2events.Event, 0, pageSize)
	flush := func() error {
		count, err := handle(ctx, batch)
		total.Add(count)
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

// republish puts those of some events on the bus that are missing.
func (r *Reconciler) republish(ctx context.Context, events []*v2events.Event) (Counts, error) {
	counts := Counts{Listed: len(events)}
	missing, _, err := r.missing(ctx, events)
	if err != nil {
		return counts, err
	}
	counts.Missing = len(missing)
	_, results, err := r.putAll(ctx, missing)
	counts.Add(results)
	return counts, err
}

// putAll puts events on the bus, and returns those that are there.
func (r *Reconciler) putAll(ctx context.Context, missing []*v2events.Event) (done []*v2events.Event, counts Counts, err error) {
	for i, err := range r.put(ctx, missing) {
		outcome := r.outcome(err)
		r.opts.Report(missing[i], outcome, err)
		switch outcome {
		case Put:
			counts.Put++
			done = append(done, missing[i])
		case Refused:
			counts.Refused++ // waiting for it would hold up every event after it
		case Failed:
			return done, counts, fmt.Errorf("republish event: %w", err)
		}
	}
	return done, counts, nil
}

func (r *Reconciler) outcome(err error) Outcome {
	switch {
	case err == nil && r.opts.DryRun:
		return Missing
	case err == nil:
		return Put
	case errors.Is(err, bus.ErrTooLarge), errors.Is(err, bus.ErrInvalid):
		return Refused
	}
	return Failed
}

// lookups is the number of concurrent requests to the ledger.
const lookups = 10

// missing returns the events that the ledger does not know, in their order, and the number of those
// that it knows and that are not done.
func (r *Reconciler) missing(ctx context.Context, events []*v2events.Event) (missing []*v2events.Event, underway int, err error) {
	known, done := make([]bool, len(events)), make([]bool, len(events))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(lookups)
	for i, event := range events {
		group.Go(func() (err error) {
			known[i], done[i], err = r.ledger.Known(ctx, ledger.Event{ID: event.ID, Context: event.Context})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, 0, err
	}
	for i, event := range events {
		switch {
		case !known[i]:
			missing = append(missing, event)
		case !done[i]:
			underway++
		}
	}
	return missing, underway, nil
}

func (r *Reconciler) put(ctx context.Context, events []*v2events.Event) []error {
	if r.opts.DryRun || len(events) == 0 {
		return make([]error, len(events))
	}
	entries := make([]bus.Entry, len(events))
	for i, event := range events {
		entries[i] = Entry(event)
	}
	return r.bus.Put(ctx, entries)
}
