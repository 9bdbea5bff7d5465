package clock

import (
	"container/heap"
	"time"
)

// absent is the index of a moment that is not in the heap.
const absent = -1

// moment is a time for which something waits.
type moment struct {
	at      time.Time
	kind    Kind
	reached func() // called with the clock locked; whatever it wakes is counted as work by then
	index   int
}

// The methods below are called with the clock locked.

// add adds a moment, which may have passed, and remove removes it if it is there.
func (c *Clock) add(m *moment) {
	heap.Push(&c.moments, m)
	if m.kind == Due {
		c.due++
	}
}

func (c *Clock) remove(m *moment) {
	if m.index == absent {
		return
	}
	heap.Remove(&c.moments, m.index)
	if m.kind == Due {
		c.due--
	}
}

// update follows every change: it reaches the moments that have come, skips if nothing works, and
// reports that the clock is idle. Moments count as work before those who wait for them run, so the
// count does not fall to zero in between.
func (c *Clock) update() {
	c.reach()
	if c.working == 0 && c.due > 0 && c.skips > 0 {
		c.skipped.Add(int64(max(0, c.moments[0].at.Sub(c.Now()))))
		c.reach()
	}
	if c.working == 0 && c.due == 0 && c.idle != nil {
		close(c.idle)
		c.idle = nil
	}
	c.setTimer()
}

func (c *Clock) reach() {
	for now := c.Now(); len(c.moments) > 0 && !c.moments[0].at.After(now); {
		m := c.moments[0]
		c.remove(m)
		c.working++
		m.reached()
	}
}

// setTimer sets the timer to the first moment, in real time.
func (c *Clock) setTimer() {
	var first time.Time
	if len(c.moments) > 0 {
		first = c.moments[0].at
	}
	if first.Equal(c.timedFor) && c.skipped.Load() == c.timedAt {
		return
	}
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	c.timedFor, c.timedAt = first, c.skipped.Load()
	if !first.IsZero() {
		c.timer = time.AfterFunc(c.real(first.Sub(c.Now())), c.tick)
	}
}

func (c *Clock) tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timedFor = time.Time{} // if rounding made the timer fire early, it is set again
	c.update()
}

// moments is a heap with the first moment on top.
type moments []*moment

func (s moments) Len() int           { return len(s) }
func (s moments) Less(i, j int) bool { return s[i].at.Before(s[j].at) }

func (s moments) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].index, s[j].index = i, j
}

func (s *moments) Push(x any) {
	m := x.(*moment)
	m.index = len(*s)
	*s = append(*s, m)
}

func (s *moments) Pop() any {
	last := len(*s) - 1
	m := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	m.index = absent
	return m
}
