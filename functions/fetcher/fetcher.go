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
	"github.com/meterbridge/meterbridge/internal/telemetry"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// fetcher turns batches of thin events into full events on the bus. It keeps nothing of a batch and is safe for
// concurrent use.
type fetcher struct {
	stripe  source
	bus     publisher
	queue   queue
	ledger  claims
	pacer   *pacer
	now     func() time.Time
	random  func() float64 // uniform in [0, 1)
	log     *slog.Logger
	metrics *telemetry.Metrics
}

// source is Stripe.
type source interface {
	Fetch(context.Context, *v2events.ThinEvent) (*v2events.Event, error)
}

// publisher is a [bus.Bus].
type publisher interface {
	Put(context.Context, []bus.Entry) []error
}

// queue is a queue.Queue.
type queue interface {
	Defer(ctx context.Context, receipt string, delay time.Duration) error
	Park(ctx context.Context, body string, attributes map[string]string) error
}

// errNoBatch means that the function was invoked with something that is not from SQS.
var errNoBatch = errors.New("event is not a batch of SQS records")

// maxConcurrent bounds the requests in flight. The limiter bounds how many begin; this bounds what a slow answer keeps.
const maxConcurrent = 10

// Handle works through one batch. Records that it does not report as failed are done for good: emitted, parked or
// duplicates. It fails only if there is no batch.
func (f *fetcher) Handle(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	if len(batch.Records) == 0 {
		return events.SQSEventResponse{}, errNoBatch
	}
	deliveries := make([]*delivery, len(batch.Records))
	for i, message := range batch.Records {
		deliveries[i] = open(message)
	}
	slot, lease := f.slot(ctx), f.lease(ctx)
	within(ctx, 2*slot, deliveries, func(ctx context.Context, d *delivery) { d.err = f.fetch(ctx, d, slot, lease) })
	f.publish(ctx, slot, deliveries)
	within(ctx, slot/10, deliveries, f.settle)
	f.count(deliveries)
	return report(deliveries), nil
}

// maxSlot is the time in which one request to Stripe, one publication or the settling of a batch should be done.
const maxSlot = 5 * time.Second

// slot divides the time of the invocation, so that nothing starts that cannot finish: all but two slots are for fetching,
// whose last request starts a slot before that ends; one is for publishing and one for settling.
func (f *fetcher) slot(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return maxSlot
	}
	return min(maxSlot, deadline.Sub(f.now())/4)
}

// within does something for each delivery, several at a time, and ends it early enough to leave some of ctx's time.
func within(ctx context.Context, leave time.Duration, deliveries []*delivery, do func(context.Context, *delivery)) {
	ctx, cancel := earlier(ctx, leave)
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

// earlier moves ctx's deadline, if it has one.
func earlier(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-by))
}

// fetch claims the event, gets it in full and makes sure that it is what subscribers are promised.
func (f *fetcher) fetch(ctx context.Context, d *delivery, slot time.Duration, lease time.Time) error {
	if d.err != nil {
		return d.err
	}
	if err := f.claim(ctx, d, slot, lease); err != nil {
		return err
	}
	if err := f.turn(ctx, slot); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, slot)
	defer cancel()
	began := f.now()
	full, err := f.stripe.Fetch(ctx, d.thin)
	d.full, d.latency = full, f.now().Sub(began)
	f.pacer.heed(err)
	if err != nil {
		return err
	}
	d.report, err = meterReport(d.full)
	return err
}

// turn waits for a turn at Stripe. Without one that leaves a slot of ctx's time it fails.
func (f *fetcher) turn(ctx context.Context, slot time.Duration) error {
	ctx, cancel := earlier(ctx, slot)
	defer cancel()
	return f.pacer.wait(ctx)
}

// publish puts everything that was fetched on the bus, in as few requests as that takes.
func (f *fetcher) publish(ctx context.Context, slot time.Duration, deliveries []*delivery) {
	ctx, cancel := earlier(ctx, slot)
	defer cancel()
	var fetched []*delivery
	var entries []bus.Entry
	for _, d := range deliveries {
		if d.err == nil {
			fetched = append(fetched, d)
			entries = append(entries, d.entry())
		}
	}
	for i, err := range f.bus.Put(ctx, entries) {
		if err != nil {
			fetched[i].err = fmt.Errorf("%w: %w", errNotStored, err)
		}
	}
}

// settle acts on what became of a delivery.
func (f *fetcher) settle(ctx context.Context, d *delivery) {
	d.verdict = judge(d.err, d.tries())
	if d.verdict.outcome == parked {
		if err := f.park(ctx, d); err != nil {
			d.verdict, d.err = verdict{deferred, "not_parked"}, errors.Join(d.err, err)
		}
	}
	delay := f.delay(d)
	if d.verdict.outcome == deferred {
		f.sideEffect(ctx, d, "defer", f.queue.Defer(ctx, d.message.ReceiptHandle, delay))
	}
	if d.claim != nil {
		f.sideEffect(ctx, d, "ledger", f.record(ctx, d, delay))
	}
	if d.verdict.outcome == parked {
		f.sideEffect(ctx, d, "announce", f.announce(ctx, d)) // last, since a bus that does not answer takes all the time there is
	}
	f.tell(ctx, d)
}

// delay returns how long a delivery waits if it is deferred.
func (f *fetcher) delay(d *delivery) time.Duration {
	if d.verdict.reason == reasonNoTime || d.verdict.reason == reasonHeld {
		return backoff(d.receives/2, f.random()) // through no fault of its own
	}
	return backoff(d.receives, f.random())
}

// report names the records that SQS must keep. An id that is missing makes Lambda keep the whole batch, which loses nothing.
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
