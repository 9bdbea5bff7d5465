package stripe

import (
	"encoding/json"
	"iter"
	"slices"
	"sync"
	"time"
)

// A storedEvent is an immutable event of either API with the fields that the sandbox uses.
type storedEvent struct {
	id, eventType string
	caller        caller // who may read it
	created       time.Time
	retainedFrom  time.Time // the start of its retention
	relatedID     string
	relatedURL    string // v2 only
	delivered     bool   // v1 only: whether all of its webhooks have been delivered
	body          json.RawMessage
}

func (e *storedEvent) position() position { return position{Created: e.created, ID: e.id} }

// An eventStore stores the events of one API by id and time. It is safe for concurrent use.
type eventStore struct {
	now func() time.Time

	mu    sync.RWMutex
	byID  map[string]*storedEvent
	order []*storedEvent // oldest first, so that the usual insertion is an append
}

func newEventStore(now func() time.Time) *eventStore {
	return &eventStore{now: now, byID: map[string]*storedEvent{}}
}

func (s *eventStore) put(e *storedEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.insert(e)
}

// putNew adds e unless there is already an event with its id, and reports whether it did.
func (s *eventStore) putNew(e *storedEvent) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID[e.id] != nil {
		return false
	}
	s.insert(e)
	return true
}

// insert is put for callers that hold s.mu.
func (s *eventStore) insert(e *storedEvent) {
	if old := s.byID[e.id]; old != nil {
		i, _ := s.search(old.position())
		s.order = slices.Delete(s.order, i, i+1)
	}
	s.byID[e.id] = e
	i, _ := s.search(e.position())
	s.order = slices.Insert(s.order, i, e)
}

func (s *eventStore) search(p position) (index int, exact bool) {
	return slices.BinarySearchFunc(s.order, p, func(e *storedEvent, p position) int { return e.position().compare(p) })
}

// get returns an event that c may read; nil if there is none.
func (s *eventStore) get(id string, c caller) *storedEvent {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if e := s.byID[id]; e != nil && s.visible(e, c) {
		return e
	}
	return nil
}

func (s *eventStore) visible(e *storedEvent, c caller) bool {
	return e.caller == c && s.now().Sub(e.retainedFrom) <= Retention
}

// list returns a window of the events that c may read and that keep accepts.
func (s *eventStore) list(c caller, w window, keep func(*storedEvent) bool) (events []*storedEvent, more bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return take(w, func(yield func(*storedEvent) bool) {
		for e := range s.walk(w) {
			if s.visible(e, c) && keep(e) && !yield(e) {
				return
			}
		}
	})
}

// walk yields the events on the window's side of its position, nearest first. The caller holds
// s.mu.
func (s *eventStore) walk(w window) iter.Seq[*storedEvent] {
	return func(yield func(*storedEvent) bool) {
		i, step := len(s.order)-1, -1
		if w.from != nil {
			index, exact := s.search(*w.from)
			i = index - 1
			if w.newer {
				i, step = index, 1
				if exact {
					i++
				}
			}
		}
		for ; i >= 0 && i < len(s.order) && yield(s.order[i]); i += step {
		}
	}
}
