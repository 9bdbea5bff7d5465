package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/awstest"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	emulated "github.com/meterbridge/meterbridge/internal/emulator/aws/dynamodb"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/reconcile"
	"github.com/meterbridge/meterbridge/internal/stack"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

const (
	meterType = "v1.billing.meter.error_report_triggered"
	pingType  = "v2.core.event_destination.ping"
)

var addresses = stack.Addresses{Bus: "meterbridge", Ledger: "ledger"}

// bed is Stripe, the ledger and the bus, each behind its wire protocol, and without a network:
// tests run in bubbles, in which time passes only when all wait.
type bed struct {
	stripe  *stripe.Sandbox
	client  *v2events.Client
	service aws.Config
	now     time.Time

	calls     int // of PutEvents
	bus       []eventbridge.Entry
	intercept func() // runs at each PutEvents
	refuse    map[string]string
}

func newBed(t *testing.T) *bed {
	t.Helper()
	s := &bed{stripe: stripe.New(nil), now: time.Now(), refuse: map[string]string{}, intercept: func() {}}
	buses, tables := eventbridge.New(nil, nil), emulated.New()
	buses.AddBus(eventbridge.BusConfig{Name: addresses.Bus, Accept: s.accept})
	_, err := tables.AddTable(emulated.Config{Name: "ledger", Hash: emulated.Key{Name: "id", Type: emulated.String}})
	if err != nil {
		t.Fatal(err)
	}
	s.service = awstest.InProcess(awsjson.New(&awsjson.Options{Intercept: s.count}, buses.Operations(), tables.Operations()))
	api, err := stripeapi.New("sk_test_1", &stripeapi.Options{HTTPClient: &http.Client{Transport: s}})
	if err != nil {
		t.Fatal(err)
	}
	s.client = v2events.NewClient(api)
	return s
}

// RoundTrip lets the sandbox answer what goes to Stripe.
func (s *bed) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	recorder := httptest.NewRecorder()
	s.stripe.ServeHTTP(recorder, r)
	return recorder.Result(), nil
}

// accept puts an entry on the bus, unless its id is refused.
func (s *bed) accept(entry eventbridge.Entry) *awsjson.Error {
	if code := s.refuse[idOf(entry)]; code != "" {
		return &awsjson.Error{Code: code, Message: "no"}
	}
	s.bus = append(s.bus, entry)
	return nil
}

// count runs the intercept at each PutEvents.
func (s *bed) count(c awsjson.Call, next http.Handler) http.Handler {
	if c.Operation == "PutEvents" {
		s.calls++
		s.intercept()
	}
	return next
}

func idOf(entry eventbridge.Entry) string {
	thin, err := v2events.ParseThinEvent(entry.Detail)
	if err != nil {
		return err.Error()
	}
	return thin.ID
}

// happened adds an event to Stripe's list.
func (s *bed) happened(t *testing.T, id, eventType, stripeContext string, ago time.Duration) {
	t.Helper()
	stripeContext = fmt.Sprintf("%q", stripeContext)
	if stripeContext == `""` {
		stripeContext = "null"
	}
	err := s.stripe.AddEvent(fmt.Appendf(nil, `{"id":%q,"object":"v2.core.event","type":%q,"created":%q,"livemode":false,"context":%s,`+
		`"related_object":{"id":"mtr_1","type":"billing.meter","url":"/v1/billing/meters/mtr_1"},"data":{"a":1},"changes":null}`,
		id, eventType, s.now.Add(-ago).UTC().Format(time.RFC3339Nano), stripeContext))
	if err != nil {
		t.Fatal(err)
	}
}

