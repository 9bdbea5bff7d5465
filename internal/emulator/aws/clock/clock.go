// Package clock provides a clock that runs faster than real time, so that hours of backoff,
// visibility timeouts and retention take seconds.
//
// All emulated services share one [Clock], which also tracks whether work is in progress. The
// functions under test use their own clocks: compressed time affects them only through the
// services, for example by when a message becomes visible again.
package clock

import (
	"context"
	"math"
	"sync/atomic"
	"time"
)

// Clock is the time at which it was made plus the real time since, times a factor. It is safe for
// concurrent use.
type Clock struct {
	factor  float64
	origin  time.Time
	skipped atomic.Int64 // nanoseconds
	working atomic.Int64 // calls of Work that have not ended
}

// New returns a clock that runs factor times as fast as real time: 1 is real time; at 600, ten
// minutes pass in one second. A factor that is not a positive, finite number is treated as 1.
func New(factor float64) *Clock {
	if !(factor > 0) || math.IsInf(factor, 1) {
		factor = 1
	}
	return &Clock{factor: factor, origin: time.Now()}
}

// Now returns the clock's time, which never goes backwards.
func (c *Clock) Now() time.Time {
	now, skipped := time.Now(), time.Duration(c.skipped.Load())
	if c.factor == 1 {
		return now.Add(skipped)
	}
	return c.origin.Add(scale(now.Sub(c.origin), c.factor)).Add(skipped)
}

// Skip advances Now by d at once, if d is positive. A Sleep that has already begun is not
// shortened.
func (c *Clock) Skip(d time.Duration) { c.skipped.Add(int64(max(d, 0))) }

// Real returns the real time of d, rounded up, so that a timer never fires early.
func (c *Clock) Real(d time.Duration) time.Duration {
	if c.factor == 1 {
		return d
	}
	return scale(d, 1/c.factor)
}

// Sleep returns after d of the clock's time, or earlier, with the error of ctx, when ctx is done.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(c.Real(d)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// scale multiplies d, and saturates because a float outside int64's range cannot be converted.
func scale(d time.Duration, by float64) time.Duration {
	scaled := math.Ceil(float64(d) * by)
	if scaled >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(scaled)
}

// Work counts a request, batch or delivery as work in progress until done is called.
func (c *Clock) Work() (done func()) {
	c.working.Add(1)
	return func() { c.working.Add(-1) }
}

// Pending reports work that has not begun.
type Pending interface {
	// Pending returns how much could begin now and how much is held back until later.
	Pending() (now, later int)
	// Due returns when the next piece of work changes state by itself. Zero: none does.
	Due() time.Time
}

// WaitIdle waits until no work is in progress or pending. Its error is ctx's.
func (c *Clock) WaitIdle(ctx context.Context, p Pending) error { return c.untilIdle(ctx, p, func() {}) }

// FastForward is [Clock.WaitIdle], but does not wait for work that is held back: whenever no work
// is in progress, the clock skips to the time at which the next piece is due.
func (c *Clock) FastForward(ctx context.Context, p Pending) error {
	const enough = 5 // times in a row, so that a batch between queue and function does not count as held back
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

// untilIdle waits until everything is idle, and calls meanwhile every few milliseconds.
func (c *Clock) untilIdle(ctx context.Context, p Pending, meanwhile func()) error {
	const interval = 10 * time.Millisecond
	for !c.idle(p) {
		meanwhile()
		select {
		case <-time.After(interval):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// idle reports whether no work is in progress or pending. It checks the work in progress before and
// after the pending work, because work moves from one state to the other and is briefly counted in
// both.
func (c *Clock) idle(p Pending) bool {
	if c.working.Load() > 0 {
		return false
	}
	now, later := p.Pending()
	return now+later == 0 && c.working.Load() == 0
}
