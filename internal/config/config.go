// Package config reads the environment of a function into one typed value.
//
// [LoadWebhook], [LoadFetcher] and [LoadReconciler] report all faults together, so that one
// deployment can fix them. The environment contains only names and addresses: the signing secret
// and the API key stay in Secrets Manager, and the environment has their ids.
package config

import (
	"log/slog"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// The names of the environment variables. The template sets each of them for the functions that
// read it.
const (
	EventBusName        = "EVENT_BUS_NAME"
	SigningSecretID     = "SIGNING_SECRET_ID"
	APIKeySecretID      = "API_KEY_SECRET_ID"
	FetchQueueURL       = "FETCH_QUEUE_URL"
	DeadLetterQueueURL  = "DEAD_LETTER_QUEUE_URL"
	LedgerTable         = "LEDGER_TABLE"
	StripeAPIBase       = "STRIPE_API_BASE"
	StripeAPIVersion    = "STRIPE_API_VERSION"
	StripeRateLimit     = "STRIPE_RATE_LIMIT"
	SignatureTolerance  = "SIGNATURE_TOLERANCE"
	PreviousSecretHours = "PREVIOUS_SECRET_HOURS"
	ReconcileTypes      = "RECONCILE_TYPES"
	ReconcileLookback   = "RECONCILE_LOOKBACK"
	ReconcileContexts   = "RECONCILE_CONTEXTS"
	LogLevel            = "LOG_LEVEL"
)

// The values for variables that are absent or empty. Stripe's own defaults are in [stripeapi] and
// [stripesig].
const (
	// DefaultStripeRateLimit is in requests a second of one fetcher. Stripe allows about 25 a second
	// for one endpoint, and in a sandbox in total (https://docs.stripe.com/rate-limits). The template
	// runs at most two fetchers beside the reconciler.
	DefaultStripeRateLimit = 10

	// DefaultReconcileRateLimit is what two fetchers leave of that.
	DefaultReconcileRateLimit = 4

	// DefaultPreviousSecretFor is the longest time for which Stripe also signs with the old secret
	// after a secret is rolled (https://docs.stripe.com/webhooks/signature).
	DefaultPreviousSecretFor = 24 * time.Hour

	// MaxPreviousSecretFor is the longest time for which a replaced secret can stay valid.
	MaxPreviousSecretFor = 7 * 24 * time.Hour

	// DefaultReconcileLookback is how long Stripe tries to deliver an event.
	DefaultReconcileLookback = 72 * time.Hour
)

// Lookup returns the value of an environment variable and whether it is set, as [os.LookupEnv]
// does.
type Lookup func(name string) (value string, set bool)

// Webhook is the configuration of functions/webhook.
type Webhook struct {
	EventBusName       string        // EVENT_BUS_NAME, required
	SigningSecretID    string        // SIGNING_SECRET_ID, required: name or ARN
	SignatureTolerance time.Duration // SIGNATURE_TOLERANCE, above zero
	PreviousSecretFor  time.Duration // PREVIOUS_SECRET_HOURS: how long the previous secret stays valid; 0 means not at all
	LogLevel           slog.Level    // LOG_LEVEL; INFO if absent
}

// LoadWebhook reads the webhook's configuration. The error names every variable that is missing or
// unusable and says what it should be, but never shows its value. With an error, the fields without
// a fault are still set.
func LoadWebhook(lookup Lookup) (Webhook, error) {
	r := reader{lookup: lookup}
	c := Webhook{
		EventBusName:       r.required(EventBusName, "the name or ARN of the event bus"),
		SigningSecretID:    r.required(SigningSecretID, "the name or ARN of the secret that holds Stripe's signing secret"),
		SignatureTolerance: r.duration(SignatureTolerance, stripesig.DefaultTolerance),
		PreviousSecretFor:  r.hours(PreviousSecretHours, DefaultPreviousSecretFor, MaxPreviousSecretFor),
		LogLevel:           r.level(LogLevel),
	}
	return c, r.err()
}

const wantLedger = "the name or ARN of the ledger's DynamoDB table"

// Fetcher is the configuration of functions/fetcher.
type Fetcher struct {
	EventBusName       string     // EVENT_BUS_NAME, required
	APIKeySecretID     string     // API_KEY_SECRET_ID, required: name or ARN
	FetchQueueURL      string     // FETCH_QUEUE_URL, required
	DeadLetterQueueURL string     // DEAD_LETTER_QUEUE_URL, required
	LedgerTable        string     // LEDGER_TABLE, required: name or ARN
	StripeAPIBase      string     // STRIPE_API_BASE: an origin, https except on loopback
	StripeAPIVersion   string     // STRIPE_API_VERSION
	StripeRateLimit    float64    // STRIPE_RATE_LIMIT, requests a second by one instance; 0 means no limit
	LogLevel           slog.Level // LOG_LEVEL; INFO if absent
}

// LoadFetcher reads the fetcher's configuration, with errors like those of [LoadWebhook].
func LoadFetcher(lookup Lookup) (Fetcher, error) {
	r := reader{lookup: lookup}
	c := Fetcher{
		EventBusName:       r.required(EventBusName, "the name or ARN of the event bus"),
		APIKeySecretID:     r.required(APIKeySecretID, "the name or ARN of the secret that holds the Stripe API key"),
		FetchQueueURL:      r.url(FetchQueueURL, "the URL of the queue that feeds the fetcher"),
		DeadLetterQueueURL: r.url(DeadLetterQueueURL, "the URL of the queue for events that are given up"),
		LedgerTable:        r.required(LedgerTable, wantLedger),
		StripeAPIBase:      r.origin(StripeAPIBase, stripeapi.DefaultBaseURL),
		StripeAPIVersion:   r.version(StripeAPIVersion, stripeapi.DefaultAPIVersion),
		StripeRateLimit:    r.rate(StripeRateLimit, DefaultStripeRateLimit),
		LogLevel:           r.level(LogLevel),
	}
	return c, r.err()
}

// Reconciler is the configuration of functions/reconciler.
type Reconciler struct {
	EventBusName      string        // EVENT_BUS_NAME, required
	APIKeySecretID    string        // API_KEY_SECRET_ID, required: name or ARN
	LedgerTable       string        // LEDGER_TABLE, required: name or ARN
	ReconcileTypes    []string      // RECONCILE_TYPES, required: event types to look for, separated by commas
	ReconcileContexts []string      // RECONCILE_CONTEXTS: accounts to compare besides the key's own; none if absent
	ReconcileLookback time.Duration // RECONCILE_LOOKBACK of a first run, at most v2events.Retention
	StripeAPIBase     string        // STRIPE_API_BASE: an origin, https except on loopback
	StripeAPIVersion  string        // STRIPE_API_VERSION
	StripeRateLimit   float64       // STRIPE_RATE_LIMIT, requests a second; 0 means no limit
	LogLevel          slog.Level    // LOG_LEVEL; INFO if absent
}

// LoadReconciler reads the reconciler's configuration, with errors like those of [LoadWebhook].
func LoadReconciler(lookup Lookup) (Reconciler, error) {
	r := reader{lookup: lookup}
	c := Reconciler{
		EventBusName:      r.required(EventBusName, "the name or ARN of the event bus"),
		APIKeySecretID:    r.required(APIKeySecretID, "the name or ARN of the secret that holds the Stripe API key"),
		LedgerTable:       r.required(LedgerTable, wantLedger),
		ReconcileTypes:    r.list(ReconcileTypes),
		ReconcileContexts: r.list(ReconcileContexts),
		ReconcileLookback: r.lookback(ReconcileLookback),
		StripeAPIBase:     r.origin(StripeAPIBase, stripeapi.DefaultBaseURL),
		StripeAPIVersion:  r.version(StripeAPIVersion, stripeapi.DefaultAPIVersion),
		StripeRateLimit:   r.rate(StripeRateLimit, DefaultReconcileRateLimit),
		LogLevel:          r.level(LogLevel),
	}
	switch {
	case len(c.ReconcileTypes) == 0:
		r.fault(ReconcileTypes, "missing", "event types, separated by commas")
	case strings.Contains(strings.Join(c.ReconcileTypes, ","), "*"): // FetchRule, which has the same types, would match nothing
		r.fault(ReconcileTypes, "unusable", "event types in full, without wildcards: parameter FetchedTypes has them")
	}
	return c, r.err()
}
