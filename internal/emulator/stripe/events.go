package stripe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	eventsPath  = "/v2/core/events"
	eventObject = "v2.core.event"
)

// missingPrefix starts the ids that Learn passes over, so that a 404 can be tried on purpose.
const missingPrefix = "evt_missing"

// An event is a stored event of either API with what the sandbox looks at. It is never changed once stored.
type event struct {
	id, kind  string
	caller    caller // who may read it
	created   time.Time
	agesFrom  time.Time // what retention is counted from
	objectID  string
	objectURL string
	body      json.RawMessage
	pending   int // v1: webhooks that had not been delivered when it was added
}

func (e *event) place() place { return place{Created: e.created, ID: e.id} }

// AddEvent stores a full v2 event, which is served to keys of its livemode and requests in its context, for [Retention]
// after its created time: byte for byte by itself, without white space in lists. It replaces an event with the same id.
// The bytes are copied.
func (s *Sandbox) AddEvent(full json.RawMessage) error {
	e, err := parseEvent(full)
	if err != nil {
		return fmt.Errorf("add event: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store(e)
	return nil
}

// Learn makes up the full event for a thin notification that came from elsewhere, so that it can be fetched: the
// notification's own fields as they are, a plausible error report as data for the two meter types, and {} for others.
// It leaves a known event alone, and never learns an id that starts with "evt_missing". Retention counts from now.
func (s *Sandbox) Learn(thin []byte) error {
	e, err := parseEvent(thin)
	if err != nil {
		return fmt.Errorf("learn event: %w", err)
	}
	if strings.HasPrefix(e.id, missingPrefix) {
		return nil
	}
	e.body = complete(e)
	e.agesFrom = s.opts.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.events.byID[e.id]; !known {
		s.store(e)
	}
	return nil
}

// store keeps a v2 event and the meter that it is about; s.mu is held.
func (s *Sandbox) store(e *event) {
	s.events.put(e)
	path, _, _ := strings.Cut(e.objectURL, "?")
	if id, ok := match(meterPath, path); ok {
		s.meters[meter{caller: e.caller, id: id}] = e.created
	}
}

// retrieveEvent serves GET /v2/core/events/{id}.
func (s *Sandbox) retrieveEvent(c *call) ([]byte, error) {
	if err := c.query.done(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	e := s.events.byID[c.id]
	if e == nil || !s.visible(e, c.caller) {
		return nil, notFound()
	}
	return e.body, nil
}

// listEvents serves GET /v2/core/events, newest first.
func (s *Sandbox) listEvents(c *call) ([]byte, error) {
	p := newPager(eventsPath, c)
	objectID := c.query.text("object_id")
	types := c.query.list("types", 20)
	created := c.query.span("created", parseRFC3339)
	if err := c.query.done(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := filter(s.events.walk(p.start()), func(e *event) bool {
		return s.visible(e, c.caller) && created.contains(e.created) &&
			(objectID == "" || e.objectID == objectID) &&
			(types == nil || slices.Contains(types, e.kind))
	})
	return cut(p, found, (*event).place, func(e *event) any { return e.body }), nil
}

// visible reports whether e exists for c now.
func (s *Sandbox) visible(e *event, c caller) bool {
	return e.caller == c && s.opts.Now().Sub(e.agesFrom) <= Retention
}

// parseEvent checks what every v2 event has, thin or full.
func parseEvent(raw []byte) (*event, error) {
	var v struct {
		ID, Object, Type string
		Created          time.Time
		Livemode         *bool
		Context          string
		RelatedObject    struct{ ID, URL string } `json:"related_object"`
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, fmt.Errorf("decode event: %w", err)
	}
	switch {
	case v.Object != eventObject:
		return nil, fmt.Errorf("object is %q, not %q", v.Object, eventObject)
	case v.ID == "" || v.Type == "" || v.Created.IsZero():
		return nil, errors.New("id, type or created is missing")
	case v.Livemode == nil:
		return nil, errors.New("livemode is missing")
	}
	return &event{
		id: v.ID, kind: v.Type, created: v.Created, agesFrom: v.Created,
		caller:   caller{live: *v.Livemode, context: v.Context},
		objectID: v.RelatedObject.ID, objectURL: v.RelatedObject.URL,
		body: bytes.Clone(raw),
	}, nil
}
