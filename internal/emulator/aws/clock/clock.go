// Package clock lets time pass faster than it does, so that hours of back-off, visibility and retention in the local stack take seconds.
//
// Everything that waits in the local stack asks one Clock. The functions under test keep their own logic and their own clocks:
// they meet compressed time only through what the emulated services answer, such as when a message becomes visible again.
package clock

import (
	"context"
	"math"
	"sync/atomic"
	"time"
)

// Clock is real time multiplied by a factor, counted from the moment it was made. It is safe for concurrent use.
type Clock struct {
	factor  float64
	origin  time.Time
	skipped atomic.Int64 // nanoseconds
	working atomic.Int64 // calls of Work that have not ended
}

// New returns a clock that runs factor times as fast as real time: 1 is real time, at 600 ten minutes pass in one second.
// A factor that is not a positive, finite number counts as 1.
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

// Skip lets d pass at once; a negative d is none. Who sleeps, or waits in AfterFunc, does so for as long as before: only those see the
// skip who look at Now.
func (c *Clock) Skip(d time.Duration) { c.skipped.Add(int64(max(d, 0))) }

// Real returns how long d of the clock's time takes in real time, rounded up, so that a timer set to it never fires early.
func (c *Clock) Real(d time.Duration) time.Duration {
	if c.factor == 1 {
		return d
	}
	return scale(d, 1/c.factor)
}

// AfterFunc calls f in its own goroutine once d of the clock's time has passed. Stop prevents the call and reports whether it did.
func (c *Clock) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	return time.AfterFunc(c.Real(d), f).Stop
}

// Sleep returns after d of the clock's time, or earlier with ctx.Err() when ctx is done.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(c.Real(d))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// scale multiplies d and saturates, because a float beyond the range of int64 converts to an arbitrary number.
func scale(d time.Duration, by float64) time.Duration {
	scaled := math.Ceil(float64(d) * by)
	if scaled >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(scaled)
}
