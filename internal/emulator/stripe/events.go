package stripe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/meterbridge/meterbridge/pkg/v2events"
)

const eventsPath = "/v2/core/events"

// missingPrefix is the prefix of ids that Learn ignores.
const missingPrefix = "evt_missing"

// events stores the v2 events: https://docs.stripe.com/api/v2/core/events.
type events struct {
	store  *eventStore
	meters *meters
}

func (s *events) endpoints() []endpoint {
	return []endpoint{
		{method: http.MethodGet, path: eventsPath, handle: s.list},
		{method: http.MethodGet, path: eventsPath + "/{id}", handle: s.retrieve},
	}
}

func (s *events) put(e *storedEvent) {
	s.store.put(e)
	s.meters.add(e)
}

// parseEvent checks the fields that every v2 event has, thin or full.
func parseEvent(raw []byte) (*storedEvent, error) {
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
	case v.Object != v2events.Object:
		return nil, fmt.Errorf("object is %q, not %q", v.Object, v2events.Object)
	case v.ID == "" || v.Type == "" || v.Created.IsZero():
		return nil, errors.New("id, type or created is missing")
	case v.Livemode == nil:
		return nil, errors.New("livemode is missing")
	}
	return &storedEvent{
		id: v.ID, eventType: v.Type, created: v.Created, retainedFrom: v.Created,
		caller:    caller{live: *v.Livemode, context: v.Context},
		relatedID: v.RelatedObject.ID, relatedURL: v.RelatedObject.URL,
		body: bytes.Clone(raw),
	}, nil
}

func (s *events) retrieve(c *call) ([]byte, error) {
	if err := c.query.done(); err != nil {
		return nil, err
	}
	e := s.store.get(c.id, c.caller)
	if e == nil {
		return nil, notFound()
	}
	return e.body, nil
}

func (s *events) list(c *call) ([]byte, error) {
	p := newPager(eventsPath, c)
	objectID := c.query.string("object_id")
	types := c.query.list("types", 20)
	created := c.query.timeRange("created", parseRFC3339)
	if err := c.query.done(); err != nil {
		return nil, err
	}
	found, more := s.store.list(c.caller, p.window, func(e *storedEvent) bool {
		return created.contains(e.created) && (objectID == "" || e.relatedID == objectID) &&
			(types == nil || slices.Contains(types, e.eventType))
	})
	return encodePage(p, found, more, func(e *storedEvent) any { return e.body }), nil
}

const meterPath = "/v1/billing/meters/{id}"

// meters stores the billing meters that v2 events refer to:
// https://docs.stripe.com/api/billing/meter.
type meters struct {
	mu      sync.RWMutex
	created map[meterKey]time.Time // the creation time of the last event about each
}

// A meterKey is a meter's id within the accounts that may read the events about it.
type meterKey struct {
	caller caller
	id     string
}

func (m *meters) endpoints() []endpoint {
	return []endpoint{{method: http.MethodGet, path: meterPath, handle: m.retrieve}}
}

// add adds the meter that e is about, if there is one.
func (m *meters) add(e *storedEvent) {
	path, _, _ := strings.Cut(e.relatedURL, "?")
	if id, ok := match(meterPath, path); ok {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.created[meterKey{caller: e.caller, id: id}] = e.created
	}
}

func (m *meters) retrieve(c *call) ([]byte, error) {
	c.query.v1List("expand", 20)
	if err := c.query.done(); err != nil {
		return nil, err
	}
	m.mu.RLock()
	created, ok := m.created[meterKey{caller: c.caller, id: c.id}]
	m.mu.RUnlock()
	if !ok {
		return nil, noSuch("billing meter", c.id)
	}
	return encode(map[string]any{
		"id": c.id, "object": "billing.meter", "livemode": c.caller.live,
		"created": created.Unix(), "updated": created.Unix(),
		"display_name": "API requests", "event_name": "api_requests", "event_time_window": nil,
		"customer_mapping":    map[string]any{"type": "by_id", "event_payload_key": "stripe_customer_id"},
		"default_aggregation": map[string]any{"formula": "sum"},
		"value_settings":      map[string]any{"event_payload_key": "value"},
		"status":              "active",
		"status_transitions":  map[string]any{"deactivated_at": nil},
	}), nil
}
