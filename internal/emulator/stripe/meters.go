package stripe

const meterPath = "/v1/billing/meters/{id}"

// A meter is known by its id to those who may read the events about it.
type meter struct {
	caller caller
	id     string
}

// retrieveMeter serves GET /v1/billing/meters/{id} for every meter that an event refers to: https://docs.stripe.com/api/billing/meter.
func (s *Sandbox) retrieveMeter(c *call) ([]byte, error) {
	c.query.looseList("expand", 20)
	if err := c.query.done(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	heard, ok := s.meters[meter{caller: c.caller, id: c.id}]
	s.mu.RUnlock()
	if !ok {
		return nil, noSuch("billing meter", c.id)
	}
	return encode(map[string]any{
		"id": c.id, "object": "billing.meter", "livemode": c.caller.live,
		"created": heard.Unix(), "updated": heard.Unix(),
		"display_name": "API requests", "event_name": "api_requests", "event_time_window": nil,
		"customer_mapping":    map[string]any{"type": "by_id", "event_payload_key": "stripe_customer_id"},
		"default_aggregation": map[string]any{"formula": "sum"},
		"value_settings":      map[string]any{"event_payload_key": "value"},
		"status":              "active",
		"status_transitions":  map[string]any{"deactivated_at": nil},
	}), nil
}
