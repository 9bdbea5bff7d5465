package reconcile

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"golang.org/x/time/rate"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/pace"
	"github.com/meterbridge/meterbridge/internal/stack"
)

// ErrOptions means that the options or addresses of a [Replay] cannot work. The text says which.
var ErrOptions = errors.New("replay: unusable options")

// ReplayOptions configures a [Replay]. From and To are required.
type ReplayOptions struct {
	Options

	Types    []string  // none means all
	Contexts []string  // accounts, or paths of accounts; none means the key's own
	From, To time.Time // when the events were created: From or later, before To

	// All puts every event on the bus, whether or not it is in the ledger. The fetcher still emits
	// no event twice.
	All bool

	// Rate is the number of events put on the bus a second, each of which becomes a request to
	// Stripe; zero means no limit.
	Rate float64

	// Reached is called after each part with the time up to which everything is done. Nil means no
	// report.
	Reached func(time.Time)
}

// A Replay does on demand what the reconciler does on a schedule, without a checkpoint. It is not
// safe for concurrent use.
type Replay struct {
	windows    []Window
	reconciler *Reconciler
	reached    func(time.Time)
}

// NewReplay returns a Replay of the events that source lists, in a deployed stack. It needs the
// address of the ledger, except with [ReplayOptions].All, and of the bus, except with DryRun. The
// error is [ErrOptions].
func NewReplay(source Source, service aws.Config, where stack.Addresses, opts *ReplayOptions) (*Replay, error) {
	if err := opts.check(where); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	var known Ledger = emptyLedger{}
	if !opts.All {
		known = ledger.New(dynamodb.NewFromConfig(service), where.Ledger, nil)
	}
	limited := limitedBus{bus.New(eventbridge.NewFromConfig(service), where.Bus, nil), pace.Burst(opts.Rate, bus.MaxEntries)}
	r := &Replay{windows: opts.windows(), reconciler: New(source, known, limited, &opts.Options), reached: opts.Reached}
	if r.reached == nil {
		r.reached = func(time.Time) {}
	}
	return r, nil
}

func (o *ReplayOptions) check(where stack.Addresses) error {
	switch {
	case where.Ledger == "" && !o.All:
		return errors.New("no ledger is given")
	case where.Bus == "" && !o.DryRun:
		return errors.New("no bus is given")
	case o.From.IsZero() || !o.From.Before(o.To):
		return errors.New("the window is empty")
	case !(o.Rate >= 0) || math.IsInf(o.Rate, 0):
		return fmt.Errorf("rate %v is not a number of events a second", o.Rate)
	}
	return nil
}

// day is the length of one list, so that the oldest events come first, roughly, and a run can
// report its progress.
const day = 24 * time.Hour

// windows cuts the work into parts that one list can cover.
func (o *ReplayOptions) windows() []Window {
	contexts, types := o.Contexts, slices.Collect(slices.Chunk(o.Types, MaxTypes))
	if len(contexts) == 0 {
		contexts = []string{""}
	}
	if len(types) == 0 {
		types = [][]string{nil}
	}
	var all []Window
	for from := o.From; from.Before(o.To); from = from.Add(day) {
		to := from.Add(day)
		if to.After(o.To) {
			to = o.To
		}
		for _, stripeContext := range contexts {
			for _, some := range types {
				all = append(all, Window{Types: some, Context: stripeContext, From: from, To: to})
			}
		}
	}
	return all
}

// Run compares day by day. It ends at the first error: of a list, a lookup or an entry that might
// not be stored, or of ctx. Another run does no harm.
func (r *Replay) Run(ctx context.Context) (Counts, error) {
	var total Counts
	for _, window := range r.windows {
		r.reached(window.From)
		counts, err := r.reconciler.Sweep(ctx, window)
		total.Add(counts)
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// emptyLedger contains no event.
type emptyLedger struct{}

func (emptyLedger) Known(context.Context, ledger.Event) (known, done bool, err error) {
	return false, false, nil
}

// A limitedBus puts entries on a bus at a limited rate.
type limitedBus struct {
	bus     *bus.Bus
	limiter *rate.Limiter
}

// Put implements [Bus]. Entries still waiting when ctx ends get its error.
func (b limitedBus) Put(ctx context.Context, entries []bus.Entry) []error {
	results := make([]error, 0, len(entries))
	for chunk := range slices.Chunk(entries, b.limiter.Burst()) {
		if err := b.limiter.WaitN(ctx, len(chunk)); err != nil {
			return append(results, slices.Repeat([]error{err}, len(entries)-len(results))...)
		}
		results = append(results, b.bus.Put(ctx, chunk)...)
	}
	return results
}
