package v2events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

const eventsPath = "/v2/core/events"

var (
	// ErrMismatch says that Stripe answered with another event, or object, than was asked for.
	ErrMismatch = errors.New("v2events: answer is about something else")
	// ErrNoRelatedObject says that an event names no related object.
	ErrNoRelatedObject = errors.New("v2events: event has no related object")
)

// Client reads events and manages event destinations. It is immutable and safe for concurrent use.
//
// Its methods return the errors of stripeapi.Client.Do and, for answers that are not what they should be, those of
// ParseEvent and ErrMismatch.
type Client struct{ api *stripeapi.Client }

// NewClient returns a Client over api.
func NewClient(api *stripeapi.Client) *Client { return &Client{api} }

// InContext returns a Client for another account or path of accounts; see stripeapi.Client.InContext.
func (c *Client) InContext(stripeContext string) *Client {
	return &Client{c.api.InContext(stripeContext)}
}

// Retrieve returns the full event with the id. Stripe keeps events for 30 days; after that, and for an event of another
// account or mode, the error is stripeapi.ErrNotFound. See https://docs.stripe.com/api/v2/core/events/retrieve.
func (c *Client) Retrieve(ctx context.Context, id string) (*Event, error) {
	return c.get(ctx, id, stripeapi.Request{})
}

// Fetch returns the full event behind a notification, read in the notification's context. An answer with another id or
// type is an ErrMismatch.
func (c *Client) Fetch(ctx context.Context, thin *ThinEvent) (*Event, error) {
	event, err := c.get(ctx, thin.ID, onBehalf(thin))
	if err != nil {
		return nil, err
	}
	if event.Type != thin.Type {
		return nil, fmt.Errorf("fetch event: %w: the type differs", ErrMismatch)
	}
	return event, nil
}

// get reads one event and makes sure that it is the one. r brings what else the request carries.
func (c *Client) get(ctx context.Context, id string, r stripeapi.Request) (*Event, error) {
	element, err := stripeapi.SanitizeID(id)
	if err != nil {
		return nil, fmt.Errorf("retrieve event: %w", err)
	}
	r.Method, r.Path = http.MethodGet, eventsPath+"/"+element
	body, err := c.api.Do(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("retrieve event: %w", err)
	}
	event, err := ParseEvent(body)
	switch {
	case err != nil:
		return nil, fmt.Errorf("retrieve event: %w", err)
	case event.ID != id:
		return nil, fmt.Errorf("retrieve event: %w: the id differs", ErrMismatch)
	}
	return event, nil
}

// RelatedObject returns the object that a notification is about as JSON, v1 or v2, read in the notification's context.
// Without one the error is ErrNoRelatedObject; a URL that leaves Stripe's origin is a stripeapi.ErrUnsafePath.
func (c *Client) RelatedObject(ctx context.Context, thin *ThinEvent) (json.RawMessage, error) {
	if thin.RelatedObject == nil || thin.RelatedObject.URL == "" {
		return nil, ErrNoRelatedObject
	}
	r := onBehalf(thin)
	r.Method, r.Path = http.MethodGet, thin.RelatedObject.URL
	body, err := c.api.Do(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("fetch related object: %w", err)
	}
	return body, nil
}

// onBehalf is what every request that an event causes carries: the event's context, and its id for attribution, as
// Stripe's SDKs send them. The id is escaped because it may hold anything.
func onBehalf(thin *ThinEvent) stripeapi.Request {
	return stripeapi.Request{Context: thin.Context, Trigger: "event=" + url.QueryEscape(thin.ID)}
}
