package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge"
	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/reconcile"
	"github.com/meterbridge/meterbridge/internal/stack"
	"github.com/meterbridge/meterbridge/internal/testbed"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

const (
	meterType = testbed.MeterType
	pingType  = "v2.core.event_destination.ping"
)

var addresses = stack.Addresses{Bus: testbed.BusName, Ledger: testbed.LedgerName}

// bed is an emulated Stripe, ledger and bus. Its tests run in synctest bubbles.
type bed struct {
	*testbed.Bed
	client *v2events.Client
	now    time.Time
}

func newBed(t *testing.T) bed {
	t.Helper()
	b := testbed.New(t, &testbed.Options{Now: time.Now})
	api, err := stripeapi.New("sk_test_1", &stripeapi.Options{HTTPClient: &http.Client{Transport: b.HTTP}})
	if err != nil {
		t.Fatal(err)
	}
	return bed{b, v2events.NewClient(api), time.Now()}
}

// atEachPut calls do before each PutEvents.
func (b bed) atEachPut(do func()) {
	b.Intercept(func(c awsjson.Call, next http.Handler) http.Handler {
		if c.Operation == "PutEvents" {
			do()
		}
		return next
	})
}

// puts returns the number of calls of PutEvents.
func (b bed) puts(t *testing.T) int {
	t.Helper()
	return len(testbed.Calls[any](t, b.Bed, "PutEvents"))
}

// happened adds an event to Stripe's list.
func (b bed) happened(t *testing.T, id, eventType, stripeContext string, ago time.Duration) {
	t.Helper()
	stripeContext = fmt.Sprintf("%q", stripeContext)
	if stripeContext == `""` {
		stripeContext = "null"
	}
	err := b.Stripe.AddEvent(fmt.Appendf(nil, `{"id":%q,"object":"v2.core.event","type":%q,"created":%q,"livemode":false,"context":%s,`+
		`"related_object":{"id":"mtr_1","type":"billing.meter","url":"/v1/billing/meters/mtr_1"},"data":{"a":1},"changes":null}`,
		id, eventType, b.now.Add(-ago).UTC().Format(time.RFC3339Nano), stripeContext))
	if err != nil {
		t.Fatal(err)
	}
}

// arrived records an event in the ledger.
func (b bed) arrived(t *testing.T, id, stripeContext string, phase ledger.Phase) {
	t.Helper()
	l := ledger.New(dynamodb.NewFromConfig(b.AWS), addresses.Ledger, nil)
	claim, err := l.Claim(t.Context(), ledger.Event{ID: id, Context: stripeContext}, "delivery", time.Now().Add(time.Minute))
	if err == nil {
		err = l.Settle(t.Context(), claim, ledger.Settlement{Phase: phase})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// window returns options for the three days until now.
func (b bed) window(opts reconcile.ReplayOptions) *reconcile.ReplayOptions {
	opts.From, opts.To = b.now.Add(-72*time.Hour), b.now
	return &opts
}

func (b bed) run(t *testing.T, ctx context.Context, opts reconcile.ReplayOptions) (reconcile.Counts, error) {
	t.Helper()
	r, err := reconcile.NewReplay(b.client, b.AWS, addresses, b.window(opts))
	if err != nil {
		t.Fatal(err)
	}
	return r.Run(ctx)
}

// fill adds ten events, of which the ledger knows two.
func (b bed) fill(t *testing.T) {
	t.Helper()
	for i := range 10 {
		b.happened(t, fmt.Sprintf("evt_%d", i), []string{meterType, pingType}[i%2], "", time.Duration(7*i+1)*time.Hour)
	}
	b.happened(t, "evt_old", meterType, "", 73*time.Hour)
	b.happened(t, "evt_acct", meterType, "acct_1", time.Hour)
	b.arrived(t, "evt_0", "", ledger.Emitted)
	b.arrived(t, "evt_1", "", ledger.Parked)
}

func TestReplayPutsMissingEventsOnTheBus(t *testing.T) {
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
				b := newBed(t)
				b.fill(t)
				counts, err := b.run(t, t.Context(), tt.opts)
				if diff := cmp.Diff(tt.counts, counts); diff != "" || err != nil {
					t.Errorf("error %v, counts -want +got:\n%s", err, diff)
				}
				if got := strings.Join(b.TakeIDs(), " "); got != tt.bus {
					t.Errorf("bus: %s, want %s", got, tt.bus)
				}
				// A second run finds the same events: without a fetcher the ledger does not change.
				if again, err := b.run(t, t.Context(), tt.opts); err != nil || again != tt.counts {
					t.Errorf("again: %+v, %v", again, err)
				}
			})
		})
	}
}

