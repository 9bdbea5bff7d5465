package stripe

import (
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/meterbridge/meterbridge/pkg/stripesig"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

const (
	destinationsPath  = "/v2/core/event_destinations"
	destinationPath   = destinationsPath + "/{id}"
	destinationObject = "v2.core.event_destination"
)

// destinations stores the event destinations:
// https://docs.stripe.com/api/v2/core/event_destinations.
type destinations struct {
	now    func() time.Time
	events *events // where pings are stored
	client *http.Client
	logger *slog.Logger
	most   int // how many an account can have

	mu   sync.RWMutex
	byID map[string]*destination
}

func (s *destinations) endpoints() []endpoint {
	return []endpoint{
		{method: http.MethodGet, path: destinationsPath, handle: s.list},
		{method: http.MethodPost, path: destinationsPath, handle: s.create},
		{method: http.MethodGet, path: destinationPath, handle: s.retrieve},
		{method: http.MethodPost, path: destinationPath, handle: s.update},
		{method: http.MethodDelete, path: destinationPath, handle: s.delete},
		{method: http.MethodPost, path: destinationPath + "/enable", handle: s.enable},
		{method: http.MethodPost, path: destinationPath + "/disable", handle: s.disable},
		{method: http.MethodPost, path: destinationPath + "/ping", handle: s.ping},
	}
}

// add gives a new destination its id, times and secret, and stores it, unless the account has as many
// as it can.
func (s *destinations) add(d *destination) error {
	prefix := "ed_test_"
	if d.Livemode = d.caller.live; d.Livemode {
		prefix = "ed_"
	}
	d.createdAt = s.now().UTC()
	d.Created = d.createdAt.Format(millis)
	d.Updated = d.Created
	d.ID, d.Object, d.Status = prefix+token(24), destinationObject, statusEnabled
	d.secret = stripesig.Secret("whsec_" + token(32))
	d.completeCloud()
	s.mu.Lock()
	defer s.mu.Unlock()
	others := 0
	for _, other := range s.byID {
		if other.caller == d.caller {
			others++
		}
	}
	if others >= s.most {
		return badRequest("event_destination_limit_reached", "", "You have reached the maximum of %d event destinations.", s.most)
	}
	s.byID[d.ID] = d
	return nil
}

func (s *destinations) get(c *call) (*destination, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.find(c)
}

// find is get for callers that hold s.mu.
func (s *destinations) find(c *call) (*destination, error) {
	d := s.byID[c.id]
	if d == nil || d.caller != c.caller {
		return nil, notFound()
	}
	return d, nil
}

func (s *destinations) create(c *call) ([]byte, error) {
	params, err := c.document()
	if err != nil {
		return nil, err
	}
	d := readDestination(params, c.caller)
	include := params.choices("include", includeSecret, includeURL)
	if err := params.done(); err != nil {
		return nil, err
	}
	if err := s.add(d); err != nil {
		return nil, err
	}
	return encode(d.with(include)), nil
}

func (s *destinations) list(c *call) ([]byte, error) {
	p := newPager(destinationsPath, c)
	include := readInclude(c.query)
	if err := c.query.done(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	found, more := take(p.window, maps.Values(s.byID), func(d *destination) bool { return d.caller == c.caller })
	return encodePage(p, found, more, func(d *destination) any { return d.with(include) }), nil
}

func (s *destinations) retrieve(c *call) ([]byte, error) {
	include := readInclude(c.query)
	if err := c.query.done(); err != nil {
		return nil, err
	}
	d, err := s.get(c)
	if err != nil {
		return nil, err
	}
	return encode(d.with(include)), nil
}

func (s *destinations) delete(c *call) ([]byte, error) {
	if err := c.query.done(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.find(c)
	if err != nil {
		return nil, err
	}
	delete(s.byID, d.ID)
	return encode(map[string]any{"id": d.ID, "object": destinationObject}), nil
}

func (s *destinations) update(c *call) ([]byte, error) {
	return s.change(c, func(d *destination, params *document) { d.readChanges(params) })
}

func (s *destinations) enable(c *call) ([]byte, error) {
	return s.change(c, func(d *destination, _ *document) { d.Status, d.StatusDetails = statusEnabled, nil })
}

func (s *destinations) disable(c *call) ([]byte, error) {
	return s.change(c, func(d *destination, _ *document) {
		d.Status, d.StatusDetails = "disabled", &statusDetails{}
		d.StatusDetails.Disabled.Reason = "user"
	})
}

// change replaces a destination with a changed copy, if the parameters are valid.
func (s *destinations) change(c *call, apply func(*destination, *document)) ([]byte, error) {
	params, err := c.document()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := s.find(c)
	if err != nil {
		return nil, err
	}
	d := *old
	apply(&d, params)
	include := params.choices("include", includeURL)
	if err := params.done(); err != nil {
		return nil, err
	}
	d.Updated = s.now().UTC().Format(millis)
	s.byID[d.ID] = &d
	return encode(d.with(include)), nil
}

// ping serves POST /v2/core/event_destinations/{id}/ping. It attempts one delivery before it
// answers. The ping of a disabled destination is stored but not delivered.
func (s *destinations) ping(c *call) ([]byte, error) {
	params, err := c.document()
	if err != nil {
		return nil, err
	}
	if err := params.done(); err != nil {
		return nil, err
	}
	d, err := s.get(c)
	if err != nil {
		return nil, err
	}
	e := s.newPing(d, c)
	s.events.put(e)
	if d.acceptsDeliveries() {
		s.deliver(c.request.Context(), d, notification(e.body))
	}
	return e.body, nil
}

func (s *destinations) newPing(d *destination, c *call) *storedEvent {
	now := s.now().UTC().Truncate(time.Millisecond)
	prefix := "evt_test_"
	if d.Livemode {
		prefix = "evt_"
	}
	e := &storedEvent{
		id: prefix + token(32), eventType: v2events.EventDestinationPing.Type(), caller: d.caller, created: now, retainedFrom: now,
		relatedID: d.ID, relatedURL: destinationsPath + "/" + d.ID,
	}
	e.body = encode(map[string]any{
		"id": e.id, "object": v2events.Object, "type": e.eventType, "created": now.Format(millis), "livemode": d.Livemode,
		"context": orNull(d.caller.context),
		"reason": map[string]any{
			"type": "request", "request": map[string]any{"id": c.requestID, "idempotency_key": orNull(c.idempotencyKey())},
		},
		"related_object": map[string]any{"id": d.ID, "type": destinationObject, "url": e.relatedURL},
		"changes":        nil, "data": nil,
	})
	return e
}

// orNull returns nil, which encodes as null, for an empty string.
func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
