package fetcher

import (
	"context"
	"errors"
	"net/http"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/internal/transport"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// A Client fetches events with one API key; [*v2events.Client] implements it.
type Client interface {
	Fetch(context.Context, *v2events.ThinEvent) (*v2events.Event, error)
}

// Clients contains one client for each mode of Stripe; a client is nil if there is no key for its
// mode.
type Clients struct{ Live, Test Client }

// Keyring supplies the clients for the current API keys; a [secret.Cache] made with [BuildClients]
// implements it.
type Keyring interface {
	Get(context.Context) (Clients, error)
	Refresh(context.Context) (Clients, bool)
}

// client returns the client with the key of an event's mode. Its errors are [secret.ErrNoKey] and
// those of reading the key.
func (h *Handler) client(ctx context.Context, thin *v2events.ThinEvent) (Client, error) {
	clients, err := h.parts.Keyring.Get(ctx)
	if err != nil {
		return nil, err
	}
	client := clients.Test
	if thin.Livemode {
		client = clients.Live
	}
	if client == nil {
		return nil, secret.ErrNoKey
	}
	return client, nil
}

// get fetches the full event behind a thin one. Its errors are those of [v2events.Client.Fetch].
func (h *Handler) get(ctx context.Context, client Client, thin *v2events.ThinEvent) (*v2events.Event, error) {
	event, err := client.Fetch(ctx, thin)
	if errors.Is(err, stripeapi.ErrAuthentication) || errors.Is(err, stripeapi.ErrPermission) {
		h.parts.Keyring.Refresh(ctx) // for the next attempt: the key may have been replaced
	}
	return event, err
}

// NewTransport returns a transport that keeps a connection for each request in flight; the default
// transport keeps two.
func NewTransport() http.RoundTripper {
	t := transport.New(maxConcurrent)
	t.TLSHandshakeTimeout = maxShare
	return t
}

// BuildClients returns the [secret.Build] of a cache of the API keys. The clients leave retries to
// the queue: a second request would bypass the rate limit. They read no event that is larger than
// the bus accepts, so that a batch of them fits into the function's memory.
func BuildClients(c config.Fetcher, transport http.RoundTripper) secret.Build[Clients] {
	opts := &stripeapi.Options{
		BaseURL: c.StripeAPIBase, APIVersion: c.StripeAPIVersion, MaxRetries: -1, Budget: maxShare, MaxBody: bus.DefaultMaxBytes,
		HTTPClient: &http.Client{Transport: transport},
	}
	return func(value secret.Value) (Clients, error) {
		keys, err := secret.ParseAPIKeys(value)
		if err != nil {
			return Clients{}, err
		}
		live, liveErr := newClient(keys.Live, opts)
		test, testErr := newClient(keys.Test, opts)
		return Clients{live, test}, errors.Join(liveErr, testErr)
	}
}

// newClient returns nil if there is no key.
func newClient(key stripeapi.Key, opts *stripeapi.Options) (Client, error) {
	if key == "" {
		return nil, nil
	}
	api, err := stripeapi.New(key, opts)
	if err != nil {
		return nil, err
	}
	return v2events.NewClient(api), nil
}

// meterReport reads the report of a full event of a meter type; it is nil for other types, and if
// it cannot be read. mismatch says where the event's data differs from the schema that Stripe
// publishes. Such an event is still published, with the bytes that Stripe sent.
func meterReport(event *v2events.Event) (report *v2events.MeterErrorReport, mismatch error) {
	var kind v2events.Kind[v2events.MeterErrorReport]
	switch event.Type {
	case v2events.MeterErrorReportTriggered.Type():
		kind = v2events.MeterErrorReportTriggered
	case v2events.MeterNotFound.Type():
		kind = v2events.MeterNotFound
	default:
		return nil, nil
	}
	report, err := kind.Data(event)
	if err != nil {
		return nil, err
	}
	return report, kind.Validate(event)
}
