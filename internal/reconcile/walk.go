package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrUnfinished means that time ran out before the window's end. Everything up to the time reached
// is done.
var ErrUnfinished = errors.New("reconcile: time ran out before the end of the window")

// A window is swept in parts. Stripe does not document the order of its list, so the next walk can
// start after a part only if the whole part was swept.
const (
	widest   = time.Hour
	shares   = 8           // a part may take this fraction of the time left
	narrowed = 4           // a part that takes longer is divided by this
	slack    = 2           // a wider part is tried if it should take this fraction of its time
	least    = time.Second // smallest part, and least time left to start one
)

// Walk sweeps a window part by part, the oldest first. After each part it calls reached with the
// time up to which every event is now on the bus or known. An error from reached ends the walk,
// like any other error.
//
// If ctx has a deadline, a part may take an eighth of the time left. A part that takes longer is
// abandoned and retried at a quarter of its width: the part shrinks faster than the time left, so
// the walk advances even through an hour with far more events than there is time for. A part of a
// second, which is not divided, may take all the time left. After a part that was quick the next one
// is wider. Events found in an abandoned part may be found again.
func (r *Reconciler) Walk(ctx context.Context, w Window, reached func(time.Time) error) (Counts, error) {
	return r.walk(ctx, w, r.republish, reached)
}

func (r *Reconciler) walk(ctx context.Context, w Window, handle handling, reached func(time.Time) error) (Counts, error) {
	var total Counts
	for width := widest; w.From.Before(w.To); {
		part := w
		if end := w.From.Add(width); end.Before(w.To) {
			part.To = end
		}
		began := time.Now()
		count, err := r.part(ctx, part, handle)
		total.Add(count)
		switch {
		case errors.Is(err, errSlow):
			width = max(width/narrowed, least)
			continue
		case err != nil:
			return total, err
		}
		if err := reached(part.To); err != nil {
			return total, err
		}
		w.From = part.To
		if left, ok := timeLeft(ctx); !ok || time.Since(began)*narrowed*slack < left/shares {
			width = min(width*narrowed, widest)
		}
	}
	return total, nil
}

// timeLeft returns the time until the deadline of ctx, if it has one.
func timeLeft(ctx context.Context) (left time.Duration, ok bool) {
	deadline, ok := ctx.Deadline()
	return time.Until(deadline), ok
}

// errSlow means that a part has used up its share of the time, but the walk has not.
var errSlow = errors.New("part takes too long")

// part sweeps a part of a window in its share of the time.
func (r *Reconciler) part(ctx context.Context, w Window, handle handling) (Counts, error) {
	share := ctx
	if left, ok := timeLeft(ctx); ok {
		if left < least {
			return Counts{}, ErrUnfinished
		}
		if w.To.Sub(w.From) > least {
			left /= shares
		}
		var cancel context.CancelFunc
		share, cancel = context.WithTimeout(ctx, left)
		defer cancel()
	}
	count, err := r.sweep(share, w, handle)
	switch {
	case err == nil, share.Err() == nil:
		return count, err
	case ctx.Err() == nil:
		return count, errSlow
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return count, ErrUnfinished
	}
	return count, fmt.Errorf("reconcile: %w", ctx.Err())
}
