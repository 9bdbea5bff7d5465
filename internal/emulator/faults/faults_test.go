package faults_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/faults"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
)

// witness keeps the steps that an injector tells of.
type witness struct {
	mu    sync.Mutex
	steps []activity.Step
}

func (w *witness) Observe(s activity.Step) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.steps = append(w.steps, s)
}

// struck returns the names of the faults that struck, in their order.
func (w *witness) struck() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var names []string
	for _, s := range w.steps {
		names = append(names, s.Name)
	}
	return names
}

// always returns an injector whose faults strike at every opportunity, once started.
func always(t *testing.T, names ...string) (*faults.Injector, *witness) {
	t.Helper()
	w := &witness{}
	i, err := faults.New(&faults.Options{Names: names, Share: 1, Observer: w})
	if err != nil {
		t.Fatal(err)
	}
	return i, w
}

// nobody is a target that has nothing to kill and nothing to rotate.
func nobody() faults.Target {
	return faults.Target{Kill: func(func([]byte) bool) bool { return false }, Rotate: func() error { return nil }}
}

func TestParse(t *testing.T) {
	t.Parallel()
	if got, err := faults.Parse("all"); err != nil || len(got) != len(faults.All()) {
		t.Errorf("Parse(all) = %q, %v; want every fault", got, err)
	}
	got, err := faults.Parse("stripe-hang, queue-reorder")
	if diff := cmp.Diff([]string{faults.StripeHang, faults.QueueReorder}, got); diff != "" || err != nil {
		t.Errorf("Parse = %v, -want +got:\n%s", err, diff)
	}
	for _, list := range []string{"", "stripe-hang,", "stripe", "ALL", "all,stripe-hang"} {
		if got, err := faults.Parse(list); !errors.Is(err, faults.ErrUnknown) || !strings.Contains(err.Error(), faults.WebhookUnreachable) {
			t.Errorf("Parse(%q) = %q, %v; want ErrUnknown and the names that there are", list, got, err)
		}
	}
	if _, err := faults.New(&faults.Options{Names: []string{"all"}}); !errors.Is(err, faults.ErrUnknown) {
		t.Errorf("New = %v, want ErrUnknown", err)
	}
}

func TestEveryFaultSaysWhatItDoes(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, f := range faults.All() {
		if f.Name == "" || f.Effect == "" || f.Where == "" || seen[f.Name] {
			t.Errorf("%+v: want a name of its own, an effect and a place", f)
		}
		seen[f.Name] = true
	}
}

// fates asks what happens to requests for events and returns the answers by event, in the order of their attempts.
func fates(t *testing.T, seed uint64, ids []string) map[string][]stripe.Fault {
	t.Helper()
	names := []string{faults.Stripe500, faults.StripeHang, faults.StripeReset}
	i, err := faults.New(&faults.Options{Names: names, Seed: seed, Share: 0.3})
	if err != nil {
		t.Fatal(err)
	}
	i.Start(nobody())
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

// TestFateDependsOnSeedAndEventAlone: whatever the order in which events come, each has the same fate at its nth attempt.
func TestFateDependsOnSeedAndEventAlone(t *testing.T) {
	t.Parallel()
	order := []string{"evt_1", "evt_2", "evt_1", "evt_3", "evt_2", "evt_1", "evt_3", "evt_4", "evt_5", "evt_6", "evt_1"}
	other := []string{"evt_6", "evt_3", "evt_5", "evt_1", "evt_1", "evt_4", "evt_1", "evt_2", "evt_1", "evt_2", "evt_3"}
	first := fates(t, 1, order)
	if diff := cmp.Diff(first, fates(t, 1, other)); diff != "" {
		t.Errorf("another order, -first +other:\n%s", diff)
	}
	if cmp.Equal(first, fates(t, 2, order)) {
		t.Errorf("another seed: the same fates %v", first)
	}
}

func TestStripe(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]stripe.Fault{
		faults.Stripe429: stripe.FaultRateLimit, faults.Stripe500: stripe.FaultError,
		faults.StripeHang: stripe.FaultHang, faults.StripeTrickle: stripe.FaultTrickle,
		faults.StripeTruncate: stripe.FaultTruncate, faults.StripeReset: stripe.FaultReset,
	} {
		i, w := always(t, name)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://x/v2/core/events/evt_1", nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := i.Stripe(r); got != "" {
			t.Errorf("%s: %q before the start, want none", name, got)
		}
		i.Start(nobody())
		if got := i.Stripe(r); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		i.Heal()
		if got := i.Stripe(r); got != "" {
			t.Errorf("%s: %q when healed, want none", name, got)
		}
		if diff := cmp.Diff([]string{name}, w.struck()); diff != "" || w.steps[0].Batch[0] != "evt_1" {
			t.Errorf("%s: told of %+v, want it once with the event", name, w.steps)
		}
	}
}

// TestStormsStrikeInARow: with a share below one, a storm takes whole runs of requests and leaves whole runs alone.
func TestStormsStrikeInARow(t *testing.T) {
	t.Parallel()
	i, err := faults.New(&faults.Options{Names: []string{faults.Stripe429}, Share: 0.5, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	i.Start(nobody())
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
		t.Errorf("%d of 400 requests struck, the weather changed %d times; want runs of twenty", struck, changes)
	}
}
