package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrUnfinished means that time ran out before the window's end. What was reached is done.
var ErrUnfinished = errors.New("reconcile: time ran out before the end of the window")

// The parts of a window that are swept at a time. Stripe does not say in which order it lists, so that only a part that is
// through as a whole lets the next walk begin after it.
const (
	widest   = time.Hour
	shares   = 8           // a part may take one of so many of the time left
	narrowed = 4           // what a part is divided by that took longer
	least    = time.Second // of time left, and of a part
)

// Walk sweeps a window part by part, the oldest first, and calls reached after each with the time up to which every event
// is now on the bus or known. An error of reached ends the walk, as any other does.
//
// If ctx has a deadline, a part may take an eighth of what is left. One that takes longer is given up and tried again at a
// quarter of its width: the work shrinks faster than the time, so that even an hour with far more events than there is
// time for moves the walk ahead. What was found in a part that was given up may be found again.
func (r *Reconciler) Walk(ctx context.Context, w Window, reached func(time.Time) error) (Count, error) {
	var total Count
	for width := widest; w.From.Before(w.To); {
		part := w
		if end := w.From.Add(width); end.Before(w.To) {
			part.To = end
		}
		count, err := r.part(ctx, part)
		total.add(count)
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
	}
	return total, nil
}

// errSlow means that a part has used up its share of the time, and the walk has not.
var errSlow = errors.New("part takes too long")

// part sweeps a part of a window in its share of the time.
func (r *Reconciler) part(ctx context.Context, w Window) (Count, error) {
	share := ctx
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		if left < least {
			return Count{}, ErrUnfinished
		}
		var cancel context.CancelFunc
		share, cancel = context.WithTimeout(ctx, left/shares)
		defer cancel()
	}
	count, err := r.Sweep(share, w)
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
