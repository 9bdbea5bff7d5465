// Package reconciler handles one scheduled run: it decides which of Stripe's events to compare with
// the ledger, from when and for how long, and which to recheck. Package reconcile compares them.
//
// [New] makes a [Handler] from [Parts]; [Handler.Handle] is one run. The package bootstrap below it
// is the process: configuration, wiring and start.
package reconciler

import (
	"context"
	"encoding/json"
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
	Note(ctx context.Context, stream string) (string, error)
	SetNote(ctx context.Context, stream, text string) error
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
	// republished by every run that compares it. An event is not compared again if it was older than
	// settling and overlap together.
	overlap = 15 * time.Minute

	// margin is the part of the invocation's time that is kept for the report, and for storing the
	// state of the last stream, which takes at most storeTime.
	margin    = 5 * time.Second
	storeTime = 3 * time.Second
)

// A Request selects the events to compare. The zero value, to which a schedule's event decodes,
// means everything since the checkpoints.
type Request struct {
	Since  time.Time `json:"since"`   // compare from here, regardless of the checkpoint, and keep no checkpoint
	Until  time.Time `json:"until"`   // up to here; zero means up to the settling time ago
	DryRun bool      `json:"dry_run"` // find missing events, republish nothing and keep no checkpoint
}

// A Report is the result of a run, for an operator who invokes the function.
type Report struct {
	Listed     int `json:"listed"`
	Missing    int `json:"missing"`
	Refused    int `json:"refused"`
	Unfinished int `json:"unfinished"` // streams for which time ran out

	// Unfetched counts events that an earlier run put on the bus and that the ledger still does not
	// know, so they do not reach the fetcher.
	Unfetched int `json:"unfetched,omitempty"`
}

// totals are the results of a run so far.
type totals struct {
	reconcile.Counts
	unfinished, unfetched, republished int
}

func (t totals) report() Report {
	return Report{t.Listed, t.Missing, t.Refused, t.unfinished, t.unfetched}
}

// Handle compares every stream, each in its share of the time that is left. It returns the joined
// errors of all streams that failed; running out of time is not an error, since the next run
// continues.
func (h *Handler) Handle(ctx context.Context, request Request) (Report, error) {
	ctx, cancel := pace.Leave(ctx, margin)
	defer cancel()
	streams, err := h.streams(ctx)
	if err != nil {
		h.parts.Metrics.Add(telemetry.CountReason(telemetry.ReconcileFailed, reason(err), 1))
		return Report{}, fmt.Errorf("read API key: %w", err)
	}
	var done totals
	results := make([]result, len(streams))
	for i, s := range streams {
		share, cancel := h.share(ctx, len(streams)-i)
		results[i] = h.compare(share, s, request, &done)
		cancel()
	}
	var failures []error
	var lags []time.Duration
	for i, s := range streams {
		switch err := results[i].err; {
		case err != nil && hasNoOwnAccount(streams, results, i):
			h.skipped(ctx, s, err)
			continue
		case err != nil:
			failures = append(failures, fmt.Errorf("%s: %w", s, err))
			h.failed(ctx, s, err)
		}
		if !results[i].reached.IsZero() {
			lags = append(lags, h.parts.Now().Sub(results[i].reached))
		}
	}
	samples := telemetry.Durations(telemetry.ReconcileLag, lags...)
	if !request.DryRun { // a dry run must not trigger the alarms
		samples = append(samples, done.samples()...)
	}
	h.parts.Metrics.Add(samples...)
	return done.report(), errors.Join(failures...)
}

// A result is the result for one stream.
type result struct {
	reached time.Time // up to which it was compared; zero if the run keeps no checkpoint
	err     error
}

// compare republishes the missing events of one stream, and rechecks those that earlier runs
// republished.
func (h *Handler) compare(ctx context.Context, s stream, q Request, done *totals) result {
	checkpoint, err := h.parts.Ledger.Checkpoint(ctx, s.name())
	if err != nil {
		return result{err: err}
	}
	now := h.parts.Now()
	w := h.window(s, q, checkpoint, now)
	keep := q == Request{} // a window chosen by hand may leave a gap before it
	var state state
	if keep {
		if state, err = h.state(ctx, s, w); err != nil {
			return result{w.From, err}
		}
		if compared := earlier(state.Compared, checkpoint); w.From.Before(compared) && !checkpoint.After(now) {
			w.From = compared
		}
	}
	reached := w.From
	var again repeated
	work := reconcile.New(s.source, h.parts.Ledger, h.parts.Bus, &reconcile.Options{
		DryRun: q.DryRun, Report: h.missing(ctx, func(event *v2events.Event) { again.add(event, checkpoint) }),
	})
	counts, err := work.Walk(ctx, w, func(at time.Time) error {
		reached = at
		if !keep {
			return nil
		}
		return h.parts.Ledger.Advance(ctx, s.name(), at)
	})
	state.Compared = earlier(reached, now.Add(-settling-overlap))
	done.Add(counts)
	h.compared(ctx, s, w, reached, counts)
	if !keep {
		reached = time.Time{}
	}
	switch {
	case errors.Is(err, reconcile.ErrUnfinished):
		done.unfinished++
		err = nil
		if keep {
			err = h.setState(ctx, s, state)
		}
	case err == nil && keep:
		err = h.recheck(ctx, s, w, state, &again, done)
	}
	return result{reached, err}
}

