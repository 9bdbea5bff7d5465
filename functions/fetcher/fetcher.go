// Package fetcher handles one batch of thin events from the queue: each event is claimed in the
// ledger, fetched from Stripe, checked and put on the bus; if that fails it is deferred or parked.
//
// [New] makes a [Handler] from [Parts]; [Handler.Handle] works through one batch. The package
// bootstrap below it is the process: configuration, wiring and start.
package fetcher

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"golang.org/x/sync/errgroup"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/pace"
	"github.com/meterbridge/meterbridge/internal/telemetry"
)

// Parts are the dependencies and settings of a [Handler]. All fields except RateLimit are required.
type Parts struct {
	Keyring     Keyring
	Bus         Bus
	Queue       Queue
	DeadLetters DeadLetters
	Ledger      Ledger
	Now         func() time.Time
	Random      func() float64 // uniform in [0, 1)
	Log         *slog.Logger
	Metrics     *telemetry.Metrics

	RateLimit float64 // requests to Stripe a second; zero means no limit
}

// Bus stores events; [*bus.Bus] implements it.
type Bus interface {
	Put(context.Context, []bus.Entry) []error
}

// Queue is the queue the batches come from; [*queue.Queue] implements it.
type Queue interface {
	Defer(ctx context.Context, receipt string, delay time.Duration) error
}

// DeadLetters is the queue for events that are given up; [*queue.Queue] implements it.
type DeadLetters interface {
	Park(ctx context.Context, body string, attributes map[string]string) error
}

// A Handler turns batches of thin events into full events on the bus. Between batches it remembers
// only the days of its schema notices. It is safe for concurrent use.
type Handler struct {
	parts   Parts
	pacer   *pace.Pacer
	notices notices
}

// New returns a Handler.
func New(parts Parts) *Handler {
	return &Handler{parts: parts, pacer: pace.NewPacer(parts.RateLimit, parts.Now)}
}

// errNoBatch means that the function was invoked with something that is not from SQS.
var errNoBatch = errors.New("event is not a batch of SQS records")

// maxConcurrent bounds the requests in flight. The pacer limits how many start; this limits how
// many slow answers are waited for.
const maxConcurrent = 10

// Handle works through one batch. Records that it does not report as failed are finished: emitted,
// parked or duplicates. It returns an error only if the event contains no records.
func (h *Handler) Handle(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	if len(batch.Records) == 0 {
		return events.SQSEventResponse{}, errNoBatch
	}
	deliveries := make([]*delivery, len(batch.Records))
	for i, message := range batch.Records {
		deliveries[i] = open(message, h.parts.Now())
	}
	share, lease := h.share(ctx), h.lease(ctx)
	forEach(ctx, 2*share, deliveries, func(ctx context.Context, d *delivery) { d.err = h.fetch(ctx, d, share, lease) })
	h.publish(ctx, share, deliveries)
	forEach(ctx, share/10, deliveries, h.settle)
	h.record(ctx, deliveries)
	h.notice(ctx, deliveries)
	return report(deliveries), nil
}

// maxShare is the time in which one request to Stripe, one publication or the settling of a batch
// should be done.
const maxShare = 5 * time.Second

// share divides the time of the invocation, so that no step starts that cannot finish. One share is
// for publishing, one for settling and the rest for fetching, whose last request starts one share
// before its time ends.
func (h *Handler) share(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return maxShare
	}
	return min(maxShare, deadline.Sub(h.parts.Now())/4)
}

// forEach runs do for every delivery, several at a time, with a context that ends early enough to
// leave some of ctx's time.
func forEach(ctx context.Context, leave time.Duration, deliveries []*delivery, do func(context.Context, *delivery)) {
	ctx, cancel := pace.Leave(ctx, leave)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(maxConcurrent)
	for _, d := range deliveries {
		group.Go(func() error {
			do(ctx, d)
			return nil
		})
	}
	_ = group.Wait() // each delivery keeps its own error
}

// fetch claims the event, fetches it in full and reads its report. It reads the key before it waits
// for its turn: requests that waited for a slow key together would all start at once.
func (h *Handler) fetch(ctx context.Context, d *delivery, share time.Duration, lease time.Time) error {
	if d.err != nil {
		return d.err
	}
	if err := h.claim(ctx, d, share, lease); err != nil {
		return err
	}
	client, err := h.client(ctx, d.thin)
	if err != nil {
		return err
	}
	if err := h.await(ctx, share); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, share)
	defer cancel()
	began := h.parts.Now()
	full, err := h.get(ctx, client, d.thin)
	d.full, d.latency = full, h.parts.Now().Sub(began)
	h.pacer.Adapt(err)
	if err != nil {
		return err
	}
	d.report, d.mismatch = meterReport(d.full)
	return nil
}

// await waits until the next request to Stripe may start. It fails if less than one share of ctx's
// time would be left then.
func (h *Handler) await(ctx context.Context, share time.Duration) error {
	ctx, cancel := pace.Leave(ctx, share)
	defer cancel()
	if h.pacer.Wait(ctx) != nil {
		return errTime
	}
	return nil
}

// publish puts everything that was fetched on the bus, in as few requests as possible.
func (h *Handler) publish(ctx context.Context, share time.Duration, deliveries []*delivery) {
	ctx, cancel := pace.Leave(ctx, share)
	defer cancel()
	var fetched []*delivery
	var entries []bus.Entry
	for _, d := range deliveries {
		if d.err == nil {
			fetched = append(fetched, d)
			entries = append(entries, d.entry())
		}
	}
	for i, err := range h.parts.Bus.Put(ctx, entries) {
		if err != nil {
			fetched[i].err = fmt.Errorf("%w: %w", errNotStored, err)
		}
	}
}

// settle reaches a verdict on a delivery and acts on it. The ledger is written last: after a crash
// before that, the redelivery of the message does the rest, which the ledger would otherwise refuse
// as a duplicate.
func (h *Handler) settle(ctx context.Context, d *delivery) {
	d.verdict = judge(d.err, d.tries(), d.age)
	if d.verdict.outcome == parked {
		if reason, err := h.giveUp(ctx, d); err != nil {
			d.verdict, d.err = verdict{deferred, reason}, errors.Join(d.err, err)
		}
	}
	delay := h.delay(d)
	if d.verdict.outcome == deferred {
		h.sideEffect(ctx, d, "defer", h.parts.Queue.Defer(ctx, d.message.ReceiptHandle, delay))
	}
	if d.claim != nil {
		h.sideEffect(ctx, d, "ledger", h.settleClaim(ctx, d, delay))
	}
}

// delay returns how long a delivery waits if it is deferred.
func (h *Handler) delay(d *delivery) time.Duration {
	if d.verdict.reason == reasonNoTime || d.verdict.reason == reasonHeld {
		return backoff(d.receives/2, h.parts.Random()) // not the event's own failure
	}
	return backoff(d.receives, h.parts.Random())
}

// report names the records that SQS must keep. An empty id makes Lambda keep the whole batch, which
// loses nothing.
func report(deliveries []*delivery) events.SQSEventResponse {
	response := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for _, d := range deliveries {
		if d.verdict.outcome == deferred {
			response.BatchItemFailures = append(response.BatchItemFailures,
				events.SQSBatchItemFailure{ItemIdentifier: d.message.MessageId})
		}
	}
	return response
}
