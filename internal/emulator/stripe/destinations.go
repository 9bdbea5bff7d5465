package stripe

import (
	"maps"
	"slices"

	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

const (
	destinationsPath  = "/v2/core/event_destinations"
	destinationPath   = destinationsPath + "/{id}"
	destinationObject = "v2.core.event_destination"
)

// What the include parameter can ask for.
const (
	includeSecret = "webhook_endpoint.signing_secret"
	includeURL    = "webhook_endpoint.url"
)

// A destination is an event destination: https://docs.stripe.com/api/v2/core/event_destinations/object. One that is
// stored is replaced and never changed.
type destination struct {
	ID                 string            `json:"id"`
	Object             string            `json:"object"`
	Name               string            `json:"name"`
	Description        string            `json:"description"`
	Type               string            `json:"type"`
	EventPayload       string            `json:"event_payload"`
	SnapshotAPIVersion *string           `json:"snapshot_api_version"`
	EnabledEvents      []string          `json:"enabled_events"`
	EventsFrom         []string          `json:"events_from"`
	Status             string            `json:"status"`
	StatusDetails      *statusDetails    `json:"status_details"`
	Livemode           bool              `json:"livemode"`
	Metadata           map[string]string `json:"metadata"`
	Created            string            `json:"created"`
	Updated            string            `json:"updated"`
	WebhookEndpoint    *webhookEndpoint  `json:"webhook_endpoint"`
	AmazonEventbridge  map[string]string `json:"amazon_eventbridge"`
	AzureEventGrid     map[string]string `json:"azure_event_grid"`

	place  place
	caller caller
	url    string
	secret stripesig.Secret
}

type statusDetails struct {
	Disabled struct {
		Reason string `json:"reason"`
	} `json:"disabled"`
}

type webhookEndpoint struct {
	SigningSecret *string `json:"signing_secret"`
	URL           *string `json:"url"`
}

// render encodes d with the webhook's fields that include names; without them they are null.
func (d *destination) render(include []string) []byte { return encode(d.with(include)) }

func (d *destination) with(include []string) *destination {
	if d.Type != "webhook_endpoint" {
		return d
	}
	shown := *d
	shown.WebhookEndpoint = &webhookEndpoint{}
	if slices.Contains(include, includeURL) {
		shown.WebhookEndpoint.URL = &d.url
	}
	if slices.Contains(include, includeSecret) {
		shown.WebhookEndpoint.SigningSecret = new(string(d.secret))
	}
	return &shown
}

// createDestination serves POST /v2/core/event_destinations.
func (s *Sandbox) createDestination(c *call) ([]byte, error) {
	params, err := c.document()
	if err != nil {
		return nil, err
	}
	d := readDestination(params, c.caller)
	include := params.choices("include", includeSecret, includeURL)
	if err := params.done(); err != nil {
		return nil, err
	}
	s.admit(d)
	return d.render(include), nil
}

// admit gives a new destination its id, secret and times, and stores it.
func (s *Sandbox) admit(d *destination) {
	now := s.opts.Now().UTC()
	prefix := "ed_test_"
	if d.Livemode = d.caller.live; d.Livemode {
		prefix = "ed_"
	}
	d.ID, d.Object, d.Status = prefix+s.token(24), destinationObject, "enabled"
	d.place = place{Created: now, ID: d.ID}
	d.Created, d.Updated = now.Format(millis), now.Format(millis)
	if d.secret == "" {
		d.secret = stripesig.Secret("whsec_" + s.token(32))
	}
	d.finishCloud()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.destinations[d.ID] = d
}

// listDestinations serves GET /v2/core/event_destinations, newest first.
func (s *Sandbox) listDestinations(c *call) ([]byte, error) {
	p := newPager(destinationsPath, c)
	include := c.query.includes()
	if err := c.query.done(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	all := slices.Collect(maps.Values(s.destinations))
	s.mu.RUnlock()
	all = slices.DeleteFunc(all, func(d *destination) bool { return d.caller != c.caller || !p.covers(d.place) })
	slices.SortFunc(all, func(a, b *destination) int { return p.compare(a.place, b.place) })
	return cut(p, slices.Values(all), func(d *destination) place { return d.place }, func(d *destination) any { return d.with(include) }), nil
}

// retrieveDestination serves GET /v2/core/event_destinations/{id}.
func (s *Sandbox) retrieveDestination(c *call) ([]byte, error) {
	include := c.query.includes()
	if err := c.query.done(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	d, err := s.destination(c)
	if err != nil {
		return nil, err
	}
	return d.render(include), nil
}

// deleteDestination serves DELETE /v2/core/event_destinations/{id}.
func (s *Sandbox) deleteDestination(c *call) ([]byte, error) {
	if err := c.query.done(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.destination(c)
	if err != nil {
		return nil, err
	}
	delete(s.destinations, d.ID)
	return encode(map[string]any{"id": d.ID, "object": destinationObject}), nil
}

// updateDestination serves POST /v2/core/event_destinations/{id}.
func (s *Sandbox) updateDestination(c *call) ([]byte, error) {
	return s.change(c, func(d *destination, params *document) { d.update(params) })
}

// enableDestination serves POST /v2/core/event_destinations/{id}/enable.
func (s *Sandbox) enableDestination(c *call) ([]byte, error) {
	return s.change(c, func(d *destination, _ *document) { d.Status, d.StatusDetails = "enabled", nil })
}

// disableDestination serves POST /v2/core/event_destinations/{id}/disable.
func (s *Sandbox) disableDestination(c *call) ([]byte, error) {
	return s.change(c, func(d *destination, _ *document) {
		d.Status, d.StatusDetails = "disabled", &statusDetails{}
		d.StatusDetails.Disabled.Reason = "user"
	})
}

// change stores a changed copy of a destination, unless the parameters that apply read are faulty.
func (s *Sandbox) change(c *call, apply func(*destination, *document)) ([]byte, error) {
	params, err := c.document()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := s.destination(c)
	if err != nil {
		return nil, err
	}
	d := *old
	apply(&d, params)
	include := params.choices("include", includeURL)
	if err := params.done(); err != nil {
		return nil, err
	}
	d.Updated = s.opts.Now().UTC().Format(millis)
	s.destinations[d.ID] = &d
	return d.render(include), nil
}

// destination finds what the path names; s.mu is held.
func (s *Sandbox) destination(c *call) (*destination, error) {
	d := s.destinations[c.id]
	if d == nil || d.caller != c.caller {
		return nil, notFound()
	}
	return d, nil
}

// includes reads the include parameter of a request without a body.
func (q *query) includes() []string {
	items := q.list("include", 20)
	checkChoices(q.fail, "include", items, []string{includeURL})
	return items
}
