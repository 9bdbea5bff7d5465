package stripe

import (
	"encoding/json"
	"maps"
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

// An eventStore stores the events of one API by id. It is safe for concurrent use.
type eventStore struct {
	now func() time.Time

	mu   sync.RWMutex
	byID map[string]*storedEvent
}

func newEventStore(now func() time.Time) *eventStore {
	return &eventStore{now: now, byID: map[string]*storedEvent{}}
}

func (s *eventStore) put(e *storedEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byID[e.id] = e
}

// putNew adds e unless there is already an event with its id, and reports whether it did.
func (s *eventStore) putNew(e *storedEvent) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID[e.id] != nil {
		return false
	}
	s.byID[e.id] = e
	return true
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
	return take(w, maps.Values(s.byID), func(e *storedEvent) bool { return s.visible(e, c) && keep(e) })
}
