package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/reconcile"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

func TestWalkGoesByTheHour(t *testing.T) {
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
	if err != nil || count != (reconcile.Count{Listed: 3, Missing: 3}) {
		t.Errorf("Walk = %+v, %v", count, err)
	}
	if diff := cmp.Diff([]time.Time{hour(1), hour(2), to}, reached); diff != "" {
		t.Errorf("reached: -want +got:\n%s", diff)
	}
}

// TestWalkStopsAtAFault: nothing counts as reached that is not on the bus.
func TestWalkStopsAtAFault(t *testing.T) {
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

// TestWalkAlwaysGetsAhead: an hour with many times more events than one invocation can list is done in a few.
func TestWalkAlwaysGetsAhead(t *testing.T) {
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
					t.Fatalf("%d events: Walk = %v and reached %v, want it to get ahead", events, err, from)
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

func TestWalkIsCancelled(t *testing.T) {
	t.Parallel()
	a := &account{events: []*v2events.Event{full(t, "evt_1", hour(0))}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a.pageTime = time.Hour
	if _, err := reconcile.New(a, a, a, nil).Walk(ctx, reconcile.Window{From: hour(0), To: hour(1)}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Walk = %v, want %v", err, context.Canceled)
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestPaced(t *testing.T) {
	t.Parallel()
	answer := transport(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(""))}, nil
	})
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		client := http.Client{Transport: reconcile.Paced(answer, 4)}
		get := func(ctx context.Context) error {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://stripe.test", nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := client.Do(request)
			if err == nil {
				_ = response.Body.Close()
			}
			return err
		}
		for i := range 3 {
			if err := get(t.Context()); err != nil || time.Since(began) != time.Duration(i)*time.Second/4 {
				t.Errorf("request %d: %v after %v", i, err, time.Since(began))
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := get(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("request without time for a turn = %v, want %v", err, context.DeadlineExceeded)
		}
		if err := get(t.Context()); err != nil || time.Since(began) != 3*time.Second/4 {
			t.Errorf("the turn that was given up was not given to the next: %v after %v", err, time.Since(began))
		}
		if got := reconcile.Paced(answer, 0); fmt.Sprintf("%T", got) != fmt.Sprintf("%T", answer) {
			t.Errorf("Paced without a limit = %T, want the transport itself", got)
		}
	})
}