func TestReplayedEntryEqualsTheWebhooks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		b.happened(t, "evt_1", meterType, "", time.Hour)
		var reported []string
		_, err := b.run(t, t.Context(), reconcile.ReplayOptions{Options: reconcile.Options{Report: func(e *v2events.Event, o reconcile.Outcome, err error) {
			reported = append(reported, fmt.Sprint(e.ID, " ", o, " ", err))
		}}})
		if err != nil || !slices.Equal(reported, []string{"evt_1 put <nil>"}) {
			t.Errorf("error %v, reported %q", err, reported)
		}
		want := []eventbridge.Entry{{
			Bus: testbed.BusName, Source: "stripe.thin", DetailType: meterType, Resources: []string{"mtr_1"},
			Detail: fmt.Appendf(nil, `{"id":"evt_1","object":"v2.core.event","type":%q,"created":%q,"livemode":false,"context":null,`+
				`"related_object":{"id":"mtr_1","type":"billing.meter","url":"/v1/billing/meters/mtr_1"}}`, meterType, b.now.Add(-time.Hour).UTC().Format(time.RFC3339)),
		}}
		if diff := cmp.Diff(want, b.Events()); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestRefusedEventDoesNotStopTheReplay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		b.fill(t)
		b.Refuse("InvalidArgument", testbed.EventID("evt_5"))
		outcomes := map[string]reconcile.Outcome{}
		counts, err := b.run(t, t.Context(), reconcile.ReplayOptions{Options: reconcile.Options{Report: func(e *v2events.Event, o reconcile.Outcome, _ error) { outcomes[e.ID] = o }}})
		if diff := cmp.Diff(reconcile.Counts{Listed: 10, Missing: 8, Put: 7, Refused: 1}, counts); diff != "" || err != nil {
			t.Errorf("error %v, counts -want +got:\n%s", err, diff)
		}
		if outcomes["evt_5"] != reconcile.Refused || len(outcomes) != 8 {
			t.Errorf("outcomes: %v", outcomes)
		}
	})
}

func TestReplayEndsAtAnEventThatIsNotStored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		b.fill(t)
		b.Refuse("AccessDeniedException", testbed.EventID("evt_5"))
		var failed []string
		counts, err := b.run(t, t.Context(), reconcile.ReplayOptions{Options: reconcile.Options{Report: func(e *v2events.Event, o reconcile.Outcome, err error) {
			if o == reconcile.Failed && err != nil {
				failed = append(failed, e.ID)
			}
		}}})
		if err == nil || !slices.Equal(failed, []string{"evt_5"}) || counts.Put != 4 {
			t.Errorf("error %v, failed %q, %+v; want evt_5 to fail after the four before it", err, failed, counts)
		}
	})
}

// Wherever a run is interrupted, the next run completes it.
func TestRunAfterAnInterruptedOneCompletesIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for call, calls := 1, 1; call <= calls; call++ {
			b := newBed(t)
			b.fill(t)
			ctx, cancel := context.WithCancel(t.Context())
			b.atEachPut(func() {
				if b.puts(t) == call {
					cancel()
				}
			})
			if _, err := b.run(t, ctx, reconcile.ReplayOptions{Rate: 1}); err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("call %d: %v, want %v", call, err, context.Canceled)
			}
			b.Intercept(nil)
			if _, err := b.run(t, t.Context(), reconcile.ReplayOptions{}); err != nil {
				t.Errorf("after call %d: %v", call, err)
			}
			if got := slices.Compact(b.TakeIDs()); len(got) != 8 {
				t.Errorf("after call %d: bus %v, want 8 events", call, got)
			}
			calls = max(calls, min(b.puts(t), 8))
			cancel()
		}
	})
}

func TestReplayKeepsToItsRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		for i := range 12 {
			b.happened(t, fmt.Sprintf("evt_%d", i), meterType, "", time.Hour)
		}
		var at []time.Duration
		b.atEachPut(func() { at = append(at, time.Since(b.now)) })
		if _, err := b.run(t, t.Context(), reconcile.ReplayOptions{Rate: 5}); err != nil {
			t.Fatal(err)
		}
		// Five at once, five more after a second, the last two when theirs are due.
		if want := []time.Duration{0, time.Second, 1400 * time.Millisecond}; !slices.Equal(at, want) {
			t.Errorf("requests after %v, want %v", at, want)
		}
	})
}

func TestReachedReportsEachDay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		var reached []time.Time
		opts := reconcile.ReplayOptions{Reached: func(at time.Time) { reached = append(reached, at) }, Options: reconcile.Options{DryRun: true}}
		if _, err := b.run(t, t.Context(), opts); err != nil {
			t.Fatal(err)
		}
		want := []time.Time{b.now.Add(-72 * time.Hour), b.now.Add(-48 * time.Hour), b.now.Add(-24 * time.Hour)}
		if diff := cmp.Diff(want, reached); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestUnusableReplayOptionsAreRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*stack.Addresses, *reconcile.ReplayOptions){
		"no ledger":    func(s *stack.Addresses, _ *reconcile.ReplayOptions) { s.Ledger = "" },
		"no bus":       func(s *stack.Addresses, _ *reconcile.ReplayOptions) { s.Bus = "" },
		"no start":     func(_ *stack.Addresses, o *reconcile.ReplayOptions) { o.From = time.Time{} },
		"empty window": func(_ *stack.Addresses, o *reconcile.ReplayOptions) { o.To = o.From },
		"rate":         func(_ *stack.Addresses, o *reconcile.ReplayOptions) { o.Rate = -1 },
	} {
		b := newBed(t)
		where, opts := addresses, b.window(reconcile.ReplayOptions{})
		change(&where, opts)
		if _, err := reconcile.NewReplay(b.client, b.AWS, where, opts); !errors.Is(err, reconcile.ErrOptions) {
			t.Errorf("%s: %v, want %v", name, err, reconcile.ErrOptions)
		}
	}
}
