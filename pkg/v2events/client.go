package v2events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/meterbridge/meterbridge/pkg/internal/eventjson"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

const eventsPath = "/v2/core/events"

var (
	// ErrMismatch means that Stripe answered with an event or object other than the one asked for.
	ErrMismatch = errors.New("v2events: response is about another object")
	// ErrNoRelatedObject means that an event names no related object.
	ErrNoRelatedObject = errors.New("v2events: event has no related object")
)

// Client reads events and manages event destinations. It is immutable and safe for concurrent use.
// The zero Client has no key: it sends nothing and fails every call with [stripeapi.ErrRequest].
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

// Retrieve returns the full event with the id. Stripe keeps events for 30 days; after that, and for
// an event of another account or mode, the error is [stripeapi.ErrNotFound]. See
// https://docs.stripe.com/api/v2/core/events/retrieve.
func (c *Client) Retrieve(ctx context.Context, id string) (*Event, error) {
	return c.get(ctx, id, stripeapi.Request{})
}

// Fetch returns the full event behind a notification. It uses the notification's context, not the
// Client's: if the notification has none, the event is read in the key's own account. For a
// response with another id or type the error is [ErrMismatch].
func (c *Client) Fetch(ctx context.Context, thin *ThinEvent) (*Event, error) {
	event, err := c.get(ctx, thin.ID, causedBy(thin))
	if err != nil {
		return nil, err
	}
	if event.Type != thin.Type {
		return nil, fmt.Errorf("fetch event: %w: the type differs", ErrMismatch)
	}
	return event, nil
}

// get reads one event and checks its id and type. r contains the other parts of the request.
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

// RelatedObject returns, as JSON, the v1 or v2 object that a notification is about. It uses the
// same context as [Client.Fetch]. [RelatedObjectAs] decodes the object. If there is none the error
// is [ErrNoRelatedObject]; for a URL that leaves Stripe's origin it is [stripeapi.ErrUnsafePath].
func (c *Client) RelatedObject(ctx context.Context, thin *ThinEvent) (json.RawMessage, error) {
	if thin.RelatedObject == nil || thin.RelatedObject.URL == "" {
		return nil, ErrNoRelatedObject
	}
	r := causedBy(thin)
	r.Method, r.Path = http.MethodGet, thin.RelatedObject.URL
	body, err := c.api.Do(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("fetch related object: %w", err)
	}
	return body, nil
}

// RelatedObjectAs returns the object that a notification is about, decoded into T by
// [encoding/json]: [Meter] or a type of your own. In addition to the errors of
// [Client.RelatedObject] it returns [ErrSyntax], [ErrField] for a member of the wrong type, and the
// errors of T's own UnmarshalJSON: for a [Meter], [ErrObject] if the object is of another kind.
func RelatedObjectAs[T any](ctx context.Context, c *Client, thin *ThinEvent) (*T, error) {
	body, err := c.RelatedObject(ctx, thin)
	if err != nil {
		return nil, err
	}
	if _, err := eventjson.Parse(body); err != nil {
		return nil, fmt.Errorf("decode related object: %w", err)
	}
	object := new(T)
	if err := json.Unmarshal(body, object); err != nil {
		return nil, fmt.Errorf("decode related object: %w", decodingError(err))
	}
	return object, nil
}

// causedBy returns the parts common to all requests that an event causes: the event's context, or
// NoContext if it has none, and its id for attribution, as in Stripe's SDKs. The id is escaped
// because it may contain any character.
func causedBy(thin *ThinEvent) stripeapi.Request {
	return stripeapi.Request{Context: thin.Context, NoContext: thin.Context == "", Trigger: "event=" + url.QueryEscape(thin.ID)}
}
