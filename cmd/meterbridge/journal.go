package main

import (
	"sync"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
)

// journal follows every thin event from the moment it is stored to its end: its full event on the
// bus, a parking place, or no rule that wants it fetched.
type journal struct {
	mu         sync.Mutex
	fetchQueue string // logical id of the queue whose events are to be fetched
	events     map[string]*ending
}

// ending is what is known of one stored event.
type ending struct{ wanted, emitted, parked bool }

// tally is the sum of a journal.
type tally struct {
	stored, emitted, parked, ignored int
	lost                             []string // ids of events that were to be fetched and came to no end
}

func newJournal() *journal { return &journal{events: map[string]*ending{}} }

// follow says which queue leads to the fetcher.
func (j *journal) follow(fetchQueue string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fetchQueue = fetchQueue
}

// Observe implements [activity.Observer].
func (j *journal) Observe(s activity.Step) {
	if s.EventID == "" {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	e := j.events[s.EventID]
	if e == nil {
		e = &ending{}
		if s.Kind == activity.Put && s.Source == bus.SourceThin {
			j.events[s.EventID] = e
		}
	}
	switch {
	case s.Kind == activity.Put:
		e.emitted = e.emitted || s.Source == bus.SourceEvent
		e.parked = e.parked || s.Source == bus.SourceFailure
	case s.Kind == activity.Parked:
		e.parked = true
	case s.Kind == activity.Matched && s.Source == bus.SourceThin && s.Target == j.fetchQueue:
		e.wanted = true
	}
}

// tally counts the ends of the events that were stored so far.
func (j *journal) tally() tally {
	j.mu.Lock()
	defer j.mu.Unlock()
	t := tally{stored: len(j.events)}
	for id, e := range j.events {
		switch {
		case e.emitted:
			t.emitted++
		case e.parked:
			t.parked++
		case e.wanted:
			t.lost = append(t.lost, id)
		default:
			t.ignored++
		}
	}
	return t
}
