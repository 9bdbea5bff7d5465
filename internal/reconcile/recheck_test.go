package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/reconcile"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// recheckOf runs a recheck of the account up to a time and forgets what was on the bus before.
func (a *account) recheck(t *testing.T, s reconcile.State, to time.Time) (reconcile.State, reconcile.Counts, error) {
	t.Helper()
	a.stored = nil
	return reconcile.New(a, a, a, nil).Recheck(t.Context(), reconcile.Window{To: to}, s, new(reconcile.Sample))
}

func TestRepublicationsGrowOnceOneIsKnown(t *testing.T) {
	t.Parallel()
	a := &account{known: map[ledger.Event]bool{}}
	for n := range 2000 {
		a.events = append(a.events, full(t, fmt.Sprintf("evt_%04d", n), hour(0).Add(time.Duration(n)*time.Second)))
	}
	state := reconcile.State{Settled: hour(0)}
	var puts []int
	run := func() {
		t.Helper()
		var counts reconcile.Counts
		var err error
		if state, counts, err = a.recheck(t, state, hour(10)); err != nil {
			t.Fatal(err)
		}
		puts = append(puts, counts.Put)
	}
	for range 14 {
		run()
	}
	if diff := cmp.Diff([]int{10, 10, 10, 0, 10, 0, 0, 0, 10, 0, 0, 0, 10, 0}, puts); diff != "" {
		t.Errorf("puts while nothing is fetched: -want +got:\n%s", diff)
	}
	puts = nil
	for range 9 {
		run()
		for _, id := range a.ids() { // now everything is fetched
			a.known[ledger.Event{ID: id, Context: "acct_1"}] = true
		}
	}
	if diff := cmp.Diff([]int{0, 0, 10, 100, 1000, 890, 0, 0, 0}, puts); diff != "" {
		t.Errorf("puts once it is fetched: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(reconcile.State{Settled: hour(10), Cursor: hour(10)}, state); diff != "" {
		t.Errorf("state at the end: -want +got:\n%s", diff)
	}
}

func TestOldestEventsComeFirst(t *testing.T) {
	t.Parallel()
	a := &account{}
	for n := range 30 {
		a.events = append(a.events, full(t, fmt.Sprintf("evt_%02d", n), hour(0).Add(time.Duration(n)*time.Minute)))
	}
	_, counts, err := a.recheck(t, reconcile.State{Settled: hour(0)}, hour(3))
	if ids := a.ids(); err != nil || counts.Missing != 30 || len(ids) != 10 || ids[0] != "evt_00" || ids[9] != "evt_09" {
		t.Errorf("recheck = %+v, %v with %v on the bus, want 30 missing and the ten oldest", counts, err, ids)
	}
}

func TestSettledTimeStopsBeforeTheFirstUnknownEvent(t *testing.T) {
	t.Parallel()
	a := &account{
		events: []*v2events.Event{full(t, "evt_known", hour(0)), full(t, "evt_unknown", hour(5)), full(t, "evt_later", hour(8))},
		known:  map[ledger.Event]bool{{ID: "evt_known", Context: "acct_1"}: true, {ID: "evt_later", Context: "acct_1"}: true},
	}
	state, counts, err := a.recheck(t, reconcile.State{Settled: hour(0)}, hour(10))
	if err != nil || counts.Missing != 1 || counts.Listed != 3 || !state.Settled.Equal(hour(5)) {
		t.Errorf("recheck = %+v, %+v, %v, want it settled up to the unknown event's hour", state, counts, err)
	}
}

// An event behind many that are never fetched is reached, wherever they are: in the same hour, in the
// same second or in the hours before and after it.
func TestRecheckPassesOverNoEvent(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]func(n int) time.Time{
		"same hour":   func(n int) time.Time { return hour(0).Add(time.Duration(n) * 10 * time.Second) },
		"same second": func(n int) time.Time { return hour(0).Add(time.Duration(n) * time.Millisecond) },
		"same time":   func(int) time.Time { return hour(0).Add(time.Minute) },
		"four hours":  func(n int) time.Time { return hour(0).Add(time.Duration(n) * 2 * time.Minute) },
	} {
		a := &account{known: map[ledger.Event]bool{}, rounding: time.Second} // Stripe does not document how exact the filter is
		for n := range 120 {
			a.events = append(a.events, full(t, fmt.Sprintf("evt_%04d", n), at(n)))
		}
		tried := map[string]int{}
		state := reconcile.State{Settled: hour(0)}
		for range 4 * 30 { // thirty hours
			var err error
			if state, _, err = a.recheck(t, state, hour(10)); err != nil {
				t.Fatal(err)
			}
			for _, id := range a.ids() {
				tried[id]++
			}
		}
		for n := range 120 {
			if id := fmt.Sprintf("evt_%04d", n); tried[id] < 2 || tried[id] > 4 {
				t.Errorf("%s: %s was put %d times in 30 hours, want about as often as the others", name, id, tried[id])
			}
		}
	}
}

