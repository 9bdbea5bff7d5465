// Package redrive sends dead letters back to the queue or bus that they were meant for.
//
// [New] makes a [Redriver] for one stack; [Redriver.Run] empties its two queues of dead letters.
// Letters that the fetcher parked or that SQS gave up go back to the fetcher's queue, with their
// body unchanged. Letters that a rule of the bus could not deliver go there as well if that queue
// was the rule's target: then no other target receives the event a second time, and it works for
// events of Stripe's partner bus, on which only Stripe may put events. Letters for other targets go
// back on the bus with their source, type, time, resources and the bytes of their detail, and all
// rules are matched again. Neither EventBridge nor SQS offers a redrive for that:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html.
//
// A letter is deleted only after its copy is confirmed. So no letter is lost, wherever a run ends
// and for whatever reason: a letter that was received and not deleted becomes visible again, and
// the next run sends it. It may then be sent twice, which the ledger recognizes, since both copies
// have the same event id. A run that finishes or whose context ends completes the call in progress,
// and leaves no letter hidden or duplicated.
//
// A letter that the filter does not select stays hidden until its queue is done, because each
// receive would otherwise return it again, and is then made visible at once. A letter with the same
// content as one that was sent in this run also stays: it has failed again, and would be sent again
// forever.
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

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/queue"
	"github.com/meterbridge/meterbridge/internal/stack"
)

// ErrOptions means that options or addresses cannot work. The text says which.
var ErrOptions = errors.New("redrive: unusable options")

// MinRate is the lowest rate above zero. With a lower one, letters would become visible again
// before they are sent.
const MinRate = 0.01

// An Outcome is the result for one letter.
type Outcome string

// The outcomes that are reported.
const (
	Redriven  Outcome = "redriven"  // its copy is confirmed
	Discarded Outcome = "discarded" // it is deleted without a copy
	Matched   Outcome = "matched"   // it would have been sent, but this is a dry run
	Failed    Outcome = "failed"    // it stays where it is, with an error
	Returned  Outcome = "returned"  // one with the same content was sent in this run and failed again, so it stays
	Skipped   Outcome = "skipped"   // not selected by the filter, or beyond the limit
)

// Options configures a run. The zero value, like a nil pointer, sends every letter without a limit.
type Options struct {
	Filter

	// Rate is in letters a second; zero means no limit. Every letter becomes a request to Stripe,
	// which allows about 25 a second together with live traffic.
	// https://docs.stripe.com/rate-limits
	Rate float64

	// Limit is the largest number of letters to send; zero means no limit.
	Limit int

	// Discard deletes the letters instead of sending them.
	Discard bool

	// DryRun reads the letters and leaves them all. It increases their receive counts, which has no
	// effect on a queue that has no dead-letter queue itself.
	DryRun bool

	// Report is called once with the outcome of each letter. The error is set for [Failed]. Nil
	// means no report.
	Report func(Letter, Outcome, error)
}

// Counts are the results of a run.
type Counts struct {
	Seen      int `json:"seen"`      // letters looked at
	Redriven  int `json:"redriven"`  // sent
	Discarded int `json:"discarded"` // deleted without being sent
	Matched   int `json:"matched"`   // would have been sent, in a dry run
	Skipped   int `json:"skipped"`   // not selected by the filter, or beyond the limit
	Failed    int `json:"failed"`    // not accepted
	Returned  int `json:"returned"`  // sent, and failed again during the run
	Undeleted int `json:"undeleted"` // of Redriven and Discarded: not deleted, so the next run will find them again
}

// A Redriver empties the dead-letter queues of one stack. It is immutable; run one at a time.
type Redriver struct {
	deadLetters []*queue.Queue
	fetch       *queue.Queue // the queue that feeds the fetcher
	bus         *bus.Bus     // nil if there are no letters of rules
	opts        Options
}

// New returns a Redriver. It needs the addresses of the fetcher's queue, of at least one queue of
// dead letters and, for the letters of rules, of the bus. The error is [ErrOptions].
func New(service aws.Config, where stack.Addresses, opts *Options) (*Redriver, error) {
	client := sqs.NewFromConfig(service)
	r := &Redriver{fetch: queue.New(client, where.FetchQueue)}
	if opts != nil {
		r.opts = *opts
	}
	if r.opts.Report == nil {
		r.opts.Report = func(Letter, Outcome, error) {}
	}
	for _, url := range []string{where.DeadLetters, where.RuleDeadLetters} {
		if url != "" {
			r.deadLetters = append(r.deadLetters, queue.New(client, url))
		}
	}
	if where.Bus != "" {
		r.bus = bus.New(eventbridge.NewFromConfig(service), where.Bus, nil)
	}
	if err := r.check(where); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	return r, nil
}

func (r *Redriver) check(where stack.Addresses) error {
	switch {
	case len(r.deadLetters) == 0:
		return errors.New("no queue of dead letters is given")
	case where.FetchQueue == "":
		return errors.New("no queue to send letters to is given")
	case where.RuleDeadLetters != "" && where.Bus == "":
		return errors.New("no bus to put letters of rules on is given")
	case !(r.opts.Rate == 0 || r.opts.Rate >= MinRate) || math.IsInf(r.opts.Rate, 0):
		return fmt.Errorf("rate %v is neither 0 nor at least %v", r.opts.Rate, MinRate)
	case r.opts.Limit < 0:
		return errors.New("limit is negative")
	}
	return nil
}

// Count returns the approximate number of letters that a run would read, and of all letters: some
// may be hidden, because somebody else reads them or the answer with them was lost.
func (r *Redriver) Count(ctx context.Context) (visible, all int, err error) {
	for _, q := range r.deadLetters {
		v, hidden, err := q.Count(ctx)
		if err != nil {
			return 0, 0, err
		}
		visible, all = visible+v, all+v+hidden
	}
	return visible, all, nil
}

// Run reads every letter once and sends those that the filter selects. It ends when there is no new
// letter, at the limit, when ctx ends (it then returns ctx's error), or when AWS accepts nothing
// more. The counts are valid even with an error; an error never means that a letter is lost.
func (r *Redriver) Run(ctx context.Context) (Counts, error) {
	state := newRun(r)
	for _, q := range r.deadLetters {
		if err := state.empty(ctx, q); err != nil {
			return state.sum(), err
		}
	}
	return state.sum(), nil
}

// hide returns how long a received letter stays hidden: until it can be sent, and for the work on
// it. If the run is killed, the letter is visible again after this time.
func (r *Redriver) hide() time.Duration {
	d := 5 * time.Minute
	if r.opts.Rate > 0 {
		d += time.Duration(queue.MaxBatch / r.opts.Rate * float64(time.Second))
	}
	return d
}
