package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/reconcile"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

var start = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// account stands in for Stripe, the ledger and the bus. It lists the newest events first, page by
// page.
type account struct {
	events   []*v2events.Event
	listErr  error                      // returned after the last event
	pageTime time.Duration              // time for each event of a list
	rounding time.Duration              // to which a list's start is rounded down
	known    map[ledger.Event]bool      // events that the ledger knows
	ledger   error                      // returned by every lookup
	refuse   map[string]error           // errors of the bus, by event id
	windows  []v2events.EventListParams // parameters of each list

	stored  []bus.Entry
	putTime time.Duration // time for each entry
	most    int           // entries in one Put
}

func (a *account) List(ctx context.Context, p v2events.EventListParams) iter.Seq2[*v2events.Event, error] {
	a.windows = append(a.windows, p)
	return func(yield func(*v2events.Event, error) bool) {
		for _, e := range slices.Backward(a.events) {
			if e.Created.Before(p.Created.GTE.Truncate(a.rounding)) || !e.Created.Before(p.Created.LT) {
				continue
			}
			select {
			case <-ctx.Done():
				yield(nil, ctx.Err())
				return
			case <-time.After(a.pageTime):
			}
			if !yield(e, nil) {
				return
			}
		}
		if a.listErr != nil {
			yield(nil, a.listErr)
		}
	}
}

func (a *account) Known(_ context.Context, e ledger.Event) (known, done bool, err error) {
	return a.known[e], a.known[e], a.ledger
}

func (a *account) Put(ctx context.Context, entries []bus.Entry) []error {
	results := make([]error, len(entries))
	a.most = max(a.most, len(entries))
	for i, e := range entries {
		select {
		case <-ctx.Done():
			results[i] = ctx.Err()
			continue
		case <-time.After(a.putTime):
		}
		for id, err := range a.refuse {
			if strings.Contains(string(e.Detail), id) {
				results[i] = err
			}
		}
		if results[i] == nil {
			a.stored = append(a.stored, e)
		}
	}
	return results
}

// ids returns the ids of the events on the bus.
func (a *account) ids() []string {
	var ids []string
	for _, e := range a.stored {
		event, err := v2events.ParseThinEvent(e.Detail)
		if err != nil {
			return append(ids, err.Error())
		}
		ids = append(ids, event.ID)
	}
	return ids
}

// full returns an event created at a time.
func full(t testing.TB, id string, created time.Time) *v2events.Event {
	t.Helper()
	event, err := v2events.ParseEvent(fmt.Appendf(nil, `{"object":"v2.core.event", "id":%q,"type":"t","created":%q,`+
		`"livemode":false,"context":"acct_1","data":{"secret":1},"related_object":{"id":"mtr_1","type":"m","url":"/m"},"changes":{}}`,
		id, created.Format(time.RFC3339Nano)))
	if err != nil {
		t.Fatal(err)
	}
	return event
}

func hour(n int) time.Time { return start.Add(time.Duration(n) * time.Hour) }

func TestSweepPutsMissingEventsOnTheBus(t *testing.T) {
	t.Parallel()
	a := &account{
		events: []*v2events.Event{full(t, "evt_early", hour(-1)), full(t, "evt_1", hour(0)), full(t, "evt_2", hour(1)), full(t, "evt_late", hour(2))},
		known:  map[ledger.Event]bool{{ID: "evt_2", Context: "acct_1"}: true, {ID: "evt_1"}: true},
	}
	var reported []string
	r := reconcile.New(a, a, a, &reconcile.Options{Report: func(e *v2events.Event, o reconcile.Outcome, err error) {
		reported = append(reported, fmt.Sprint(e.ID, " ", o, " ", err))
	}})
	count, err := r.Sweep(t.Context(), reconcile.Window{Types: []string{"t"}, Context: "acct_1", From: hour(0), To: hour(2)})
	if want := (reconcile.Counts{Listed: 2, Missing: 1, Put: 1}); err != nil || count != want {
		t.Errorf("Sweep = %+v, %v, want %+v", count, err, want)
	}
	wantList := []v2events.EventListParams{{Types: []string{"t"}, Context: "acct_1", Created: v2events.Range{GTE: hour(0), LT: hour(2)}, Limit: 100}}
	if diff := cmp.Diff(wantList, a.windows); diff != "" {
		t.Errorf("listed: -want +got:\n%s", diff)
	}
	wantBus := []bus.Entry{{
		Source: "stripe.thin", DetailType: "t", Resources: []string{"mtr_1"},
		Detail: []byte(`{"object":"v2.core.event","id":"evt_1","type":"t","created":"2026-11-22T09:00:00Z","livemode":false,` +
			`"context":"acct_1","related_object":{"id":"mtr_1","type":"m","url":"/m"}}`),
	}}
	if diff := cmp.Diff(wantBus, a.stored); diff != "" {
		t.Errorf("bus: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"evt_1 put <nil>"}, reported); diff != "" {
		t.Errorf("reported: -want +got:\n%s", diff)
	}
}

func TestDryRunPutsNothingOnTheBus(t *testing.T) {
	t.Parallel()
	a := &account{events: []*v2events.Event{full(t, "evt_1", hour(0))}}
	reported := 0
	r := reconcile.New(a, a, nil, &reconcile.Options{DryRun: true, Report: func(_ *v2events.Event, o reconcile.Outcome, _ error) {
		if o == reconcile.Missing {
			reported++
		}
	}})
	count, err := r.Sweep(t.Context(), reconcile.Window{From: hour(0), To: hour(1)})
	if err != nil || count != (reconcile.Counts{Listed: 1, Missing: 1}) || reported != 1 {
		t.Errorf("Sweep = %+v, %v with %d reported, want one missing and reported", count, err, reported)
	}
}

// An event that might not be on the bus makes the sweep fail, unless no bus will ever accept it.
func TestSweepFailsUnlessTheBusRefusesAnEvent(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	tests := map[string]struct {
		account account
		want    error
		count   reconcile.Counts
		stored  []string
	}{
		"list breaks off":     {account{listErr: broken}, broken, reconcile.Counts{}, nil},
		"ledger is down":      {account{ledger: broken}, broken, reconcile.Counts{Listed: 3}, nil},
		"entry is not stored": {account{refuse: map[string]error{"evt_2": broken}}, broken, reconcile.Counts{Listed: 3, Missing: 3, Put: 1}, []string{"evt_3", "evt_1"}},
		"entry is refused":    {account{refuse: map[string]error{"evt_2": bus.ErrInvalid}}, nil, reconcile.Counts{Listed: 3, Missing: 3, Put: 2, Refused: 1}, []string{"evt_3", "evt_1"}},
		"entry is too large":  {account{refuse: map[string]error{"evt_3": bus.ErrTooLarge}}, nil, reconcile.Counts{Listed: 3, Missing: 3, Put: 2, Refused: 1}, []string{"evt_2", "evt_1"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &tt.account
			a.events = []*v2events.Event{full(t, "evt_1", hour(0)), full(t, "evt_2", hour(0)), full(t, "evt_3", hour(0))}
			count, err := reconcile.New(a, a, a, nil).Sweep(t.Context(), reconcile.Window{From: hour(0), To: hour(1)})
			if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) || count != tt.count {
				t.Errorf("Sweep = %+v, %v, want %+v, %v", count, err, tt.count, tt.want)
			}
			if diff := cmp.Diff(tt.stored, a.ids()); diff != "" {
				t.Errorf("bus: -want +got:\n%s", diff)
			}
		})
	}
}
