// Package clock provides a clock that can skip the time in which nothing happens, so that hours of
// backoff, visibility timeouts and retention take seconds.
//
// All emulated services share one [Clock]. It counts the work in flight ([Clock.Work]), and every
// wait of a service goes through it ([Clock.Wait], [Alarm]). Time passes at its real pace while
// anything works. While nothing does, and somebody has asked for that with [Clock.Skip], the clock
// jumps to the next moment for which work waits.
//
// The functions under test use the machine's clock, which does not skip. So their deadlines are
// real, and what they derive from their own clock, such as the end of a lease, is waited for in
// real time with [Clock.Hold].
package clock

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Clock is real time plus what has been skipped. It is safe for concurrent use.
type Clock struct {
	factor  float64
	origin  time.Time
	skipped atomic.Int64 // nanoseconds

	mu       sync.Mutex
	working  int           // calls of Work that have not ended and do not wait
	skips    int           // calls of Skip that have not ended
	moments  moments       // that the clock has not reached
	due      int           // those of the kind Due
	timer    *time.Timer   // calls tick at the first moment; nil if there is none
	timedFor time.Time     // the moment for which the timer was set,
	timedAt  int64         // and the value of skipped then
	idle     chan struct{} // closed when the clock is idle; nil if nobody waits for that
}

// New returns a clock. factor is how many times as fast as real time it runs while it does not
// skip: 1 is real time; at 60, ten minutes pass in ten seconds. A factor that is not a positive,
// finite number is treated as 1.
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

// real returns the real time of d, rounded up.
func (c *Clock) real(d time.Duration) time.Duration {
	if c.factor == 1 {
		return d
	}
	return scale(d, 1/c.factor)
}

// scale multiplies d, and saturates because a float outside int64's range cannot be converted.
func scale(d time.Duration, by float64) time.Duration {
	scaled := math.Ceil(float64(d) * by)
	if scaled >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(scaled)
}

// Work counts a request, a batch or a delivery as work in flight until done is called for the first
// time. Work that is handed over must be counted by its receiver before the giver's is done.
func (c *Clock) Work() (done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.working++
	return sync.OnceFunc(c.finish)
}

func (c *Clock) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.working--
	c.update()
}

// Hold counts as work until a real time, or until release is called: the machine's clock, from
// which a function has derived that time, does not skip. Holds pass side by side.
func (c *Clock) Hold(until time.Time) (release func()) {
	done := c.Work()
	timer := time.AfterFunc(time.Until(until), done)
	return func() {
		timer.Stop()
		done()
	}
}

// A Kind is the kind of a moment that is waited for.
type Kind bool

const (
	// Due is a moment at which work goes on. The clock skips to it, and is not idle before it.
	Due Kind = true
	// Passing is a moment that comes by itself, such as that of a schedule. The clock stops there
	// on its way to one that is due, and does not skip for its sake.
	Passing Kind = false
)

// Wait returns nil when the clock reaches a moment or wake is closed, and otherwise the error of
// ctx when it is done. A zero moment is never reached; a nil wake is never closed. The caller must
// count as work. It does not while it waits, and does again from the moment on, or when it returns:
// until then, whoever closes wake counts what it hands over.
func (c *Clock) Wait(ctx context.Context, until time.Time, kind Kind, wake <-chan struct{}) error {
	reached := make(chan struct{})
	m := &moment{at: until, kind: kind, index: absent, reached: func() { close(reached) }}
	c.mu.Lock()
	if c.working == 0 {
		panic("clock: a caller of Wait does not count as work")
	}
	if !until.IsZero() {
		c.add(m)
	}
	c.working--
	c.update()
	c.mu.Unlock()
	select {
	case <-reached:
		return nil
	case <-wake:
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-reached: // it counts as work since then
	default:
		c.working++
		c.remove(m)
	}
	return ctx.Err()
}

// Sleep waits for d of the clock's time, a moment that is [Due]. See [Clock.Wait].
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	return c.Wait(ctx, c.Now().Add(d), Due, nil)
}

// An Alarm calls a function at a moment, and can be set again at any time.
type Alarm struct {
	clock  *Clock
	moment moment
}

// Alarm returns an alarm that is not set. ring is called in a goroutine of its own, and counts as
// work.
func (c *Clock) Alarm(ring func()) *Alarm {
	a := &Alarm{clock: c, moment: moment{index: absent}}
	a.moment.reached = func() {
		go func() {
			defer c.finish()
			ring()
		}()
	}
	return a
}

// Set sets the alarm to a moment, instead of the one before. The zero time means none.
func (a *Alarm) Set(at time.Time, kind Kind) {
	c, m := a.clock, &a.moment
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.index != absent && m.at.Equal(at) && m.kind == kind {
		return
	}
	c.remove(m)
	m.at, m.kind = at, kind
	if !at.IsZero() {
		c.add(m)
	}
	c.update()
}

// Skip makes the clock skip, whenever nothing works, to the next moment until stop is called.
func (c *Clock) Skip() (stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skips++
	c.update()
	return sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.skips--
	})
}

// WaitIdle waits until no work is in flight and none waits for a moment. Its error is ctx's.
func (c *Clock) WaitIdle(ctx context.Context) error {
	c.mu.Lock()
	if c.working == 0 && c.due == 0 {
		c.mu.Unlock()
		return nil
	}
	if c.idle == nil {
		c.idle = make(chan struct{})
	}
	idle := c.idle
	c.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// FastForward is [Clock.WaitIdle], but skips meanwhile.
func (c *Clock) FastForward(ctx context.Context) error {
	defer c.Skip()()
	return c.WaitIdle(ctx)
}
