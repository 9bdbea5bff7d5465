// Package testbed runs the product in tests against emulated AWS services and an emulated Stripe.
//
// [New] returns a [Bed], whose AWS field configures the real SDK. Its calls are answered in
// process, without a network and without goroutines, so that a bed also works in a testing/synctest
// bubble. A test makes calls fail with [Bed.Fail], entries of the bus with [Bed.Refuse], and reads
// what arrived with [Bed.Events], [Bed.Letters] and [Bed.Output].
package testbed

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
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
	"github.com/meterbridge/meterbridge/internal/telemetry"
)

// The names of the resources of a bed.
const (
	BusName       = "meterbridge"
	LedgerName    = "ledger"
	APIKey        = "api-key"        // a secret
	SigningSecret = "signing-secret" // a secret
)

// Start is the time on a bed's clock at first.
var Start = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// Options adjusts a [Bed]. The zero value, like a nil pointer, is the default.
type Options struct {
	// Now is the clock; nil means a clock that stands still at [Start] until it is set.
	Now func() time.Time

	// Tick is added to the clock each time it is read, so that everything takes some time. It has
	// no effect with Now.
	Tick time.Duration
}

// A Bed is one emulated AWS account and Stripe. It is safe for concurrent use.
type Bed struct {
	AWS    aws.Config        // one attempt for each call
	Stripe *stripe.Sandbox   // which sees every key with Stripe's syntax
	HTTP   http.RoundTripper // to Stripe, whatever the host; it keeps [Bed.Requests]

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

// A refusal makes entries fail with a code, as often as left says; below zero is for good.
type refusal struct {
	code  string
	match func(eventbridge.Entry) bool
	left  int
}

// New returns a bed with empty queues, an empty ledger, a bus that accepts everything, and secrets
// without a value.
func New(t testing.TB, opts *Options) *Bed {
	t.Helper()
	b := &Bed{now: Start, calls: map[string][]json.RawMessage{}, failures: map[string]*awsjson.Error{}}
	if opts != nil {
		b.opts = *opts
	}
	buses, queues, tables := eventbridge.New(nil, nil), sqs.New(nil, nil), dynamodb.New()
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

// PutSecret makes value the current value of a secret and the one before it the previous value.
func (b *Bed) PutSecret(t testing.TB, name, value string) {
	t.Helper()
	if err := b.secrets.Put(name, value); err != nil {
		t.Fatal(err)
	}
}

// Fail makes all calls of an operation such as "SendMessage", or of a service such as "sqs", fail;
// a nil error ends that.
func (b *Bed) Fail(operationOrService string, err *awsjson.Error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures[operationOrService] = err
}

// Intercept wraps the handling of each call that [Bed.Fail] lets through; nil ends that.
func (b *Bed) Intercept(wrap func(awsjson.Call, http.Handler) http.Handler) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.intercept = wrap
}

func (b *Bed) interceptCall(c awsjson.Call, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		input, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(input))
		b.mu.Lock()
		b.calls[c.Operation] = append(b.calls[c.Operation], input)
		failure, wrap := b.failures[c.Operation], b.intercept
		if failure == nil {
			failure = b.failures[c.Service]
		}
		b.mu.Unlock()
		switch {
		case failure != nil:
			c.Fail(w, failure)
		case wrap != nil:
			wrap(c, next).ServeHTTP(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// Calls decodes the inputs of all calls of an operation so far, failed ones included.
func Calls[In any](t testing.TB, b *Bed, operation string) []In {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	var inputs []In
	for _, raw := range b.calls[operation] {
		var in In
		if err := json.Unmarshal(raw, &in); err != nil {
			t.Fatalf("input of %s: %v", operation, err)
		}
		inputs = append(inputs, in)
	}
	return inputs
}

// SecretReads returns how often the current value of a secret was read.
func (b *Bed) SecretReads(t testing.TB) int {
	t.Helper()
	reads := 0
	for _, in := range Calls[struct{ VersionStage string }](t, b, "GetSecretValue") {
		if in.VersionStage == "AWSCURRENT" {
			reads++
		}
	}
	return reads
}

// Refuse makes every entry that match selects fail with a code, until [Bed.Accept].
func (b *Bed) Refuse(code string, match func(eventbridge.Entry) bool) { b.refuse(code, match, -1) }

// RefuseNext makes the next entry that match selects, and no refusal before it, fail with a code.
func (b *Bed) RefuseNext(code string, match func(eventbridge.Entry) bool) { b.refuse(code, match, 1) }

func (b *Bed) refuse(code string, match func(eventbridge.Entry) bool, times int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refusals = append(b.refusals, refusal{code, match, times})
}

// Accept ends all refusals.
func (b *Bed) Accept() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refusals = nil
}

// Any selects every entry for [Bed.Refuse].
func Any(eventbridge.Entry) bool { return true }

// EventID selects entries for [Bed.Refuse] by the id in their detail.
func EventID(id string) func(eventbridge.Entry) bool {
	return func(e eventbridge.Entry) bool { return IDOf(e) == id }
}

// DetailType selects entries for [Bed.Refuse] by their type.
func DetailType(detailType string) func(eventbridge.Entry) bool {
	return func(e eventbridge.Entry) bool { return e.DetailType == detailType }
}

// Source selects entries for [Bed.Refuse] by their source.
func Source(source string) func(eventbridge.Entry) bool {
	return func(e eventbridge.Entry) bool { return e.Source == source }
}

// IDOf returns the id in an entry's detail, or "".
func IDOf(e eventbridge.Entry) string {
	var detail struct{ ID string }
	_ = json.Unmarshal(e.Detail, &detail)
	return detail.ID
}

func (b *Bed) accept(e eventbridge.Entry) *awsjson.Error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.refusals {
		if r := &b.refusals[i]; r.left != 0 && r.match(e) {
			r.left--
			return &awsjson.Error{Code: r.code, Message: "refused by the test"}
		}
	}
	b.events = append(b.events, e)
	return nil
}

// Events returns what is on the bus, in order.
func (b *Bed) Events() []eventbridge.Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.events)
}

