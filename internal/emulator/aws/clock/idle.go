package clock

import (
	"context"
	"time"
)

// Work counts something as being worked on, such as a request or a batch, until the function that it returns is called.
func (c *Clock) Work() (done func()) {
	c.working.Add(1)
	return func() { c.working.Add(-1) }
}

// Pending is work that nobody does yet.
type Pending interface {
	// Pending counts what could be worked on now and what is held back until later.
	Pending() (now, later int)
	// Due returns when the next of it changes by itself. Zero: none does.
	Due() time.Time
}

// WaitIdle waits until nothing is being worked on and nothing is pending. Its error is ctx's.
func (c *Clock) WaitIdle(ctx context.Context, p Pending) error {
	return c.untilIdle(ctx, p, func() {})
}

// FastForward is [Clock.WaitIdle] without the waiting for what is held back: while nothing is being worked on, the clock skips to the
// moment at which the next of it is due.
func (c *Clock) FastForward(ctx context.Context, p Pending) error {
	const enough = 5 // looks in a row, so that a batch between queue and function is not taken for one that is held back
	held := 0
	return c.untilIdle(ctx, p, func() {
		held++
		if now, _ := p.Pending(); now > 0 || c.working.Load() > 0 {
			held = 0
		}
		if due := p.Due(); held >= enough && !due.IsZero() {
			c.Skip(due.Sub(c.Now()))
			held = 0
		}
	})
}

// untilIdle returns when all is idle and calls meanwhile as often as it looks.
func (c *Clock) untilIdle(ctx context.Context, p Pending, meanwhile func()) error {
	const interval = 10 * time.Millisecond
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for !c.idle(p) {
		meanwhile()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// idle looks at the work on both sides of what is pending: whatever is taken up is counted as work before it ceases to be pending,
// and whatever becomes pending is counted as work until it is.
func (c *Clock) idle(p Pending) bool {
	if c.working.Load() > 0 {
		return false
	}
	now, later := p.Pending()
	return now+later == 0 && c.working.Load() == 0
}
