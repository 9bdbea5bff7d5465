package reconciler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/reconcile"
	"github.com/meterbridge/meterbridge/internal/telemetry"
)

// reconciler compares what Stripe lists with the ledger. It is safe for concurrent use: two at once do the same work twice.
type reconciler struct {
	config      config.Reconciler
	keys        keyring
	ledger      reconcile.Ledger
	checkpoints checkpoints
	bus         reconcile.Bus
	now         func() time.Time
	log         *slog.Logger
	metrics     *telemetry.Metrics
}

// checkpoints is a ledger.Ledger.
type checkpoints interface {
	Checkpoint(ctx context.Context, stream string) (time.Time, error)
	Advance(ctx context.Context, stream string, reached time.Time) error
}

const (
	// settling is the age below which an event is left to Stripe's own delivery.
	settling = 5 * time.Minute

	// overlap is looked at again, for events that came late to Stripe's list. It is short, because an event that waits in
	// the queue, unknown to the ledger, is brought once more with every look.
	overlap = 15 * time.Minute

	// margin is left of the invocation's time to tell what was done.
	margin = 5 * time.Second
)

// A request says what to compare. The event of a schedule says nothing and means: everything since the last time.
type request struct {
	Since  time.Time `json:"since"`   // compare from here, whatever was compared before, and keep no checkpoint
	Until  time.Time `json:"until"`   // up to here; if absent, up to the settling time ago
	DryRun bool      `json:"dry_run"` // find, bring nothing and keep no checkpoint
}

// A report says what was done, to whoever invoked the function by hand.
type report struct {
	Listed     int `json:"listed"`
	Missing    int `json:"missing"`
	Refused    int `json:"refused"`
	Unfinished int `json:"unfinished"` // streams for which time ran out
}

// Handle compares every stream, each in its share of the time that is left. Its error is that of every stream that failed;
// running out of time is none, since the next run goes on.
func (r *reconciler) Handle(ctx context.Context, request request) (report, error) {
	ctx, cancel := earlier(ctx, margin)
	defer cancel()
	var done report
	streams, err := r.streams(ctx)
	if err != nil {
		r.metrics.CountReason(telemetry.ReconcileFailed, reason(err), 1)
		return done, fmt.Errorf("read API key: %w", err)
	}
	var failures []error
	for i, s := range streams {
		share, cancel := r.share(ctx, len(streams)-i)
		err := r.compare(share, s, request, &done)
		cancel()
		if err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", s, err))
			r.failed(ctx, s, err)
		}
	}
	if !request.DryRun { // which brought nothing that an alarm could ring for
		r.count(done)
	}
	return done, errors.Join(failures...)
}

// compare brings what is missing of one stream.
func (r *reconciler) compare(ctx context.Context, s stream, q request, done *report) error {
	w, err := r.window(ctx, s, q)
	if err != nil {
		return err
	}
	reached, keep := w.From, q == request{} // what was asked for by hand says nothing of what lies between
	work := reconcile.New(s.source, r.ledger, r.bus, &reconcile.Options{DryRun: q.DryRun, Report: r.missing(ctx)})
	count, err := work.Walk(ctx, w, func(at time.Time) error {
		reached = at
		if !keep {
			return nil
		}
		return r.checkpoints.Advance(ctx, s.name(), at)
	})
	done.Listed, done.Missing, done.Refused = done.Listed+count.Listed, done.Missing+count.Missing, done.Refused+count.Refused
	if errors.Is(err, reconcile.ErrUnfinished) {
		done.Unfinished++
		err = nil
	}
	r.compared(ctx, s, w, reached, count)
	if keep {
		r.metrics.Observe(telemetry.ReconcileLag, []time.Duration{r.now().Sub(reached)})
	}
	return err
}

// window returns what of a stream to compare.
func (r *reconciler) window(ctx context.Context, s stream, q request) (reconcile.Window, error) {
	now := r.now()
	w := reconcile.Window{Types: s.types, Context: s.context, From: q.Since, To: q.Until}
	if w.To.IsZero() {
		w.To = now.Add(-settling)
	}
	if w.From.IsZero() {
		checkpoint, err := r.checkpoints.Checkpoint(ctx, s.name())
		if err != nil {
			return w, err
		}
		w.From = checkpoint.Add(-overlap)
		if checkpoint.IsZero() || checkpoint.After(now) { // one in the future would hide all that is missing until then
			w.From = now.Add(-r.config.ReconcileLookback)
		}
	}
	if oldest := now.Add(-reconcile.Retention); w.From.Before(oldest) {
		w.From = oldest
	}
	return w, nil
}

// share returns a context that ends when one of several streams has had its share of the time that is left.
func (r *reconciler) share(ctx context.Context, streams int) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, deadline.Sub(r.now())/time.Duration(streams))
}

// earlier moves ctx's deadline, if it has one.
func earlier(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-by))
}
