package simulate

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"
)

// errDead is what a call of a dead process returns. Nothing sees it but code that nobody watches
// any more.
var errDead = errors.New("simulate: the process is dead")

// A call is one call of an adapter. It is pending from the time at which the process makes it until
// the scheduler releases it.
type call struct {
	op   op
	id   uint32    // what it is about: an event's number, or another
	name string    // of what it is about
	from *instance // the process
	ctx  context.Context

	do   func() string // the effect; returns the result for the history
	told func()        // called when the process gets the answer; nil if nobody wants to know

	err   error // the answer, unless do has set it elsewhere
	twin  *call // an equal call that became pending together with it; both have the same fate
	n     uint16
	mode  mode
	at    time.Duration // of the release
	done  bool          // the effect has happened and the answer is on its way
	ready chan struct{}
}

// before orders pending calls: by the time that was drawn for each, then by operation and id.
func (c *call) before(other *call) bool {
	if c.at != other.at {
		return c.at < other.at
	}
	return c.compare(other) < 0
}

// compare orders calls that became pending together, so that draws do not depend on the order in
// which goroutines happen to run. Two calls can be equal: a fetcher may announce twice that it gives up
// an event, if it has two messages of it.
func (c *call) compare(other *call) int {
	switch {
	case c.op != other.op:
		return int(c.op) - int(other.op)
	case c.id != other.id:
		return int(c.id) - int(other.id)
	case c.from.order != other.from.order:
		return c.from.order - other.from.order
	}
	return strings.Compare(c.name, other.name)
}

// A timer is something that happens in the world at a certain time.
type timer struct {
	at  time.Duration
	seq int
	do  func()
}

// A schedule decides what happens next. It runs one thing at a time: when every goroutine of the
// bubble is blocked, it lets the earliest timer or pending call go and waits until all are blocked
// again. Everything that changes the world happens in a timer or in the effect of a call, so in the
// schedule's own goroutine.
type schedule struct {
	start time.Time
	now   time.Duration // since start
	seq   int
	steps atomic.Uint64 // things that have happened
	over  atomic.Bool

	timers heap[timer]
	calls  heap[*call]
	alarm  *time.Timer
	wake   chan struct{} // something is in arrived

	mu      sync.Mutex
	arrived []*call // became pending since the last collect
	spare   []*call // the memory of the next arrived

	admit   func(*call) // draws what becomes of a call and when
	release func(*call) // lets a call have its effect, its answer or both
}

func newSchedule() *schedule {
	s := &schedule{start: time.Now(), alarm: time.NewTimer(0), wake: make(chan struct{}, 1)}
	s.timers.less = func(a, b timer) bool { return a.at < b.at || a.at == b.at && a.seq < b.seq }
	s.calls.less = (*call).before
	return s
}

// at makes do happen at a time; one that has passed means now.
func (s *schedule) at(at time.Duration, do func()) {
	s.seq++
	s.timers.push(timer{max(at, s.now), s.seq, do})
}

// after makes do happen after a duration.
func (s *schedule) after(d time.Duration, do func()) { s.at(s.now+d, do) }

// await makes a call and returns its error. The process waits here.
func (s *schedule) await(c *call) error {
	if c.from.dead.Load() || s.over.Load() {
		return errDead
	}
	c.ready = make(chan struct{}, 1)
	s.mu.Lock()
	s.arrived = append(s.arrived, c)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
	<-c.ready
	return c.err
}

// run runs the world until it is over.
func (s *schedule) run() {
	for !s.over.Load() {
		synctest.Wait()
		s.now = time.Since(s.start)
		s.steps.Add(1)
		s.collect()
		switch {
		case s.timers.len() > 0 && s.timers.first().at <= s.now:
			s.timers.pop().do()
		case s.calls.len() > 0 && s.calls.first().at <= s.now:
			s.next()
		default:
			s.sleep()
		}
	}
	s.collect()
	s.abandon(func(*call) bool { return true })
}

// next releases the earliest call, and with it the calls that are equal to it: nobody could tell which
// of the goroutines goes on first.
func (s *schedule) next() {
	c := s.calls.pop()
	at, done := c.at, c.done
	s.release(c)
	for s.calls.len() > 0 {
		other := s.calls.first()
		if other.at != at || other.done != done || other.compare(c) != 0 {
			break
		}
		s.release(s.calls.pop())
	}
}

// collect admits the calls that became pending.
func (s *schedule) collect() {
	s.mu.Lock()
	arrived := s.arrived
	s.arrived = s.spare[:0]
	s.mu.Unlock()
	slices.SortFunc(arrived, (*call).compare)
	for i, c := range arrived {
		if i > 0 && c.compare(arrived[i-1]) == 0 {
			c.twin = arrived[i-1]
		}
		s.admit(c)
		s.calls.push(c)
	}
	s.spare = arrived
}

// sleep lets time pass, until the next timer or pending call, or until a process makes a call.
func (s *schedule) sleep() {
	var next time.Duration
	switch {
	case s.calls.len() == 0:
		next = s.timers.first().at
	case s.timers.len() == 0:
		next = s.calls.first().at
	default:
		next = min(s.timers.first().at, s.calls.first().at)
	}
	s.alarm.Reset(next - s.now)
	select {
	case <-s.alarm.C:
	case <-s.wake:
	}
}

// answer lets a process go on with the result of its call.
func (s *schedule) answer(c *call) {
	if c.err == nil && c.told != nil {
		c.told()
	}
	c.ready <- struct{}{}
}

// abandon ends the pending calls that match without an effect.
func (s *schedule) abandon(match func(*call) bool) {
	taken := s.calls.take(match)
	slices.SortFunc(taken, (*call).compare)
	for _, c := range taken {
		c.err = errDead
		c.ready <- struct{}{}
	}
}
