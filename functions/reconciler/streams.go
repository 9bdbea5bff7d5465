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
	"github.com/meterbridge/meterbridge/internal/pace"
	"github.com/meterbridge/meterbridge/internal/reconcile"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// hasNoOwnAccount reports whether a stream failed because its key does not belong to an account:
// with an organization's key each request must name an account, and Stripe refuses a request that
// names none. Stripe refuses unknown types too, so the same types must have been listed for a
// configured account. https://docs.stripe.com/keys/organization-api-keys
func hasNoOwnAccount(streams []stream, results []result, i int) bool {
	s := streams[i]
	if s.context != "" || !errors.Is(results[i].err, stripeapi.ErrInvalid) {
		return false
	}
	for n, other := range streams {
		if other.client == s.client && other.context != "" && slices.Equal(other.types, s.types) && results[n].err == nil {
			return true
		}
	}
	return false
}

// A stream is the events of one key, one account and as many types as one list request may name.
// Each stream has its own checkpoint.
type stream struct {
	client  int // which of the keys
	mode    Mode
	context string // "" for the key's own account
	types   []string
	source  reconcile.Source
}

// String names the stream in errors.
func (s stream) String() string {
	return fmt.Sprintf("events of mode %s in context %q", s.mode, s.context)
}

// name returns the name of the stream's checkpoint. The types are part of it, so that the first run
// after a type is added looks back as far as a first run.
func (s stream) name() string {
	sum := sha256.Sum256([]byte(strings.Join(s.types, ",")))
	return fmt.Sprintf("%s#%s#%s", s.mode, hex.EncodeToString(sum[:8]), s.context)
}

// A Mode is one of Stripe's two environments.
type Mode string

// The modes of an API key.
const (
	Live    Mode = "live"
	Test    Mode = "test"
	Unknown Mode = "unknown" // the key's text does not show its mode
)

// modeOf reads a key's prefix, such as sk_live_ or rk_test_. https://docs.stripe.com/keys
func modeOf(key stripeapi.Key) Mode {
	for word := range strings.SplitSeq(string(key), "_") {
		if m := Mode(word); m == Live || m == Test {
			return m
		}
	}
	return Unknown
}

// A Client lists the events of one API key's mode.
type Client struct {
	Mode   Mode
	Source reconcile.Source

	// Organization means that the key is an organization's, which does not belong to an account.
	Organization bool
}

// Keyring supplies a client for each of the current API keys; a [secret.Cache] made with
// [BuildClients] implements it.
type Keyring interface {
	Get(context.Context) ([]Client, error)
	Refresh(context.Context) ([]Client, bool)
}

// streams returns the streams to compare: for every key, those of the account it belongs to, if
// any, and of every configured account. Stripe lists only events of the key's mode, so both modes
// are compared if the secret has a key for each.
func (h *Handler) streams(ctx context.Context) ([]stream, error) {
	clients, err := h.parts.Keyring.Get(ctx)
	if err != nil {
		return nil, err
	}
	types := slices.Sorted(slices.Values(h.parts.Config.ReconcileTypes))
	var streams []stream
	for i, c := range clients {
		contexts := h.parts.Config.ReconcileContexts
		if !c.Organization || len(contexts) == 0 { // without an account, Stripe's answer is the error to report
			contexts = append([]string{""}, contexts...)
		}
		for _, account := range contexts {
			for chunk := range slices.Chunk(types, reconcile.MaxTypes) {
				streams = append(streams, stream{i, c.Mode, account, chunk, c.Source})
			}
		}
	}
	return streams, nil
}

// BuildClients returns the [secret.Build] of a cache of the API keys. All clients share one rate
// limit.
func BuildClients(c config.Reconciler, transport http.RoundTripper) secret.Build[[]Client] {
	opts := &stripeapi.Options{
		BaseURL: c.StripeAPIBase, APIVersion: c.StripeAPIVersion,
		HTTPClient: &http.Client{Transport: pace.Transport(transport, c.StripeRateLimit)},
	}
	return func(value secret.Value) ([]Client, error) {
		keys, err := secret.ParseAPIKeys(value)
		if err != nil {
			return nil, err
		}
		return newClients(keys, opts)
	}
}

// newClients returns a client for each key, and only one if a plain key serves both modes.
func newClients(keys secret.APIKeys, opts *stripeapi.Options) ([]Client, error) {
	var clients []Client
	var faults []error
	add := func(m Mode, key stripeapi.Key) {
		api, err := stripeapi.New(key, opts)
		if err != nil {
			faults = append(faults, err)
			return
		}
		clients = append(clients, Client{m, v2events.NewClient(api), secret.IsOrganization(key)})
	}
	switch {
	case keys.Live == keys.Test:
		add(modeOf(keys.Live), keys.Live)
	default:
		if keys.Live != "" {
			add(Live, keys.Live)
		}
		if keys.Test != "" {
			add(Test, keys.Test)
		}
	}
	return clients, errors.Join(faults...)
}