// TakeIDs removes all events from the bus and returns their ids, sorted.
func (b *Bed) TakeIDs() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	ids := []string{}
	for _, e := range b.events {
		ids = append(ids, IDOf(e))
	}
	b.events = nil
	slices.Sort(ids)
	return ids
}

// A Letter is a message with the texts of its attributes.
type Letter struct {
	Body       string
	Attributes map[string]string
}

// Letters returns the messages that have been sent to the queue of dead letters, in order.
func (b *Bed) Letters(t testing.TB) []Letter {
	t.Helper()
	var letters []Letter
	for _, in := range Calls[struct {
		QueueUrl, MessageBody string
		MessageAttributes     map[string]struct{ StringValue string }
	}](t, b, "SendMessage") {
		if in.QueueUrl != b.DeadLetters.Config().URL {
			continue
		}
		letter := Letter{in.MessageBody, map[string]string{}}
		for name, value := range in.MessageAttributes {
			letter.Attributes[name] = value.StringValue
		}
		letters = append(letters, letter)
	}
	return letters
}

// A Request is a request to Stripe.
type Request struct {
	Path, Key, Context, Version, Trigger string
	FirstType                            string // of those in the query
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

// Env returns the environment of a function of the bed's stack, which reaches Stripe through a
// server on loopback, with changes.
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

// Log returns a logger that writes to the bed's output.
func (b *Bed) Log() *slog.Logger { return telemetry.NewLogger((*output)(b), slog.LevelInfo) }

// Metrics returns metrics of a function that are written to the bed's output.
func (b *Bed) Metrics(service string) *telemetry.Metrics {
	return telemetry.NewMetrics((*output)(b), BusName, service, slog.LevelInfo, b.Now)
}

// output is a bed as the writer of its output.
type output Bed

// Write implements [io.Writer].
func (o *output) Write(line []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.out.Write(line)
}

// Out is where [Bed.Log] and [Bed.Metrics] write.
func (b *Bed) Out() io.Writer { return (*output)(b) }

// Lines are decoded lines of JSON.
type Lines []map[string]any

// Output returns the log lines and the lines of metrics since the last call. It fails the test if
// they, or the reports of failures on the bus, contain "marker_", which a test puts into its keys
// and bodies, or a part of a signature or signing secret.
func (b *Bed) Output(t testing.TB) (logs, metrics Lines) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	shown := b.out.String()
	for _, e := range b.events {
		if e.Source == "stripe.failure" {
			shown += string(e.Detail)
		}
	}
	for _, secret := range []string{"marker_", "whsec", "v1=", "t=17"} {
		if strings.Contains(shown, secret) {
			t.Errorf("the output contains %q:\n%s", secret, shown)
		}
	}
	for line := range strings.Lines(b.out.String()) {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		if object["_aws"] == nil {
			logs = append(logs, object)
		} else {
			metrics = append(metrics, object)
		}
	}
	b.out.Reset()
	return logs, metrics
}

// Sum returns the sum of a metric, for one reason unless that is "".
func (l Lines) Sum(metric, reason string) float64 {
	sum := 0.0
	for _, line := range l {
		if n, ok := line[metric].(float64); ok && (reason == "" || line["Reason"] == reason) {
			sum += n
		}
	}
	return sum
}
