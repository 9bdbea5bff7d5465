// Package outcome records the outcome of each event that an emulated stack processes.
//
// A [Tracker] observes the steps and keeps an [Event] for each; [Tracker.Counts] sums them up, and
// [Tracker.Consumers] what consumers did with the events.
package outcome

import (
	"encoding/json"
	"slices"
	"sync"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
)

// An Event is the state of one event.
type Event struct {
	Stored   bool // the thin event was put on the bus
	Snapshot bool // a snapshot event was put on the bus
	Fetched  bool // a rule sent it to the fetch queue
	Emitted  int  // how often the full event was put on the bus
	Parked   bool // a dead-letter queue stored it
	Reported bool // the fetcher put a stripe.failure event about it
	// Reason is why it was parked the last time: a code, or a text where there is none.
	Reason string
}

// Ended reports whether the event was emitted or parked.
func (e Event) Ended() bool { return e.Emitted > 0 || e.Parked }

// Counts are numbers of stored thin events by outcome. Each event has one outcome.
type Counts struct {
	Stored int
	// Snapshots are the snapshot events that were stored; they are not counted in any other field.
	Snapshots int
	Emitted   int      // the full event was put on the bus
	Parked    int      // it is in a dead-letter queue, or a stripe.failure event reports that
	Ignored   int      // no rule fetches its type
	Lost      []string // ids of events that should have been fetched and have no outcome
	// Reasons are the numbers of parked events by the reason.
	Reasons map[string]int
}

// A Tracker is an [activity.Observer] that follows every event. It is safe for concurrent use.
type Tracker struct {
	mu         sync.Mutex
	fetchQueue string
	events     map[string]*Event
	ended      int
	targets    map[string]*consumer // by logical id

	deadLetters map[string]bool // logical ids of queues
}

// NewTracker returns a Tracker without events.
func NewTracker() *Tracker {
	return &Tracker{events: map[string]*Event{}, targets: map[string]*consumer{}, deadLetters: map[string]bool{}}
}

// SetFetchQueue sets the logical id of the queue whose events count as fetched.
func (t *Tracker) SetFetchQueue(logicalID string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fetchQueue = logicalID
}

// Observe implements [activity.Observer].
func (t *Tracker) Observe(s activity.Step) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.observeTarget(s)
	if s.EventID == "" {
		return
	}
	e := t.events[s.EventID]
	if e == nil {
		e = &Event{}
		t.events[s.EventID] = e
	}
	ended := e.Ended()
	switch s.Kind {
	case activity.Put:
		e.put(s)
	case activity.Parked:
		if s.Target == "" || t.fetchQueue == "" || s.Target == t.fetchQueue { // otherwise a consumer did not get it
			e.Parked, e.Reason = true, s.Text
		}
	case activity.Matched:
		e.Fetched = e.Fetched || s.Source == bus.SourceThin && s.Target == t.fetchQueue
	}
	if e.Ended() && !ended {
		t.ended++
	}
}

func (e *Event) put(s activity.Step) {
	switch s.Source {
	case bus.SourceThin:
		e.Stored = true
	case bus.SourceSnapshot:
		e.Snapshot = true
	case bus.SourceEvent:
		e.Emitted++
	case bus.SourceFailure:
		e.Reported = true
		var announced struct{ Detail struct{ Reason string } }
		if json.Unmarshal(s.Envelope, &announced) == nil {
			e.Reason = announced.Detail.Reason
		}
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
	c := Counts{Reasons: map[string]int{}}
	for id, e := range t.events {
		if e.Snapshot {
			c.Snapshots++
		}
		if !e.Stored {
			continue
		}
		c.Stored++
		switch {
		case e.Emitted > 0:
			c.Emitted++
		case e.Parked || e.Reported:
			c.Parked++
			c.Reasons[e.Reason]++
		case e.Fetched:
			c.Lost = append(c.Lost, id)
		default:
			c.Ignored++
		}
	}
	slices.Sort(c.Lost)
	return c
}
