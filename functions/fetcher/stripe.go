package fetcher

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// clients are the ways to Stripe by mode; nil where there is no key.
type clients struct{ live, test *v2events.Client }

// stripe reads events with the key of their mode.
type stripe struct{ clients keyring }

// keyring is a [secret.Cache] of clients.
type keyring interface {
	Get(context.Context) (clients, error)
	Refresh(context.Context) (clients, bool)
}

// Fetch returns the full event behind a thin one. Its errors are those of [v2events.Client.Fetch], [secret.ErrNoKey] and
// those of reading the key.
func (s stripe) Fetch(ctx context.Context, thin *v2events.ThinEvent) (*v2events.Event, error) {
	clients, err := s.clients.Get(ctx)
	if err != nil {
		return nil, err
	}
	client := clients.test
	if thin.Livemode {
		client = clients.live
	}
	if client == nil {
		return nil, secret.ErrNoKey
	}
	event, err := client.Fetch(ctx, thin)
	if errors.Is(err, stripeapi.ErrAuthentication) || errors.Is(err, stripeapi.ErrPermission) {
		s.clients.Refresh(ctx) // for the next attempt: the key may have been replaced
	}
	return event, err
}

// stripeOptions leaves retries to the queue: a second try would escape the limiter.
func stripeOptions(c config.Fetcher, transport http.RoundTripper) *stripeapi.Options {
	return &stripeapi.Options{
		BaseURL: c.StripeAPIBase, APIVersion: c.StripeAPIVersion, MaxRetries: -1, Budget: maxSlot,
		HTTPClient: &http.Client{Transport: transport},
	}
}

// newTransport keeps a connection for each request in flight; the default transport keeps two.
func newTransport() http.RoundTripper {
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true,
		MaxIdleConnsPerHost: maxConcurrent, IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: maxSlot,
	}
}

// clientBuild makes clients from the text of the key's secret.
func clientBuild(opts *stripeapi.Options) secret.Build[clients] {
	return func(current, _ string) (clients, error) {
		keys, err := secret.ParseAPIKeys(current)
		if err != nil {
			return clients{}, err
		}
		live, liveErr := newClient(keys.Live, opts)
		test, testErr := newClient(keys.Test, opts)
		return clients{live, test}, errors.Join(liveErr, testErr)
	}
}

func newClient(key stripeapi.Key, opts *stripeapi.Options) (*v2events.Client, error) {
	if key == "" {
		return nil, nil
	}
	api, err := stripeapi.New(key, opts)
	if err != nil {
		return nil, err
	}
	return v2events.NewClient(api), nil
}

// meterReport holds a full event of a meter type to the schema that is published for it, and returns what it reports.
// Events of other types report nothing.
func meterReport(event *v2events.Event) (*v2events.MeterErrorReport, error) {
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
		return nil, fmt.Errorf("%w: %w", errData, err)
	}
	return report, nil
}
