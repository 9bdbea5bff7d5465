package connect_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/internal/connect"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// A world is a stack and a Stripe. Its time passes only while somebody sleeps.
type world struct {
	*testing.T
	stripe *stripe.Server
	url    string // of the webhook

	mu       sync.Mutex
	now      time.Time
	versions []connect.Version // of the secret, newest last
	current  int               // index in versions; -1 if there is none
	previous int
	arrived  map[string]bool // events that the webhook has accepted
}

var start = time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, now: start, current: -1, previous: -1, arrived: map[string]bool{}}
	webhook := httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(webhook.Close)
	w.url = webhook.URL + "/webhook"
	server, err := stripe.Start(&stripe.Options{Now: w.time})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	w.stripe = server
	return w
}

func (w *world) time() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) sleep(ctx context.Context, d time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
	return ctx.Err()
}

// serve is the webhook: it accepts the current secrets, but not the previous ones, so that the tests
// see which secret is current.
func (w *world) serve(out http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.current < 0 {
		out.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	signing, err := secret.SigningSecrets(secret.Value{ID: "secret", Current: w.versions[w.current].Value})
	if err != nil {
		w.Errorf("the stack has an unusable secret: %v", err)
	}
	verifier, err := stripesig.NewVerifier(signing.Current, &stripesig.Options{Now: func() time.Time { return w.now }})
	if err != nil {
		w.Error(err)
		return
	}
	thin, err := v2events.ParseDelivery(body, r.Header.Get(stripesig.Header), verifier)
	if err != nil {
		out.WriteHeader(http.StatusBadRequest)
		return
	}
	w.arrived[thin.ID] = true
}

// Look implements [connect.Ledger].
func (w *world) Look(_ context.Context, event ledger.Event) (ledger.Record, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.arrived[event.ID] {
		return ledger.Record{Phase: ledger.Emitted}, nil
	}
	return ledger.Record{}, nil
}

// store is the secret of a world.
type store struct{ *world }

func (s store) Current(context.Context) (connect.Version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current < 0 {
		return connect.Version{}, nil
	}
	return s.versions[s.current], nil
}

func (s store) Previous(context.Context) (connect.Version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.previous < 0 {
		return connect.Version{}, nil
	}
	return s.versions[s.previous], nil
}

func (s store) Version(_ context.Context, id string) (connect.Version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.index(id) < 0 {
		return connect.Version{}, nil
	}
	return s.versions[s.index(id)], nil
}

func (s store) index(id string) int {
	return slices.IndexFunc(s.versions, func(v connect.Version) bool { return v.ID == id })
}

func (s store) Put(_ context.Context, id, value string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(id) < 32 || len(id) > 64 {
		return fmt.Errorf("the id %s has %d characters", id, len(id))
	}
	if s.index(id) >= 0 {
		return fmt.Errorf("the id %s is taken", id)
	}
	s.versions = append(s.versions, connect.Version{ID: id, Value: value, Created: s.now})
	s.previous, s.current = s.current, len(s.versions)-1
	return nil
}

func (s store) Promote(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.index(id) < 0 {
		return errors.New("no such version")
	}
	if s.current != s.index(id) {
		s.previous, s.current = s.current, s.index(id)
	}
	return nil
}

// client is Stripe's client with a key of the world.
func (w *world) client(key string) *v2events.Destinations {
	api, err := stripeapi.New(stripeapi.Key(key), &stripeapi.Options{BaseURL: w.stripe.Origin, MaxRetries: -1})
	if err != nil {
		w.Fatal(err)
	}
	return v2events.NewClient(api).Destinations()
}

// parts are the parts of a run, which call before ahead of each call and after behind it.
type parts struct {
	world         *world
	destinations  *v2events.Destinations
	secret        connect.Secret
	ledger        connect.Ledger
	before, after func()
}

func (w *world) parts(before, after func()) *parts {
	return &parts{world: w, destinations: w.client(w.stripe.Keys.Test), secret: store{w}, ledger: w, before: before, after: after}
}

func (p *parts) connector(change func(*connect.Options)) *connect.Connector {
	return connect.New(p, (*secretCalls)(p), (*ledgerCalls)(p), p.options(change))
}

func (p *parts) options(change func(*connect.Options)) connect.Options {
	opts := connect.Options{
		Stack: "arn:aws:cloudformation:stack/meterbridge", URL: p.world.url, Mode: "test", Name: "meterbridge",
		Types:    []string{"v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found"},
		Provable: true, Now: p.world.time, Sleep: p.world.sleep,
	}
	if change != nil {
		change(&opts)
	}
	return opts
}

// connector returns one whose calls nobody interrupts.
func (w *world) connector(change func(*connect.Options)) *connect.Connector {
	nothing := func() {}
	return w.parts(nothing, nothing).connector(change)
}

// call makes a call between before and after.
func call[T any](p *parts, do func() (T, error)) (T, error) {
	p.before()
	result, err := do()
	p.after()
	return result, err
}

func (p *parts) List(ctx context.Context, params v2events.DestinationListParams) iter.Seq2[*v2events.Destination, error] {
	p.before()
	all, err := collect(p.destinations.List(ctx, params))
	p.after()
	return func(yield func(*v2events.Destination, error) bool) {
		for _, d := range all {
			if !yield(d, nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

func collect[T any](seq iter.Seq2[T, error]) (all []T, err error) {
	for v, err := range seq {
		if err != nil {
			return all, err
		}
		all = append(all, v)
	}
	return all, nil
}

func (p *parts) Create(ctx context.Context, params v2events.DestinationCreateParams) (*v2events.Destination, error) {
	return call(p, func() (*v2events.Destination, error) { return p.destinations.Create(ctx, params) })
}

func (p *parts) Update(ctx context.Context, id string, params v2events.DestinationUpdateParams) (*v2events.Destination, error) {
	return call(p, func() (*v2events.Destination, error) { return p.destinations.Update(ctx, id, params) })
}

func (p *parts) Enable(ctx context.Context, id string) (*v2events.Destination, error) {
	return call(p, func() (*v2events.Destination, error) { return p.destinations.Enable(ctx, id) })
}

func (p *parts) Delete(ctx context.Context, id string) error {
	_, err := call(p, func() (struct{}, error) { return struct{}{}, p.destinations.Delete(ctx, id) })
	return err
}

func (p *parts) Ping(ctx context.Context, id string) (*v2events.Event, error) {
	return call(p, func() (*v2events.Event, error) { return p.destinations.Ping(ctx, id) })
}

type secretCalls parts

func (s *secretCalls) Current(ctx context.Context) (connect.Version, error) {
	return call((*parts)(s), func() (connect.Version, error) { return s.secret.Current(ctx) })
}

func (s *secretCalls) Previous(ctx context.Context) (connect.Version, error) {
	return call((*parts)(s), func() (connect.Version, error) { return s.secret.Previous(ctx) })
}

func (s *secretCalls) Version(ctx context.Context, id string) (connect.Version, error) {
	return call((*parts)(s), func() (connect.Version, error) { return s.secret.Version(ctx, id) })
}

func (s *secretCalls) Put(ctx context.Context, id, value string) error {
	_, err := call((*parts)(s), func() (struct{}, error) { return struct{}{}, s.secret.Put(ctx, id, value) })
	return err
}

func (s *secretCalls) Promote(ctx context.Context, id string) error {
	_, err := call((*parts)(s), func() (struct{}, error) { return struct{}{}, s.secret.Promote(ctx, id) })
	return err
}

type ledgerCalls parts

func (l *ledgerCalls) Look(ctx context.Context, event ledger.Event) (ledger.Record, error) {
	return call((*parts)(l), func() (ledger.Record, error) { return l.ledger.Look(ctx, event) })
}

// check fails the test unless the world has one destination, which works.
func (w *world) check(label string) {
	w.Helper()
	all, err := collect(w.client(w.stripe.Keys.Test).List(w.Context(), v2events.DestinationListParams{}))
	if err != nil {
		w.Fatal(err)
	}
	if len(all) != 1 {
		w.Fatalf("%s: %d destinations, want 1", label, len(all))
	}
	d := all[0]
	if d.Status != v2events.StatusEnabled || !slices.Equal(d.EnabledEvents, []string{"v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found"}) {
		w.Fatalf("%s: the destination is %s with the types %v", label, d.Status, d.EnabledEvents)
	}
	if _, err := w.connector(nil).Prove(w.Context(), d.ID, time.Minute); err != nil {
		w.Fatalf("%s: the stack does not have the destination's secret: %v", label, err)
	}
}
