package redrive

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"golang.org/x/time/rate"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/stack"
)

// ErrOptions means that options or addresses cannot work. The text says which.
var ErrOptions = errors.New("redrive: unusable options")

// MinRate is the lowest rate above zero: slower, and letters would become visible again before their turn.
const MinRate = 0.01

// An Outcome is what became of a letter.
type Outcome string

// The outcomes that are reported.
const (
	Redriven Outcome = "redriven" // its successor is confirmed
	Matched  Outcome = "matched"  // it would be brought back, were this not a dry run
	Failed   Outcome = "failed"   // it stays where it is, with an error
	Returned Outcome = "returned" // one like it was brought back in this run and failed again, so it stays
	Skipped  Outcome = "skipped"  // the filter or the limit leaves it
)

// Options adjusts a run. The zero value, like a nil pointer, brings everything back without a limit.
type Options struct {
	Filter

	// Rate is in letters a second; zero is no limit. Every letter becomes a request to Stripe, which allows about 25 a
	// second with those of live traffic. https://docs.stripe.com/rate-limits
	Rate float64

	// Limit is how many letters are brought back at most; zero is no limit.
	Limit int

	// DryRun looks at the letters and leaves them all. They count as received once more, which has no effect on a queue
	// that has no dead-letter queue itself.
	DryRun bool

	// Report is told once what became of each letter. The error is set for Failed. Nil: nobody is.
	Report func(Letter, Outcome, error)
}

// Counts is the sum of a run.
type Counts struct {
	Seen      int `json:"seen"`      // letters looked at
	Redriven  int `json:"redriven"`  // brought back
	Matched   int `json:"matched"`   // would have been, in a dry run
	Skipped   int `json:"skipped"`   // not admitted by the filter, or beyond the limit
	Failed    int `json:"failed"`    // not taken
	Returned  int `json:"returned"`  // brought back, and failed again during the run
	Undeleted int `json:"undeleted"` // of Redriven: still there as well, so that the next run will double them
}

// A Redriver empties the dead-letter queues of one stack. It is immutable; one run at a time makes sense.
type Redriver struct {
	inboxes []queue
	fetch   queue    // where the fetcher takes its work from
	bus     *bus.Bus // nil if there are no letters of rules
	opts    Options
}

// New returns a Redriver. It needs the fetcher's queue, at least one queue of dead letters and, for the letters of rules,
// the bus. The error is ErrOptions.
func New(service aws.Config, stack stack.Addresses, opts *Options) (*Redriver, error) {
	client := sqs.NewFromConfig(service)
	r := &Redriver{fetch: queue{client, stack.FetchQueue}}
	if opts != nil {
		r.opts = *opts
	}
	if r.opts.Report == nil {
		r.opts.Report = func(Letter, Outcome, error) {}
	}
	for _, url := range []string{stack.DeadLetters, stack.RuleDeadLetters} {
		if url != "" {
			r.inboxes = append(r.inboxes, queue{client, url})
		}
	}
	if stack.Bus != "" {
		r.bus = bus.New(eventbridge.NewFromConfig(service), stack.Bus, nil)
	}
	if err := r.check(stack); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	return r, nil
}

func (r *Redriver) check(stack stack.Addresses) error {
	switch {
	case len(r.inboxes) == 0:
		return errors.New("there is no queue of dead letters")
	case stack.FetchQueue == "":
		return errors.New("there is no queue to bring them back to")
	case stack.RuleDeadLetters != "" && stack.Bus == "":
		return errors.New("there is no bus to bring letters of rules back to")
	case !(r.opts.Rate == 0 || r.opts.Rate >= MinRate) || math.IsInf(r.opts.Rate, 0):
		return fmt.Errorf("rate %v is neither 0 nor at least %v", r.opts.Rate, MinRate)
	case r.opts.Limit < 0:
		return errors.New("limit is negative")
	}
	return nil
}

// Pending returns about how many letters there are, which is what a run has to look at.
func (r *Redriver) Pending(ctx context.Context) (int, error) {
	sum := 0
	for _, inbox := range r.inboxes {
		n, err := inbox.pending(ctx)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// Run looks at every letter once and brings back what the filter admits. It ends when nothing new is left, at the limit,
// when ctx ends (which it returns), or when AWS takes nothing more. The counts hold beside an error as well; an error
// never means that a letter is lost.
func (r *Redriver) Run(ctx context.Context) (Counts, error) {
	state := newRun(r)
	for _, inbox := range r.inboxes {
		if err := state.empty(ctx, inbox); err != nil {
			return state.sum(), err
		}
	}
	return state.sum(), nil
}

// limiter admits at most a second's letters at once, and no more than a batch.
func (r *Redriver) limiter() *rate.Limiter {
	if r.opts.Rate == 0 {
		return rate.NewLimiter(rate.Inf, maxBatch)
	}
	return rate.NewLimiter(rate.Limit(r.opts.Rate), max(1, min(maxBatch, int(r.opts.Rate))))
}

// hide is how long a received letter stays hidden: until its turn within the batch, and then for the work on it. A
// letter shows up again after this time if the run is killed.
func (r *Redriver) hide() time.Duration {
	d := 5 * time.Minute
	if r.opts.Rate > 0 {
		d += time.Duration(maxBatch / r.opts.Rate * float64(time.Second))
	}
	return d
}
