package sqs

import (
	"container/heap"
	"time"
)

// state says what a receiver can do with an entry.
type state int

const (
	delayed  state = iota // not yet
	visible               // receive it
	inFlight              // delete it, or change how long it stays hidden
	gone                  // nothing
)

// entry is one stored copy of a message.
type entry struct {
	Message
	key      uint64
	state    state
	expires  time.Time // when retention ends
	received time.Time // when it was last handed out
	handouts int       // in this queue; Message counts over all queues

	due   time.Time // when it changes by itself
	index int       // in the schedule; negative when not in it
}

// move brings e into state s until a moment, or until its retention ends if that comes first. The caller holds the lock.
func (q *Queue) move(e *entry, s state, until time.Time) {
	q.count[e.state]--
	q.count[s]++
	e.state, e.due = s, until
	if e.expires.Before(until) {
		e.due = e.expires
	}
	if e.index < 0 {
		heap.Push(&q.schedule, e)
	} else {
		heap.Fix(&q.schedule, e.index)
	}
	if s == visible {
		q.visible = append(q.visible, e)
	}
	if s == visible || e.index == 0 {
		q.wakePolls()
	}
}

// drop removes e for good. The caller holds the lock.
func (q *Queue) drop(e *entry) {
	q.count[e.state]--
	e.state = gone
	heap.Remove(&q.schedule, e.index)
	delete(q.entries, e.key)
}

// advance makes every change that is due by now. The caller holds the lock.
func (q *Queue) advance(now time.Time) {
	for len(q.schedule) > 0 && !q.schedule[0].due.After(now) {
		e := q.schedule[0]
		switch {
		case !e.expires.After(now):
			q.drop(e)
		case q.exhausted(e):
			q.bury(e, now)
		default:
			q.move(e, visible, e.expires)
		}
	}
}

// exhausted reports whether e has used up its receives. SQS looks when the message is next asked for; a receiver cannot tell.
func (q *Queue) exhausted(e *entry) bool {
	return q.cfg.DeadLetter != nil && q.cfg.MaxReceiveCount > 0 && e.handouts >= q.cfg.MaxReceiveCount
}

// bury hands e over to the dead-letter queue while this queue stays locked, so that at no moment a count of both misses it.
func (q *Queue) bury(e *entry, now time.Time) {
	q.drop(e)
	m := e.Message
	m.Receipt, m.DeadLetterSource = "", q.cfg.ARN
	q.cfg.DeadLetter.store(m, now, 0)
}

// wakePolls makes every waiting poll look again. The caller holds the lock.
func (q *Queue) wakePolls() {
	if q.wake != nil {
		close(q.wake)
		q.wake = nil
	}
}

// schedule is a heap of entries, the one that changes first on top.
type schedule []*entry

func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, j int) bool { return s[i].due.Before(s[j].due) }

func (s schedule) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].index, s[j].index = i, j
}

func (s *schedule) Push(x any) {
	e := x.(*entry)
	e.index = len(*s)
	*s = append(*s, e)
}

func (s *schedule) Pop() any {
	last := len(*s) - 1
	e := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	e.index = -1
	return e
}
