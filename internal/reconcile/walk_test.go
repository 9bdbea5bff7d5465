package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/reconcile"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

func TestWalkSweepsHourByHour(t *testing.T) {
	t.Parallel()
	a := &account{events: []*v2events.Event{full(t, "evt_1", hour(0)), full(t, "evt_2", hour(1)), full(t, "evt_3", hour(2).Add(time.Minute))}}
	var reached []time.Time
	to := hour(2).Add(30 * time.Minute)
	count, err := reconcile.New(a, a, a, nil).Walk(t.Context(), reconcile.Window{From: hour(0), To: to}, func(at time.Time) error {
		reached = append(reached, at)
		if len(a.stored) != len(reached) {
			t.Errorf("reached %v with %d events on the bus, want %d", at, len(a.stored), len(reached))
		}
		return nil
	})
	if err != nil || count != (reconcile.Counts{Listed: 3, Missing: 3, Put: 3}) {
		t.Errorf("Walk = %+v, %v", count, err)
	}
	if diff := cmp.Diff([]time.Time{hour(1), hour(2), to}, reached); diff != "" {
		t.Errorf("reached: -want +got:\n%s", diff)
	}
}

// An event that is not on the bus does not count as reached.
func TestWalkStopsAtAnError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	a := &account{
		events: []*v2events.Event{full(t, "evt_1", hour(0)), full(t, "evt_2", hour(1)), full(t, "evt_3", hour(2))},
		refuse: map[string]error{"evt_2": broken},
	}
	var reached []time.Time
	advance := func(at time.Time) error { reached = append(reached, at); return nil }
	r := reconcile.New(a, a, a, nil)
	if _, err := r.Walk(t.Context(), reconcile.Window{From: hour(0), To: hour(3)}, advance); !errors.Is(err, broken) {
		t.Errorf("Walk = %v, want %v", err, broken)
	}
	if diff := cmp.Diff([]time.Time{hour(1)}, reached); diff != "" {
		t.Errorf("reached: -want +got:\n%s", diff)
	}
	if _, err := r.Walk(t.Context(), reconcile.Window{From: hour(2), To: hour(3)}, func(time.Time) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("Walk whose checkpoint fails = %v, want %v", err, broken)
	}
}

// An hour with many times more events than one invocation can list is finished after a few
// invocations.
func TestWalkAdvancesThroughAnyNumberOfEvents(t *testing.T) {
	t.Parallel()
	for _, events := range []int{10, 400, 2000} {
		synctest.Test(t, func(t *testing.T) {
			a := &account{pageTime: time.Second}
			for i := range events {
				a.events = append(a.events, full(t, fmt.Sprint("evt_", i), start.Add(time.Duration(i)*time.Hour/time.Duration(events))))
			}
			from, invocations := hour(0), 0
			for ; from.Before(hour(1)); invocations++ {
				before := from
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
				_, err := reconcile.New(a, a, a, nil).Walk(ctx, reconcile.Window{From: from, To: hour(1)}, func(at time.Time) error { from = at; return nil })
				if ctx.Err() != nil {
					t.Errorf("%d events: Walk returned after its deadline", events)
				}
				cancel()
				if err != nil && !errors.Is(err, reconcile.ErrUnfinished) || !from.After(before) || (err == nil) != from.Equal(hour(1)) {
					t.Fatalf("%d events: Walk = %v and reached %v, want it to advance", events, err, from)
				}
			}
			if fewest := events/300 + 1; invocations > 12*fewest {
				t.Errorf("%d events took %d invocations of 300 s, want few more than %d", events, invocations, fewest)
			}
			seen := map[string]bool{}
			for _, id := range a.ids() {
				seen[id] = true
			}
			if len(seen) != events {
				t.Errorf("%d events of %d on the bus", len(seen), events)
			}
		})
	}
}

// After a dense minute, a walk is as fast as before: three days without an event take a few lists.
func TestWalkIsFastAgainAfterADensePart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &account{pageTime: time.Second}
		for i := range 60 {
			a.events = append(a.events, full(t, fmt.Sprint("evt_", i), start.Add(time.Duration(i)*time.Second)))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		count, err := reconcile.New(a, a, a, nil).Walk(ctx, reconcile.Window{From: hour(0), To: hour(72)}, func(time.Time) error { return nil })
		if err != nil || count.Put < 60 {
			t.Fatalf("Walk = %+v, %v", count, err)
		}
		if n := len(a.windows); n > 100 {
			t.Errorf("%d lists, want few more than one for each of 72 hours", n)
		}
	})
}

// A part that cannot be divided may take all the time that is left.
func TestWalkPassesASecondWithManyEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &account{pageTime: time.Second}
		for i := range 60 {
			a.events = append(a.events, full(t, fmt.Sprint("evt_", i), start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		_, err := reconcile.New(a, a, a, nil).Walk(ctx, reconcile.Window{From: hour(0), To: hour(1)}, func(time.Time) error { return nil })
		if err != nil {
			t.Errorf("Walk = %v with a second of 60 events, each of which takes a second", err)
		}
	})
}

func TestCancelledWalkReturnsItsError(t *testing.T) {
	t.Parallel()
	a := &account{events: []*v2events.Event{full(t, "evt_1", hour(0))}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a.pageTime = time.Hour
	if _, err := reconcile.New(a, a, a, nil).Walk(ctx, reconcile.Window{From: hour(0), To: hour(1)}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Walk = %v, want %v", err, context.Canceled)
	}
}
