package faults_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/faults"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
)

// recorder records the steps that an injector reports.
type recorder struct {
	mu    sync.Mutex
	steps []activity.Step
}

func (w *recorder) Observe(s activity.Step) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.steps = append(w.steps, s)
}

// struck returns the names of the faults that struck, in order.
func (w *recorder) struck() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var names []string
	for _, s := range w.steps {
		names = append(names, s.Name)
	}
	return names
}

// always returns an injector whose faults, once started, strike every time.
func always(t *testing.T, names ...string) (*faults.Injector, *recorder) {
	t.Helper()
	w := &recorder{}
	i, err := faults.New(&faults.Options{Names: names, Share: 1, Observer: w})
	if err != nil {
		t.Fatal(err)
	}
	return i, w
}

// noTarget is a target with nothing to kill or rotate.
func noTarget() faults.Target {
	return faults.Target{Kill: func(func([]byte) bool) bool { return false }, Rotate: func() error { return nil }}
}

// decisions requests events in the given order and returns the faults of each event's attempts.
func decisions(t *testing.T, seed uint64, ids []string) map[string][]stripe.Fault {
	t.Helper()
	names := []string{faults.Stripe500, faults.StripeHang, faults.StripeReset}
	i, err := faults.New(&faults.Options{Names: names, Seed: seed, Share: 0.3})
	if err != nil {
		t.Fatal(err)
	}
	i.Start(noTarget())
	found := map[string][]stripe.Fault{}
	for _, id := range ids {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://x/v2/core/events/"+id, nil)
		if err != nil {
			t.Fatal(err)
		}
		found[id] = append(found[id], i.Stripe(r))
	}
	return found
}

// TestDecisionsDependOnSeedAndEventOnly checks that the nth request for an event fails in the same
// way in whatever order the events are requested.
func TestDecisionsDependOnSeedAndEventOnly(t *testing.T) {
	t.Parallel()
	order := []string{"evt_1", "evt_2", "evt_1", "evt_3", "evt_2", "evt_1", "evt_3", "evt_4", "evt_5", "evt_6", "evt_1"}
	other := []string{"evt_6", "evt_3", "evt_5", "evt_1", "evt_1", "evt_4", "evt_1", "evt_2", "evt_1", "evt_2", "evt_3"}
	first := decisions(t, 1, order)
	if diff := cmp.Diff(first, decisions(t, 1, other)); diff != "" {
		t.Errorf("another order, -first +other:\n%s", diff)
	}
	if cmp.Equal(first, decisions(t, 2, order)) {
		t.Errorf("another seed: the same decisions %v", first)
	}
}

// TestBurstsStrikeTwentyRequestsInARow checks that with a share below one, whole bursts of requests
// are struck and others spared.
func TestBurstsStrikeTwentyRequestsInARow(t *testing.T) {
	t.Parallel()
	i, err := faults.New(&faults.Options{Names: []string{faults.Stripe429}, Share: 0.5, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	i.Start(noTarget())
	changes, struck, last := 0, 0, stripe.Fault("")
	for n := range 400 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://x/v2/core/events/evt_1", nil)
		if err != nil {
			t.Fatal(err)
		}
		got := i.Stripe(r)
		if got != "" {
			struck++
		}
		if n > 0 && got != last {
			changes++
		}
		last = got
	}
	if struck == 0 || struck == 400 || struck%20 != 0 || changes > 19 {
		t.Errorf("%d of 400 requests struck, in %d changes; want runs of twenty", struck, changes)
	}
}

func TestFaultsStrikeAtTheirShare(t *testing.T) {
	t.Parallel()
	var ids []string
	for n := range 2000 {
		ids = append(ids, fmt.Sprintf("evt_%d", n))
	}
	counts := map[stripe.Fault]int{}
	for _, found := range decisions(t, 1, ids) {
		counts[found[0]]++
	}
	// Three faults with a share of 0.3 each spare 0.7³ of the requests.
	if spared := counts[""]; spared < 600 || spared > 772 || len(counts) != 4 {
		t.Errorf("2000 requests failed as in %v; want about 686 without a fault, and every fault", counts)
	}
}
