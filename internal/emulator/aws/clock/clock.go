// Package clock lets time pass faster than it does, so that hours of backoff, visibility timeouts
// and retention take seconds.
//
// All emulated services wait by one [Clock], which also knows whether anything is being worked on.
// The functions under test keep their own clocks: they notice compressed time only by what the
// services do, such as when a message becomes visible again.
package clock

import (
	"context"
	"math"
	"sync/atomic"
	"time"
)

// Clock is real time since it was made, times a factor. It is safe for concurrent use.
type Clock struct {
	factor  float64
	origin  time.Time
	skipped atomic.Int64 // nanoseconds
	working atomic.Int64 // calls of Work that have not ended
}

// New returns a clock that runs factor times as fast as real time: 1 is real time, with 600 ten
// minutes pass in one second. A factor that is not a positive, finite number counts as 1.
func New(factor float64) *Clock {
	if !(factor > 0) || math.IsInf(factor, 1) {
		factor = 1
	}
	return &Clock{factor: factor, origin: time.Now()}
}

// Now returns the clock's time. It never runs backwards.
func (c *Clock) Now() time.Time {
	now, skipped := time.Now(), time.Duration(c.skipped.Load())
	if c.factor == 1 {
		return now.Add(skipped)
	}
	return c.origin.Add(scale(now.Sub(c.origin), c.factor)).Add(skipped)
}

// Skip advances Now by d at once, if d is positive. A Sleep that has begun does not become shorter.
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

// scale multiplies d and saturates: a float beyond int64 does not convert.
func scale(d time.Duration, by float64) time.Duration {
	scaled := math.Ceil(float64(d) * by)
	if scaled >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(scaled)
}

// Work counts one more request, batch or delivery as being worked on, until done is called.
func (c *Clock) Work() (done func()) {
	c.working.Add(1)
	return func() { c.working.Add(-1) }
}

// Pending is work that has not begun.
type Pending interface {
	// Pending returns how much could begin now and how much is held back until later.
	Pending() (now, later int)
	// Due returns when the next piece of it changes by itself. Zero: none does.
	Due() time.Time
}

// WaitIdle waits until nothing is being worked on and nothing is pending. Its error is ctx's.
func (c *Clock) WaitIdle(ctx context.Context, p Pending) error { return c.untilIdle(ctx, p, func() {}) }

// FastForward is [Clock.WaitIdle] without the wait for work that is held back: while nothing is
// being worked on, the clock skips to the time at which the next piece is due.
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

// untilIdle returns when everything is idle; until then it calls meanwhile every few milliseconds.
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

// idle reports whether nothing is worked on or pending. It checks the work twice: what begins is
// counted before it ceases to be pending, and what becomes pending is counted until it is.
func (c *Clock) idle(p Pending) bool {
	if c.working.Load() > 0 {
		return false
	}
	now, later := p.Pending()
	return now+later == 0 && c.working.Load() == 0
}
