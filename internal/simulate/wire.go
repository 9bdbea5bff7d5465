package simulate

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/meterbridge/meterbridge/functions/fetcher"
	"github.com/meterbridge/meterbridge/functions/reconciler"
	"github.com/meterbridge/meterbridge/functions/webhook"
	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/pace"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/internal/telemetry"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// handlers are the handlers of the three functions; one is set.
type handlers struct {
	webhook    *webhook.Handler
	fetcher    *fetcher.Handler
	reconciler *reconciler.Handler
}

// Names of the secrets.
const (
	signingSecretID = "signing"
	apiKeyID        = "api-key"
)

// wire makes the handler of a process, as the function's main does.
func (w *world) wire(from *instance) {
	log := slog.New(slog.DiscardHandler)
	metrics := telemetry.NewMetrics(io.Discard, "bus", kindNames[from.kind], slog.LevelError, time.Now)
	events := bus.New(busClient{w, from}, "bus", &bus.Options{Delay: from.delay})
	switch from.kind {
	case webhookKind:
		c := config.Webhook{SignatureTolerance: w.settings.tolerance, PreviousSecretFor: w.settings.previousFor}
		verifiers := secret.New(secretsClient{w, from}, signingSecretID, webhook.BuildVerifier(c, time.Now, func(error) {}), nil)
		from.handler.webhook = webhook.New(webhook.Parts{Verifiers: verifiers, Bus: events, Now: time.Now, Log: log, Metrics: metrics})
		from.start = func(ctx context.Context) error {
			_, err := verifiers.Get(ctx)
			return err
		}
	case fetcherKind:
		c := config.Fetcher{StripeAPIBase: stripeapi.DefaultBaseURL, StripeAPIVersion: stripeapi.DefaultAPIVersion}
		keyring := secret.New(secretsClient{w, from}, apiKeyID, fetcher.BuildClients(c, stripeTransport{w, from}), nil)
		from.handler.fetcher = fetcher.New(fetcher.Parts{
			Keyring: inOrder{keyring, w, from}, Bus: events, Queue: fetchQueue{w, from}, DeadLetters: deadLetters{w, from}, Ledger: ledgerTable{w, from},
			Now: time.Now, Random: func() float64 { return from.random }, Log: log, Metrics: metrics, RateLimit: w.settings.rateLimit,
		})
		from.start = func(ctx context.Context) error {
			_, err := keyring.Get(ctx)
			return err
		}
	case reconcilerKind:
		c := config.Reconciler{ReconcileTypes: w.settings.types, ReconcileLookback: w.settings.lookback}
		if w.settings.account {
			c.ReconcileContexts = []string{account}
		}
		from.handler.reconciler = reconciler.New(reconciler.Parts{
			Config: c, Keyring: secret.New(secretsClient{w, from}, apiKeyID, w.buildListers(from), nil),
			Ledger: ledgerTable{w, from}, Bus: events, Now: time.Now, Log: log, Metrics: metrics,
		})
	}
}

// inOrder is a keyring that lets goroutines that have waited for the same read of a key go on in the
// order in which they came. They would go on in any order, and take their turns to ask Stripe in that.
type inOrder struct {
	fetcher.Keyring
	w    *world
	from *instance
}

// Get implements [fetcher.Keyring].
func (k inOrder) Get(ctx context.Context) (fetcher.Clients, error) {
	n, steps := k.from.waits.Add(1), k.w.schedule.steps.Load()
	clients, err := k.Keyring.Get(ctx)
	if k.w.schedule.steps.Load() == steps { // it did not wait
		return clients, err
	}
	c := &call{op: opResume, id: n, from: k.from, ctx: ctx, do: func() string { return "" }}
	if dead := k.w.schedule.await(c); dead != nil {
		return fetcher.Clients{}, dead
	}
	return clients, err
}

// delay replaces the bus's own random wait between attempts.
func (i *instance) delay(attempt int) time.Duration {
	d := 100 * time.Millisecond << (attempt - 1)
	return d - time.Duration(i.random*float64(d/2))
}

// buildListers does what [reconciler.BuildClients] does, except that a failed request is not
// retried, since the waits between retries are random.
func (w *world) buildListers(from *instance) secret.Build[[]reconciler.Client] {
	return func(value secret.Value) ([]reconciler.Client, error) {
		keys, err := secret.ParseAPIKeys(value)
		if err != nil {
			return nil, err
		}
		transport := pace.Transport(stripeTransport{w, from}, w.settings.listLimit)
		var clients []reconciler.Client
		for _, c := range []struct {
			mode reconciler.Mode
			key  stripeapi.Key
		}{{reconciler.Live, keys.Live}, {reconciler.Test, keys.Test}} {
			if c.key == "" || c.mode == reconciler.Live && w.settings.modes == 1 {
				continue
			}
			source, err := v2events.New(c.key, &stripeapi.Options{HTTPClient: httpClient(transport), MaxRetries: -1})
			if err != nil {
				return nil, err
			}
			clients = append(clients, reconciler.Client{Mode: c.mode, Source: source})
		}
		return clients, nil
	}
}