// A bus stores a few hundred events in the time of one Put.
func TestRecheckPutsManyEventsInManyRequests(t *testing.T) {
	t.Parallel()
	a := &account{known: map[ledger.Event]bool{}}
	for n := range 2000 {
		a.events = append(a.events, full(t, fmt.Sprintf("evt_%04d", n), hour(0).Add(time.Duration(n)*time.Second)))
	}
	a.known[ledger.Event{ID: "evt_probe"}] = true
	state := reconcile.State{Settled: hour(0), Sample: []ledger.Event{{ID: "evt_probe"}}, Allowance: 1000}
	if _, counts, err := a.recheck(t, state, hour(10)); err != nil || counts.Put != 2000 || a.most > 100 {
		t.Errorf("recheck = %+v, %v with at most %d events in one Put, want 2,000 in Puts of at most 100", counts, err, a.most)
	}
}

// When time runs out the next run continues.
func TestRecheckThatRunsOutOfTimeIsContinued(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &account{known: map[ledger.Event]bool{}, putTime: 100 * time.Millisecond}
		for n := range 2000 {
			a.events = append(a.events, full(t, fmt.Sprintf("evt_%04d", n), hour(0).Add(time.Duration(n)*time.Second)))
		}
		a.known[ledger.Event{ID: "evt_probe"}] = true
		state := reconcile.State{Settled: hour(0), Sample: []ledger.Event{{ID: "evt_probe"}}, Allowance: 1000}
		for run := range 6 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			var err error
			state, _, err = reconcile.New(a, a, a, nil).Recheck(ctx, reconcile.Window{To: hour(10)}, state, new(reconcile.Sample))
			cancel()
			if err != nil {
				t.Fatalf("run %d: %v", run, err)
			}
			for _, id := range a.ids() {
				a.known[ledger.Event{ID: id, Context: "acct_1"}] = true
			}
		}
		if n := len(a.ids()); n < 2000 || n > 2500 {
			t.Errorf("2,000 events were put %d times", n)
		}
	})
}

// A bus that refuses an event permanently must not hold up the settled time forever.
func TestRefusedEventDoesNotHoldTheSettledTime(t *testing.T) {
	t.Parallel()
	a := &account{events: []*v2events.Event{full(t, "evt_odd", hour(1))}, refuse: map[string]error{"evt_odd": bus.ErrInvalid}}
	state, counts, err := a.recheck(t, reconcile.State{Settled: hour(0)}, hour(10))
	if err != nil || counts.Missing != 0 || counts.Refused != 1 || !state.Settled.Equal(hour(10)) {
		t.Errorf("recheck = %+v, %+v, %v, want it settled", state, counts, err)
	}
}

func TestFailedRecheckSettlesNothingThatItDidNotSee(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	for name, change := range map[string]func(*account){
		"list":   func(a *account) { a.listErr = down },
		"ledger": func(a *account) { a.ledger = down },
		"bus":    func(a *account) { a.refuse = map[string]error{"evt_1": down} },
	} {
		a := &account{events: []*v2events.Event{full(t, "evt_1", hour(0))}}
		change(a)
		state, _, err := a.recheck(t, reconcile.State{Settled: hour(0)}, hour(10))
		if !errors.Is(err, down) || !state.Settled.Equal(hour(0)) {
			t.Errorf("%s: recheck = %+v, %v, want %v and nothing settled", name, state, err, down)
		}
	}
}

func TestSampleIsSmallAndEven(t *testing.T) {
	t.Parallel()
	a := &account{}
	var sample reconcile.Sample
	for n := range 12_345 {
		sample.Add(&v2events.Event{ThinEvent: v2events.ThinEvent{ID: fmt.Sprintf("evt_%05d", n)}})
	}
	state, _, err := reconcile.New(a, a, a, nil).Recheck(t.Context(), reconcile.Window{To: hour(0)}, reconcile.State{Settled: hour(0)}, &sample)
	if err != nil || len(state.Sample) < 25 || len(state.Sample) > 50 || state.Sample[0].ID != "evt_00000" || state.Sample[len(state.Sample)-1].ID < "evt_11800" {
		t.Errorf("sample of 12,345 events: %v, %v", state.Sample, err)
	}
}
