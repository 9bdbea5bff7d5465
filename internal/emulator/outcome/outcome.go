// Package outcome records the outcome of each event that an emulated stack processes.
//
// A [Tracker] observes the steps and keeps an [Event] for each; [Tracker.Counts] sums them up.
package outcome

import (
	"slices"
	"sync"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
)

// An Event is the state of one event.
type Event struct {
	Stored   bool // the thin event was put on the bus
	Fetched  bool // a rule sent it to the fetch queue
	Emitted  int  // how often the full event was put on the bus
	Parked   bool // a dead-letter queue stored it
	Reported bool // the fetcher put a stripe.failure event about it
}

// Ended reports whether the event was emitted or parked.
func (e Event) Ended() bool { return e.Emitted > 0 || e.Parked }

// Counts are numbers of stored thin events by outcome. Each event has one outcome.
type Counts struct {
	Stored  int
	Emitted int      // the full event was put on the bus
	Parked  int      // it is in a dead-letter queue, or a stripe.failure event reports that
	Ignored int      // no rule fetches its type
	Lost    []string // ids of events that should have been fetched and have no outcome
}

// A Tracker is an [activity.Observer] that follows every event. It is safe for concurrent use.
type Tracker struct {
	mu         sync.Mutex
	fetchQueue string
	events     map[string]*Event
	ended      int
}

// NewTracker returns a Tracker without events.
func NewTracker() *Tracker { return &Tracker{events: map[string]*Event{}} }

// SetFetchQueue sets the logical id of the queue whose events count as fetched.
func (t *Tracker) SetFetchQueue(logicalID string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fetchQueue = logicalID
}

// Observe implements [activity.Observer].
func (t *Tracker) Observe(s activity.Step) {
	if s.EventID == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.events[s.EventID]
	if e == nil {
		e = &Event{}
		t.events[s.EventID] = e
	}
	ended := e.Ended()
	switch s.Kind {
	case activity.Put:
		e.put(s.Source)
	case activity.Parked:
		e.Parked = true
	case activity.Matched:
		e.Fetched = e.Fetched || s.Source == bus.SourceThin && s.Target == t.fetchQueue
	}
	if e.Ended() && !ended {
		t.ended++
	}
}

func (e *Event) put(source string) {
	switch source {
	case bus.SourceThin:
		e.Stored = true
	case bus.SourceEvent:
		e.Emitted++
	case bus.SourceFailure:
		e.Reported = true
	}
}

// Event returns the state of an event; the zero [Event] if it is unknown.
func (t *Tracker) Event(id string) Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.events[id]; e != nil {
		return *e
	}
	return Event{}
}

// Ended returns how many events have been emitted or parked.
func (t *Tracker) Ended() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ended
}

// Counts counts the thin events that have been stored, by their outcome.
func (t *Tracker) Counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	var c Counts
	for id, e := range t.events {
		if !e.Stored {
			continue
		}
		c.Stored++
		switch {
		case e.Emitted > 0:
			c.Emitted++
		case e.Parked || e.Reported:
			c.Parked++
		case e.Fetched:
			c.Lost = append(c.Lost, id)
		default:
			c.Ignored++
		}
	}
	slices.Sort(c.Lost)
	return c
}
