package stripesandbox

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const eventObject = "v2.core.event"

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
}

// AddEvent stores a full v2 event, which is served byte for byte to keys of its livemode and requests in its context,
// for [Retention] after its created time. It replaces an event with the same id. The bytes are copied.
func (s *Sandbox) AddEvent(full json.RawMessage) error {
	e, err := parseEvent(full)
	if err != nil {
		return fmt.Errorf("add event: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events.put(e)
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
	e.agesFrom = s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.events.byID[e.id]; !known {
		s.events.put(e)
	}
	return nil
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

// visible reports whether e exists for c now.
func (s *Sandbox) visible(e *event, c caller) bool {
	return e.caller == c && s.now().Sub(e.agesFrom) <= Retention
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

// A timeline holds events by id and by age.
type timeline struct {
	byID  map[string]*event
	order []*event // oldest first, so that the ordinary insertion is an append
}

func newTimeline() timeline { return timeline{byID: map[string]*event{}} }

// put adds e or replaces its namesake.
func (t *timeline) put(e *event) {
	if old := t.byID[e.id]; old != nil {
		i, _ := slices.BinarySearchFunc(t.order, old, byAge)
		t.order = slices.Delete(t.order, i, i+1)
	}
	t.byID[e.id] = e
	i, _ := slices.BinarySearchFunc(t.order, e, byAge)
	t.order = slices.Insert(t.order, i, e)
}

// byAge orders by creation; ids settle a tie, so that pages never skip or repeat an event.
func byAge(a, b *event) int {
	return cmp.Or(a.created.Compare(b.created), strings.Compare(a.id, b.id))
}
