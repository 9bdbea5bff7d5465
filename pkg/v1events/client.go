package v1events

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

const eventsPath = "/v1/events"

var (
	// ErrMismatch means that Stripe answered with an event other than the one asked for.
	ErrMismatch = errors.New("v1events: response is about another event")
	// ErrParams means that parameters were refused before anything was sent. The text says what to
	// change.
	ErrParams = errors.New("v1events: unusable parameters")
	// ErrPageLoop means that a list claims to have more pages but does not advance, so it would
	// never end.
	ErrPageLoop = errors.New("v1events: list does not advance")
)

// Client reads v1 events. It is immutable and safe for concurrent use. The zero Client has no key:
// it sends nothing and fails every call with [stripeapi.ErrRequest].
//
// Its methods return the errors of [stripeapi.Client.Do] and, for responses that are malformed or
// about another event, those of [ParseEvent] and [ErrMismatch].
type Client struct{ api *stripeapi.Client }

// New returns a [Client] for a key. Its error and options are those of [stripeapi.New].
func New(key stripeapi.Key, opts *stripeapi.Options) (*Client, error) {
	api, err := stripeapi.New(key, opts)
	if err != nil {
		return nil, err
	}
	return NewClient(api), nil
}

// NewClient returns a [Client] that sends its requests with api.
func NewClient(api *stripeapi.Client) *Client { return &Client{api} }

// InContext returns a [Client] for another account or path of accounts; see
// [stripeapi.Client.InContext].
func (c *Client) InContext(stripeContext string) *Client {
	return &Client{c.api.InContext(stripeContext)}
}

// With returns a [Client] whose requests are sent with o; see [stripeapi.Client.With].
func (c *Client) With(o stripeapi.RequestOptions) *Client { return &Client{c.api.With(o)} }

// Retrieve returns the event with the id. Stripe keeps events for 30 days; after that, and for an
// event of another account or mode, the error is [stripeapi.ErrNotFound]. See
// https://docs.stripe.com/api/events/retrieve.
func (c *Client) Retrieve(ctx context.Context, id string) (*Event, error) {
	element, err := stripeapi.SanitizeID(id)
	if err != nil {
		return nil, fmt.Errorf("retrieve event: %w", err)
	}
	body, err := c.api.Do(ctx, stripeapi.Request{Method: http.MethodGet, Path: eventsPath + "/" + element})
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
