package v2events

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

const destinationsPath = "/v2/core/event_destinations"

// Destinations manages event destinations. It is immutable and safe for concurrent use.
//
// Its methods return Client's errors, and ErrParams for parameters that Stripe would refuse.
// See https://docs.stripe.com/api/v2/core/event-destinations.
type Destinations struct{ api *stripeapi.Client }

// Destinations returns the event destinations of the Client's account.
func (c *Client) Destinations() *Destinations { return &Destinations{c.api} }

// Create makes a destination. Keep WebhookEndpoint.SigningSecret of the result: Stripe never shows it again.
// See https://docs.stripe.com/api/v2/core/event-destinations/create.
func (d *Destinations) Create(ctx context.Context, p DestinationCreateParams) (*Destination, error) {
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("create destination: %w: %w", ErrParams, err)
	}
	if p.Include == nil && p.Type == TypeWebhookEndpoint {
		p.Include = []Include{IncludeSigningSecret, IncludeURL}
	}
	return d.do(ctx, "create destination", stripeapi.Request{
		Method: http.MethodPost, Path: destinationsPath, Body: p, Context: p.Context, IdempotencyKey: p.IdempotencyKey,
	})
}

// List returns the account's destinations, lazily and as EventListParams describes for events.
// See https://docs.stripe.com/api/v2/core/event-destinations/list.
func (d *Destinations) List(ctx context.Context, p DestinationListParams) iter.Seq2[*Destination, error] {
	if p.Limit < 0 {
		return refused[Destination](fmt.Errorf("list destinations: %w: limit is negative; use zero for Stripe's default", ErrParams))
	}
	query, err := stripeapi.Params{"limit": stripeapi.Optional(p.Limit), "include": p.names()}.V2()
	if err != nil {
		return refused[Destination](fmt.Errorf("list destinations: %w", err))
	}
	r := stripeapi.Request{Path: destinationsPath, Query: query, Context: p.Context}
	return pages(ctx, d.api, r, parseDestination)
}

// Retrieve returns a destination, with its URL but never with its signing secret.
// See https://docs.stripe.com/api/v2/core/event-destinations/retrieve.
func (d *Destinations) Retrieve(ctx context.Context, id string) (*Destination, error) {
	query := url.Values{"include[0]": {string(IncludeURL)}}
	return d.act(ctx, "retrieve", id, stripeapi.Request{Method: http.MethodGet, Query: query})
}

// Update changes a destination.
// See https://docs.stripe.com/api/v2/core/event-destinations/update.
func (d *Destinations) Update(ctx context.Context, id string, p DestinationUpdateParams) (*Destination, error) {
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("update destination: %w: %w", ErrParams, err)
	}
	if p.Include == nil {
		p.Include = []Include{IncludeURL}
	}
	return d.act(ctx, "update", id, stripeapi.Request{
		Method: http.MethodPost, Body: p, Context: p.Context, IdempotencyKey: p.IdempotencyKey,
	})
}

// Delete removes a destination. Deliveries that are still due are dropped.
// See https://docs.stripe.com/api/v2/core/event-destinations/delete.
func (d *Destinations) Delete(ctx context.Context, id string) error {
	_, err := d.act(ctx, "delete", id, stripeapi.Request{Method: http.MethodDelete})
	return err
}

// Enable makes Stripe send events again.
// See https://docs.stripe.com/api/v2/core/event-destinations/enable.
func (d *Destinations) Enable(ctx context.Context, id string) (*Destination, error) {
	return d.act(ctx, "enable", id, stripeapi.Request{Method: http.MethodPost, Path: "/enable", Body: including{[]Include{IncludeURL}}})
}

// Disable makes Stripe stop sending events. Retries that come due while a destination is disabled are given up.
// See https://docs.stripe.com/api/v2/core/event-destinations/disable.
func (d *Destinations) Disable(ctx context.Context, id string) (*Destination, error) {
	return d.act(ctx, "disable", id, stripeapi.Request{Method: http.MethodPost, Path: "/disable", Body: including{[]Include{IncludeURL}}})
}

// Ping makes Stripe send an EventDestinationPing to the destination and returns that event. It travels on its own: an
// answer here does not mean that it was delivered.
// See https://docs.stripe.com/api/v2/core/event-destinations/ping.
func (d *Destinations) Ping(ctx context.Context, id string) (*Event, error) {
	const doing = "ping destination"
	element, err := stripeapi.SanitizeID(id)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	body, err := d.api.Do(ctx, stripeapi.Request{Method: http.MethodPost, Path: destinationsPath + "/" + element + "/ping"})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	event, err := ParseEvent(body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	return event, nil
}

// act sends a request about one destination; r.Path is what follows the id. The answer must be about the same one.
func (d *Destinations) act(ctx context.Context, verb, id string, r stripeapi.Request) (*Destination, error) {
	doing := verb + " destination"
	element, err := stripeapi.SanitizeID(id)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	r.Path = destinationsPath + "/" + element + r.Path
	answer, err := d.do(ctx, doing, r)
	switch {
	case err != nil:
		return nil, err
	case answer.ID != id:
		return nil, fmt.Errorf("%s: %w: the id differs", doing, ErrMismatch)
	}
	return answer, nil
}

// do sends a request whose answer is a destination.
func (d *Destinations) do(ctx context.Context, doing string, r stripeapi.Request) (*Destination, error) {
	body, err := d.api.Do(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	destination, err := parseDestination(body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	return destination, nil
}

// including is the body of a call that has nothing else to say.
type including struct {
	Include []Include `json:"include"`
}

// names returns what to include in a list; nil means the URL.
func (p DestinationListParams) names() []string {
	if p.Include == nil {
		return []string{string(IncludeURL)}
	}
	names := make([]string, len(p.Include))
	for i, include := range p.Include {
		names[i] = string(include)
	}
	return names
}