// repeated summarizes the missing events of a window that were put on the bus.
type repeated struct {
	sample  reconcile.Sample
	earlier int // probably put on the bus by the previous run
}

func (r *repeated) add(event *v2events.Event, checkpoint time.Time) {
	r.sample.Add(event)
	if event.Created.Before(checkpoint) {
		r.earlier++
	}
}

// recheckTime is the most time that one stream's recheck takes. A long fault makes the window long;
// the next run continues.
const recheckTime = time.Minute

// A state is what the ledger keeps of a stream between runs, besides its checkpoint.
type state struct {
	reconcile.State // of its rechecks

	// Compared is the time up to which every event was compared when it was older than settling and
	// overlap together. If a run ends before the checkpoint, because there are more events in the
	// overlap than it can compare, the next one goes on from here. Zero if it is not known.
	Compared time.Time `json:"compared,omitzero"`
}

// state returns the state of a stream. A new stream's is stored before its window is compared: what
// this run puts on the bus must be rechecked even if the run ends early, and a later run starts
// later.
func (h *Handler) state(ctx context.Context, s stream, w reconcile.Window) (state, error) {
	note, err := h.parts.Ledger.Note(ctx, s.name())
	if err != nil {
		return state{}, err
	}
	var state state
	_ = json.Unmarshal([]byte(note), &state) // an unreadable note is treated as none
	now := h.parts.Now()
	isNew := state.Settled.IsZero() || state.Settled.After(now)
	if isNew {
		state.Settled = earlier(w.From, now.Add(-h.parts.Config.ReconcileLookback))
	}
	if oldest := now.Add(-v2events.Retention); state.Settled.Before(oldest) {
		state.Settled = oldest
	}
	if isNew {
		err = h.setState(ctx, s, state)
	}
	return state, err
}

// setState stores the state of a stream, even if its share of the time is over.
func (h *Handler) setState(ctx context.Context, s stream, state state) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	note, err := json.Marshal(state)
	if err != nil {
		return err
	}
	return h.parts.Ledger.SetNote(ctx, s.name(), string(note))
}

// recheck rechecks the events before a window, which earlier runs have compared, and counts those
// that do not reach the fetcher, including the window's repeated ones.
func (h *Handler) recheck(ctx context.Context, s stream, w reconcile.Window, before state, again *repeated, done *totals) error {
	ctx, cancel := context.WithTimeout(ctx, recheckTime)
	defer cancel()
	w.From, w.To = before.Settled, w.From
	work := reconcile.New(s.source, h.parts.Ledger, h.parts.Bus, nil)
	after, counts, err := work.Recheck(ctx, w, before.State, &again.sample)
	done.Refused += counts.Refused
	done.republished += counts.Put
	if counts.Missing += again.earlier; counts.Missing > 0 && !after.Reaching {
		done.unfetched += counts.Missing
		h.unfetched(ctx, s, w, after, counts)
	}
	before.State = after // valid even with an error or out of time, and counts what was put on the bus
	return errors.Join(err, h.setState(ctx, s, before))
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// window returns the part of a stream to compare.
func (h *Handler) window(s stream, q Request, checkpoint, now time.Time) reconcile.Window {
	w := reconcile.Window{Types: s.types, Context: s.context, From: q.Since, To: q.Until}
	if w.To.IsZero() {
		w.To = now.Add(-settling)
	}
	if w.From.IsZero() {
		w.From = checkpoint.Add(-overlap)
		if checkpoint.IsZero() || checkpoint.After(now) { // a checkpoint in the future would hide everything before it
			w.From = now.Add(-h.parts.Config.ReconcileLookback)
		}
	}
	if oldest := now.Add(-v2events.Retention); w.From.Before(oldest) {
		w.From = oldest
	}
	return w
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