// arrived records an event in the ledger.
func (s *bed) arrived(t *testing.T, id, stripeContext string, phase ledger.Phase) {
	t.Helper()
	l := ledger.New(dynamodb.NewFromConfig(s.service), addresses.Ledger, nil)
	claim, err := l.Claim(t.Context(), ledger.Event{ID: id, Context: stripeContext}, "delivery", time.Now().Add(time.Minute))
	if err == nil {
		err = l.Settle(t.Context(), claim, ledger.Settlement{Phase: phase})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// ids returns what is on the bus, in the order of ids.
func (s *bed) ids() []string {
	var ids []string
	for _, entry := range s.bus {
		ids = append(ids, idOf(entry))
	}
	slices.Sort(ids)
	return ids
}

// window is the three days until now.
func (s *bed) window(opts reconcile.ReplayOptions) *reconcile.ReplayOptions {
	opts.From, opts.To = s.now.Add(-72*time.Hour), s.now
	return &opts
}

func (s *bed) run(t *testing.T, ctx context.Context, opts reconcile.ReplayOptions) (reconcile.Counts, error) {
	t.Helper()
	r, err := reconcile.NewReplay(s.client, s.service, addresses, s.window(opts))
	if err != nil {
		t.Fatal(err)
	}
	return r.Run(ctx)
}

// fill makes ten events, of which the ledger knows two.
func (s *bed) fill(t *testing.T) {
	t.Helper()
	for i := range 10 {
		s.happened(t, fmt.Sprintf("evt_%d", i), []string{meterType, pingType}[i%2], "", time.Duration(7*i+1)*time.Hour)
	}
	s.happened(t, "evt_old", meterType, "", 73*time.Hour)
	s.happened(t, "evt_acct", meterType, "acct_1", time.Hour)
	s.arrived(t, "evt_0", "", ledger.Emitted)
	s.arrived(t, "evt_1", "", ledger.Parked)
}

func TestRun(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		opts   reconcile.ReplayOptions
		counts reconcile.Counts
		bus    string
	}{
		"everything": {reconcile.ReplayOptions{}, reconcile.Counts{Listed: 10, Missing: 8, Put: 8}, "evt_2 evt_3 evt_4 evt_5 evt_6 evt_7 evt_8 evt_9"},
		"one type":   {reconcile.ReplayOptions{Types: []string{pingType}}, reconcile.Counts{Listed: 5, Missing: 4, Put: 4}, "evt_3 evt_5 evt_7 evt_9"},
		"many types": {
			reconcile.ReplayOptions{Types: append(make([]string, 0, 25), "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t", meterType, pingType)},
			reconcile.Counts{Listed: 10, Missing: 8, Put: 8}, "evt_2 evt_3 evt_4 evt_5 evt_6 evt_7 evt_8 evt_9",
		},
		"an account":   {reconcile.ReplayOptions{Contexts: []string{"acct_1"}}, reconcile.Counts{Listed: 1, Missing: 1, Put: 1}, "evt_acct"},
		"two accounts": {reconcile.ReplayOptions{Contexts: []string{"acct_1", ""}, Types: []string{meterType}}, reconcile.Counts{Listed: 6, Missing: 5, Put: 5}, "evt_2 evt_4 evt_6 evt_8 evt_acct"},
		"all":          {reconcile.ReplayOptions{All: true, Types: []string{pingType}}, reconcile.Counts{Listed: 5, Missing: 5, Put: 5}, "evt_1 evt_3 evt_5 evt_7 evt_9"},
		"dry run":      {reconcile.ReplayOptions{Options: reconcile.Options{DryRun: true}}, reconcile.Counts{Listed: 10, Missing: 8}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newBed(t)
				s.fill(t)
				counts, err := s.run(t, t.Context(), tt.opts)
				if diff := cmp.Diff(tt.counts, counts); diff != "" || err != nil {
					t.Errorf("error %v, counts -want +got:\n%s", err, diff)
				}
				if got := strings.Join(s.ids(), " "); got != tt.bus {
					t.Errorf("bus: %s, want %s", got, tt.bus)
				}
				// Again finds the same: the fetcher, who would tell the ledger, is not here.
				if again, err := s.run(t, t.Context(), tt.opts); err != nil || again != tt.counts {
					t.Errorf("again: %+v, %v", again, err)
				}
			})
		})
	}
}

// TestEntry: what is put is what the webhook would have put.
func TestEntry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBed(t)
		s.happened(t, "evt_1", meterType, "", time.Hour)
		var reported []string
		_, err := s.run(t, t.Context(), reconcile.ReplayOptions{Options: reconcile.Options{Report: func(e *v2events.Event, o reconcile.Outcome, err error) {
			reported = append(reported, fmt.Sprint(e.ID, " ", o, " ", err))
		}}})
		if err != nil || !slices.Equal(reported, []string{"evt_1 put <nil>"}) {
			t.Errorf("error %v, reported %q", err, reported)
		}
		want := []eventbridge.Entry{{
			Bus: "meterbridge", Source: "stripe.thin", DetailType: meterType, Resources: []string{"mtr_1"},
			Detail: fmt.Appendf(nil, `{"id":"evt_1","object":"v2.core.event","type":%q,"created":%q,"livemode":false,"context":null,`+
				`"related_object":{"id":"mtr_1","type":"billing.meter","url":"/v1/billing/meters/mtr_1"}}`, meterType, s.now.Add(-time.Hour).UTC().Format(time.RFC3339)),
		}}
		if diff := cmp.Diff(want, s.bus); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestRefusedEventsDoNotStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBed(t)
		s.fill(t)
		s.refuse["evt_5"] = "InvalidArgument"
		outcomes := map[string]reconcile.Outcome{}
		counts, err := s.run(t, t.Context(), reconcile.ReplayOptions{Options: reconcile.Options{Report: func(e *v2events.Event, o reconcile.Outcome, _ error) { outcomes[e.ID] = o }}})
		if diff := cmp.Diff(reconcile.Counts{Listed: 10, Missing: 8, Put: 7, Refused: 1}, counts); diff != "" || err != nil {
			t.Errorf("error %v, counts -want +got:\n%s", err, diff)
		}
		if outcomes["evt_5"] != reconcile.Refused || len(outcomes) != 8 {
			t.Errorf("outcomes: %v", outcomes)
		}
	})
}

func TestEndsWhenTheBusDoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBed(t)
		s.fill(t)
		s.refuse["evt_5"] = "AccessDeniedException"
		var failed []string
		counts, err := s.run(t, t.Context(), reconcile.ReplayOptions{Options: reconcile.Options{Report: func(e *v2events.Event, o reconcile.Outcome, err error) {
			if o == reconcile.Failed && err != nil {
				failed = append(failed, e.ID)
			}
		}}})
		if err == nil || !slices.Equal(failed, []string{"evt_5"}) || counts.Put != 4 {
			t.Errorf("error %v, failed %q, %+v; want evt_5 to fail after the four before it", err, failed, counts)
		}
	})
}

// TestInterruptedAndAgain: whenever it is interrupted, a second run completes what is missing.
func TestInterruptedAndAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for call, calls := 1, 1; call <= calls; call++ {
			s := newBed(t)
			s.fill(t)
			ctx, cancel := context.WithCancel(t.Context())
			s.intercept = func() {
				if s.calls == call {
					cancel()
				}
			}
			if _, err := s.run(t, ctx, reconcile.ReplayOptions{Rate: 1}); err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("call %d: %v, want %v", call, err, context.Canceled)
			}
			s.intercept = func() {}
			if _, err := s.run(t, t.Context(), reconcile.ReplayOptions{}); err != nil {
				t.Errorf("after call %d: %v", call, err)
			}
			if got := slices.Compact(s.ids()); len(got) != 8 {
				t.Errorf("after call %d: bus %v, want 8 events", call, got)
			}
			calls = max(calls, min(s.calls, 8))
			cancel()
		}
	})
}

func TestRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBed(t)
		for i := range 12 {
			s.happened(t, fmt.Sprintf("evt_%d", i), meterType, "", time.Hour)
		}
		var at []time.Duration
		s.intercept = func() { at = append(at, time.Since(s.now)) }
		if _, err := s.run(t, t.Context(), reconcile.ReplayOptions{Rate: 5}); err != nil {
			t.Fatal(err)
		}
		// Five at once, five more after a second, the last two when theirs are due.
		if want := []time.Duration{0, time.Second, 1400 * time.Millisecond}; !slices.Equal(at, want) {
			t.Errorf("requests after %v, want %v", at, want)
		}
	})
}

func TestReached(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBed(t)
		var reached []time.Time
		opts := reconcile.ReplayOptions{Reached: func(at time.Time) { reached = append(reached, at) }, Options: reconcile.Options{DryRun: true}}
		if _, err := s.run(t, t.Context(), opts); err != nil {
			t.Fatal(err)
		}
		want := []time.Time{s.now.Add(-72 * time.Hour), s.now.Add(-48 * time.Hour), s.now.Add(-24 * time.Hour)}
		if diff := cmp.Diff(want, reached); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*stack.Addresses, *reconcile.ReplayOptions){
		"no ledger":    func(s *stack.Addresses, _ *reconcile.ReplayOptions) { s.Ledger = "" },
		"no bus":       func(s *stack.Addresses, _ *reconcile.ReplayOptions) { s.Bus = "" },
		"no start":     func(_ *stack.Addresses, o *reconcile.ReplayOptions) { o.From = time.Time{} },
		"empty window": func(_ *stack.Addresses, o *reconcile.ReplayOptions) { o.To = o.From },
		"rate":         func(_ *stack.Addresses, o *reconcile.ReplayOptions) { o.Rate = -1 },
	} {
		s := newBed(t)
		where, opts := addresses, s.window(reconcile.ReplayOptions{})
		change(&where, opts)
		if _, err := reconcile.NewReplay(s.client, s.service, where, opts); !errors.Is(err, reconcile.ErrOptions) {
			t.Errorf("%s: %v, want %v", name, err, reconcile.ErrOptions)
		}
	}
}
