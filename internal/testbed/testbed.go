// Package testbed runs the product in tests against emulated AWS services and an emulated Stripe.
//
// [New] returns a [Bed], whose AWS field configures the real SDK. Its calls are answered in
// process, without a network and without goroutines, so that a bed also works in a testing/synctest
// bubble. A test makes calls fail with [Bed.Fail] and entries of the bus with [Bed.Refuse], and
// reads the results with [Bed.Events], [Bed.Letters] and [Bed.Output].
package testbed

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/dynamodb"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/secretsmanager"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
)

// The names of the resources of a bed.
const (
	BusName       = "meterbridge"
	LedgerName    = "ledger"
	APIKey        = "api-key"        // a secret
	SigningSecret = "signing-secret" // a secret
)

// Start is the initial time on a bed's clock.
var Start = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// Options configures a [Bed]. The zero value, like a nil pointer, is the default.
type Options struct {
	// Now is the clock; nil means a clock that stands still at [Start] until it is set.
	Now func() time.Time
	// Tick is added to the clock, unless it is Now, each time it is read.
	Tick time.Duration
}

// A Bed is one emulated AWS account and Stripe. It is safe for concurrent use.
type Bed struct {
	AWS    aws.Config        // one attempt for each call
	Stripe *stripe.Sandbox   // it accepts every key with Stripe's syntax
	HTTP   http.RoundTripper // sends requests for any host to Stripe, and records [Bed.Requests]

	Queue, DeadLetters, RuleDeadLetters *sqs.Queue
	Ledger                              *dynamodb.Table

	secrets *secretsmanager.Service
	opts    Options

	mu        sync.Mutex
	now       time.Time
	out       bytes.Buffer
	events    []eventbridge.Entry
	requests  []Request
	calls     map[string][]json.RawMessage // inputs, by operation
	failures  map[string]*awsjson.Error    // by operation or service
	refusals  []refusal
	intercept func(awsjson.Call, http.Handler) http.Handler
	stripe    http.Handler
}

// New returns a bed with empty queues and ledger, a bus that accepts everything, and bare secrets.
func New(t testing.TB, opts *Options) *Bed {
	t.Helper()
	b := &Bed{now: Start, calls: map[string][]json.RawMessage{}, failures: map[string]*awsjson.Error{}}
	if opts != nil {
		b.opts = *opts
	}
	buses, queues, tables := eventbridge.New(nil, nil), sqs.New(nil, nil), dynamodb.New(nil)
	buses.AddBus(eventbridge.BusConfig{Name: BusName, Accept: b.accept})
	for name, q := range map[string]**sqs.Queue{"fetch": &b.Queue, "dead": &b.DeadLetters, "rule-dead": &b.RuleDeadLetters} {
		*q = queues.AddQueue(sqs.Config{Name: name, Retention: 14 * 24 * time.Hour})
	}
	var err error
	if b.Ledger, err = tables.AddTable(dynamodb.Config{Name: LedgerName, Hash: dynamodb.Key{Name: "id", Type: dynamodb.String}}); err != nil {
		t.Fatal(err)
	}
	b.secrets = secretsmanager.New(b.Now)
	for _, name := range []string{APIKey, SigningSecret} {
		if err := b.secrets.AddSecret(name, "arn:aws:secretsmanager:us-east-1:000000000000:secret:"+name+"-AbCdEf"); err != nil {
			t.Fatal(err)
		}
	}
	b.AWS = InProcess(awsjson.New(&awsjson.Options{Intercept: b.interceptCall},
		buses.Operations(), queues.Operations(), tables.Operations(), b.secrets.Operations()))
	b.Stripe = stripe.New(&stripe.Options{Now: b.Now})
	b.stripe, b.HTTP = b.Stripe, inProcess{http.HandlerFunc(b.answer)}
	return b
}

// Now returns the time on the bed's clock.
func (b *Bed) Now() time.Time {
	if b.opts.Now != nil {
		return b.opts.Now()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(b.opts.Tick)
	return b.now
}

// SetNow sets the bed's clock.
func (b *Bed) SetNow(to time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = to
}

// PutSecret makes value the current value of a secret; the value before becomes the previous one.
func (b *Bed) PutSecret(t testing.TB, name, value string) {
	t.Helper()
	if err := b.secrets.Put(name, value); err != nil {
		t.Fatal(err)
	}
}

// A Request is a request to Stripe.
type Request struct {
	Path, Key, Context, Version, Trigger string
	FirstType                            string // from the query
}

// Answer makes handler answer the requests to Stripe in place of the sandbox.
func (b *Bed) Answer(handler http.HandlerFunc) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stripe = handler
}

func (b *Bed) answer(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	b.requests = append(b.requests, Request{
		r.URL.EscapedPath(), strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), r.Header.Get("Stripe-Context"),
		r.Header.Get("Stripe-Version"), r.Header.Get("Stripe-Request-Trigger"), r.URL.Query().Get("types[0]"),
	})
	handler := b.stripe
	b.mu.Unlock()
	handler.ServeHTTP(w, r)
}

// Requests returns the requests to Stripe so far.
func (b *Bed) Requests() []Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.requests)
}

// Env returns a function's environment with changes, with a server on loopback as Stripe.
func (b *Bed) Env(t testing.TB, changes map[string]string) config.Lookup {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(b.answer))
	t.Cleanup(server.Close)
	env := map[string]string{
		config.EventBusName: BusName, config.LedgerTable: LedgerName, config.SigningSecretID: SigningSecret, config.APIKeySecretID: APIKey,
		config.FetchQueueURL: b.Queue.Config().URL, config.DeadLetterQueueURL: b.DeadLetters.Config().URL,
		config.StripeAPIBase: server.URL, config.StripeRateLimit: "0", config.ReconcileTypes: "t",
	}
	maps.Copy(env, changes)
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
}
