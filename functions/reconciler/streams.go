package reconciler

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/reconcile"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// A stream is a list of Stripe's that is compared by itself: one key, one account, and as many types as a list may ask for.
type stream struct {
	mode    mode
	context string // "" for the key's own account
	types   []string
	source  reconcile.Source
}

// String names the stream for people.
func (s stream) String() string {
	return fmt.Sprintf("events of mode %s in context %q", s.mode, s.context)
}

// name names the stream's checkpoint. The types are part of it, so that one that is added is looked for as in a first run.
func (s stream) name() string {
	sum := sha256.Sum256([]byte(strings.Join(s.types, ",")))
	return fmt.Sprintf("%s#%s#%s", s.mode, hex.EncodeToString(sum[:8]), s.context)
}

// A mode says which of Stripe's two worlds a key opens.
type mode string

const (
	live    mode = "live"
	test    mode = "test"
	unknown mode = "unknown" // a key that does not show it
)

// modeOf reads a key's prefix, such as sk_live_ or rk_test_. https://docs.stripe.com/keys
func modeOf(key stripeapi.Key) mode {
	for word := range strings.SplitSeq(string(key), "_") {
		if m := mode(word); m == live || m == test {
			return m
		}
	}
	return unknown
}

// client is the way to Stripe with one key.
type client struct {
	mode   mode
	source reconcile.Source
}

// keyring is a [secret.Cache] of clients.
type keyring interface {
	Get(context.Context) ([]client, error)
	Refresh(context.Context) ([]client, bool)
}

// streams returns what there is to compare: for every key the key's own account and every account of the configuration.
// Stripe lists the events of the key's mode, so that a secret with a live and a test key has both compared.
func (r *reconciler) streams(ctx context.Context) ([]stream, error) {
	clients, err := r.keys.Get(ctx)
	if err != nil {
		return nil, err
	}
	types := slices.Sorted(slices.Values(r.config.ReconcileTypes))
	contexts := append([]string{""}, r.config.ReconcileContexts...)
	var streams []stream
	for _, c := range clients {
		for _, account := range contexts {
			for chunk := range slices.Chunk(types, reconcile.MaxTypes) {
				streams = append(streams, stream{c.mode, account, chunk, c.source})
			}
		}
	}
	return streams, nil
}

// clientBuild makes clients, whose requests are paced together, from the text of the key's secret.
func clientBuild(c config.Reconciler, transport http.RoundTripper) secret.Build[[]client] {
	opts := &stripeapi.Options{
		BaseURL: c.StripeAPIBase, APIVersion: c.StripeAPIVersion,
		HTTPClient: &http.Client{Transport: reconcile.Paced(transport, c.StripeRateLimit)},
	}
	return func(current, _ string) ([]client, error) {
		keys, err := secret.ParseAPIKeys(current)
		if err != nil {
			return nil, err
		}
		return newClients(keys, opts)
	}
}

// newClients makes one client for each key, and only one if a plain key serves both modes.
func newClients(keys secret.APIKeys, opts *stripeapi.Options) ([]client, error) {
	var clients []client
	var faults []error
	add := func(m mode, key stripeapi.Key) {
		api, err := stripeapi.New(key, opts)
		if err != nil {
			faults = append(faults, err)
			return
		}
		clients = append(clients, client{m, v2events.NewClient(api)})
	}
	switch {
	case keys.Live == keys.Test:
		add(modeOf(keys.Live), keys.Live)
	default:
		if keys.Live != "" {
			add(live, keys.Live)
		}
		if keys.Test != "" {
			add(test, keys.Test)
		}
	}
	return clients, errors.Join(faults...)
}
