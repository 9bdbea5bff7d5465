// Package reconciler handles one scheduled run: it decides which of Stripe's events to compare with
// the ledger, from when and for how long. Package reconcile compares them.
//
// [New] makes a [Handler] from [Parts]; [Handler.Handle] is one run. The package bootstrap below it
// is the process: configuration, wiring and start.
package reconciler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/pace"
	"github.com/meterbridge/meterbridge/internal/reconcile"
	"github.com/meterbridge/meterbridge/internal/telemetry"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// Parts are the dependencies and settings of a [Handler]. All fields are required.
type Parts struct {
	Config  config.Reconciler // only the types, contexts and lookback are used
	Keyring Keyring
	Ledger  Ledger
	Bus     reconcile.Bus
	Now     func() time.Time
	Log     *slog.Logger
	Metrics *telemetry.Metrics
}

// Ledger records events and checkpoints; [*ledger.Ledger] implements it.
type Ledger interface {
	reconcile.Ledger
	Checkpoint(ctx context.Context, stream string) (time.Time, error)
	Advance(ctx context.Context, stream string, reached time.Time) error
}

// A Handler compares the events that Stripe lists with the ledger. It is safe for concurrent use:
// two concurrent runs do the same work twice.
type Handler struct{ parts Parts }

// New returns a Handler.
func New(parts Parts) *Handler { return &Handler{parts} }

const (
	// settling is the age below which an event is not compared, because Stripe may still be
	// delivering it.
	settling = 5 * time.Minute

	// overlap is the time before the checkpoint that is compared again, for events that Stripe
	// listed late. It is short, because an event that waits in the queue, unknown to the ledger, is
	// republished by every run that compares it.
	overlap = 15 * time.Minute

	// margin is the part of the invocation's time that is kept for the report.
	margin = 5 * time.Second
)

// A Request says what to compare. The zero value, to which a schedule's event decodes, means
// everything since the checkpoints.
type Request struct {
	Since  time.Time `json:"since"`   // compare from here, whatever was compared before, and keep no checkpoint
	Until  time.Time `json:"until"`   // up to here; zero means up to the settling time ago
	DryRun bool      `json:"dry_run"` // find missing events, republish nothing and keep no checkpoint
}

// A Report is the result of a run, for an operator who invokes the function.
type Report struct {
	Listed     int `json:"listed"`
	Missing    int `json:"missing"`
	Refused    int `json:"refused"`
	Unfinished int `json:"unfinished"` // streams for which time ran out
}

// totals are the results of a run so far.
type totals struct {
	reconcile.Counts
	unfinished int
}

func (t totals) report() Report { return Report{t.Listed, t.Missing, t.Refused, t.unfinished} }

// Handle compares every stream, each in its share of the time that is left. It returns the joined
// errors of all streams that failed; running out of time is not an error, since the next run
// continues.
func (h *Handler) Handle(ctx context.Context, request Request) (Report, error) {
	ctx, cancel := pace.Leave(ctx, margin)
	defer cancel()
	var done totals
	streams, err := h.streams(ctx)
	if err != nil {
		h.parts.Metrics.CountReason(telemetry.ReconcileFailed, reason(err), 1)
		return Report{}, fmt.Errorf("read API key: %w", err)
	}
	var failures []error
	for i, s := range streams {
		share, cancel := h.share(ctx, len(streams)-i)
		err := h.compare(share, s, request, &done)
		cancel()
		if err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", s, err))
			h.failed(ctx, s, err)
		}
	}
	if !request.DryRun { // a dry run must not trigger the alarms
		h.count(done)
	}
	return done.report(), errors.Join(failures...)
}

// compare republishes the missing events of one stream.
func (h *Handler) compare(ctx context.Context, s stream, q Request, done *totals) error {
	w, err := h.window(ctx, s, q)
	if err != nil {
		return err
	}
	reached, keep := w.From, q == Request{} // a window chosen by hand may leave a gap before it
	work := reconcile.New(s.source, h.parts.Ledger, h.parts.Bus, &reconcile.Options{DryRun: q.DryRun, Report: h.missing(ctx)})
	counts, err := work.Walk(ctx, w, func(at time.Time) error {
		reached = at
		if !keep {
			return nil
		}
		return h.parts.Ledger.Advance(ctx, s.name(), at)
	})
	done.Add(counts)
	if errors.Is(err, reconcile.ErrUnfinished) {
		done.unfinished++
		err = nil
	}
	h.compared(ctx, s, w, reached, counts)
	if keep {
		h.parts.Metrics.Observe(telemetry.ReconcileLag, []time.Duration{h.parts.Now().Sub(reached)})
	}
	return err
}

// window returns the part of a stream to compare.
func (h *Handler) window(ctx context.Context, s stream, q Request) (reconcile.Window, error) {
	now := h.parts.Now()
	w := reconcile.Window{Types: s.types, Context: s.context, From: q.Since, To: q.Until}
	if w.To.IsZero() {
		w.To = now.Add(-settling)
	}
	if w.From.IsZero() {
		checkpoint, err := h.parts.Ledger.Checkpoint(ctx, s.name())
		if err != nil {
			return w, err
		}
		w.From = checkpoint.Add(-overlap)
		if checkpoint.IsZero() || checkpoint.After(now) { // a checkpoint in the future would hide everything before it
			w.From = now.Add(-h.parts.Config.ReconcileLookback)
		}
	}
	if oldest := now.Add(-v2events.Retention); w.From.Before(oldest) {
		w.From = oldest
	}
	return w, nil
}

// share returns a context that ends when the first of the remaining streams has had its share of
// the time that is left.
func (h *Handler) share(ctx context.Context, streams int) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, deadline.Sub(h.parts.Now())/time.Duration(streams))
}
