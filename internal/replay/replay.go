package replay

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

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/deployed"
	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/reconcile"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// ErrOptions means that options or addresses cannot work. The text says which.
var ErrOptions = errors.New("replay: unusable options")

// An Outcome is what became of a missing event.
type Outcome string

// The outcomes that are reported.
const (
	Put     Outcome = "put"     // it is on the bus
	Missing Outcome = "missing" // it would be, were this not a dry run
	Refused Outcome = "refused" // no bus will ever carry it, with an error
	Failed  Outcome = "failed"  // it is not known to be on the bus, with an error, and the run ends
)

// Options says what to replay. From is required; everything else has a use for its zero value.
type Options struct {
	Types    []string  // none means all
	Contexts []string  // accounts, or paths of accounts; none means the key's own
	From, To time.Time // when the events happened: From or later, before To

	// All puts every event, known to the ledger or not. The fetcher still emits no event twice.
	All bool
	// DryRun finds what is missing and leaves it.
	DryRun bool
	// Rate is how many events a second are put on the bus, each of which becomes a request to Stripe; zero is no limit.
	Rate float64
	// Report is told what became of each missing event. Nil: nobody is.
	Report func(*v2events.Event, Outcome, error)
	// Reached is told up to which time everything is done, now and then. Nil: nobody is.
	Reached func(time.Time)
}

// Counts is the sum of a run.
type Counts struct {
	Listed  int `json:"listed"`  // events that Stripe has
	Missing int `json:"missing"` // of them, those that the ledger does not know
	Put     int `json:"put"`     // of them, those that are on the bus now
	Refused int `json:"refused"` // of them, those that no bus will carry
}

// A Replay is one piece of work over one stack. It is for one goroutine.
type Replay struct {
	windows    []reconcile.Window
	reconciler *reconcile.Reconciler
	opts       Options
	put        int
}

// New returns a Replay of what stripe lists. It needs the ledger, unless with All, and the bus, unless in a dry run. The
// error is ErrOptions.
func New(stripe *v2events.Client, service aws.Config, stack deployed.Stack, opts Options) (*Replay, error) {
	if err := check(stack, opts); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	r := &Replay{opts: opts, windows: windows(opts)}
	if r.opts.Report == nil {
		r.opts.Report = func(*v2events.Event, Outcome, error) {}
	}
	if r.opts.Reached == nil {
		r.opts.Reached = func(time.Time) {}
	}
	var known reconcile.Ledger = blank{}
	if !opts.All {
		known = ledger.New(dynamodb.NewFromConfig(service), stack.Ledger, nil)
	}
	slow := newSlowBus(bus.New(eventbridge.NewFromConfig(service), stack.Bus, nil), opts.Rate)
	r.reconciler = reconcile.New(stripe, known, slow, &reconcile.Options{DryRun: opts.DryRun, Report: r.report})
	return r, nil
}

func check(stack deployed.Stack, opts Options) error {
	switch {
	case stack.Ledger == "" && !opts.All:
		return errors.New("there is no ledger to ask what is missing")
	case stack.Bus == "" && !opts.DryRun:
		return errors.New("there is no bus to put events on")
	case opts.From.IsZero() || !opts.From.Before(opts.To):
		return errors.New("the window has no time in it")
	case !(opts.Rate >= 0) || math.IsInf(opts.Rate, 0):
		return fmt.Errorf("rate %v is not a number of events a second", opts.Rate)
	}
	return nil
}

// day is how much time one list covers, so that the oldest events come first, roughly, and a run can tell how far it is.
const day = 24 * time.Hour

// windows cuts the work into what one list can ask for.
func windows(opts Options) []reconcile.Window {
	contexts, types := opts.Contexts, slices.Collect(slices.Chunk(opts.Types, reconcile.MaxTypes))
	if len(contexts) == 0 {
		contexts = []string{""}
	}
	if len(types) == 0 {
		types = [][]string{nil}
	}
	var all []reconcile.Window
	for from := opts.From; from.Before(opts.To); from = from.Add(day) {
		to := from.Add(day)
		if to.After(opts.To) {
			to = opts.To
		}
		for _, stripeContext := range contexts {
			for _, some := range types {
				all = append(all, reconcile.Window{Types: some, Context: stripeContext, From: from, To: to})
			}
		}
	}
	return all
}

// Run does the work, day by day. It ends at the first error: that of a list, a lookup or an entry that is not known to be
// stored, or of ctx. Running again does no harm.
func (r *Replay) Run(ctx context.Context) (Counts, error) {
	var counts Counts
	for _, window := range r.windows {
		r.opts.Reached(window.From)
		count, err := r.reconciler.Sweep(ctx, window)
		counts.Listed += count.Listed
		counts.Missing += count.Missing
		counts.Refused += count.Refused
		counts.Put = r.put
		if err != nil {
			return counts, err
		}
	}
	return counts, nil
}

func (r *Replay) report(event *v2events.Event, err error) {
	outcome := Failed
	switch {
	case err == nil && r.opts.DryRun:
		outcome = Missing
	case err == nil:
		outcome = Put
		r.put++
	case errors.Is(err, bus.ErrTooLarge), errors.Is(err, bus.ErrInvalid):
		outcome = Refused
	}
	r.opts.Report(event, outcome, err)
}

// blank is a ledger that knows nothing.
type blank struct{}

func (blank) Known(context.Context, ledger.Event) (bool, error) { return false, nil }
