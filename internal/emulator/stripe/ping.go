package stripe

import "time"

// pingDestination serves POST /v2/core/event_destinations/{id}/ping. The ping is attempted once, before the answer, so
// that whoever asked for it finds it delivered; a disabled destination gets the event but no delivery.
func (s *Sandbox) pingDestination(c *call) ([]byte, error) {
	params, err := c.document()
	if err != nil {
		return nil, err
	}
	if err := params.done(); err != nil {
		return nil, err
	}
	d, e, err := s.addPing(c)
	if err != nil {
		return nil, err
	}
	if d.Type == "webhook_endpoint" && d.Status == "enabled" {
		ctx := c.request.Context()
		if err := s.send(ctx, d, notification(e.body)); err != nil {
			s.opts.Logger.WarnContext(ctx, "ping failed", "destination", d.ID, "error", err)
		}
	}
	return e.body, nil
}

// addPing finds the destination that the path names and stores a ping about it.
func (s *Sandbox) addPing(c *call) (*destination, *event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.destination(c)
	if err != nil {
		return nil, nil, err
	}
	e := s.newPing(d, c)
	s.store(e)
	return d, e, nil
}

// newPing makes the event that a ping is.
func (s *Sandbox) newPing(d *destination, c *call) *event {
	now := s.opts.Now().UTC().Truncate(time.Millisecond)
	prefix := "evt_test_"
	if d.Livemode {
		prefix = "evt_"
	}
	e := &event{
		id: prefix + s.token(32), kind: "v2.core.event_destination.ping", caller: d.caller, created: now, agesFrom: now,
		objectID: d.ID, objectURL: destinationsPath + "/" + d.ID,
	}
	var context, key *string
	if d.caller.context != "" {
		context = &d.caller.context
	}
	if c.idempotencyKey() != "" {
		key = new(c.idempotencyKey())
	}
	e.body = encode(map[string]any{
		"id": e.id, "object": eventObject, "type": e.kind, "created": now.Format(millis), "livemode": d.Livemode, "context": context,
		"reason":         map[string]any{"type": "request", "request": map[string]any{"id": c.requestID, "idempotency_key": key}},
		"related_object": map[string]any{"id": d.ID, "type": destinationObject, "url": e.objectURL},
		"changes":        nil, "data": nil,
	})
	return e
}
