package reconciler

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/testbed"
)

// schedule is a bed with a schedule and a fetcher.
type schedule struct {
	bed
	now      time.Time
	fetching func(id string) bool // whether an event on the bus reaches the fetcher
	puts     map[string]int

	republished int // according to the metrics
}

func newSchedule(t *testing.T, changes map[string]string) *schedule {
	return &schedule{newBed(t, changes), start, func(string) bool { return false }, map[string]int{}, 0}
}

// run makes one run, lets the fetcher process the result, and advances the clock to the next run.
// It returns the metric Unfetched.
func (s *schedule) run(t *testing.T) float64 {
	t.Helper()
	s.SetNow(s.now)
	if _, err := s.handler.Handle(t.Context(), Request{}); err != nil {
		t.Fatal(err)
	}
	for _, id := range s.TakeIDs() {
		s.puts[id]++
		if known, _, err := s.ledger.Known(t.Context(), ledger.Event{ID: id}); err != nil || known || !s.fetching(id) {
			continue
		}
		s.settled(t, id, ledger.Settlement{Phase: ledger.Emitted})
	}
	s.now = s.now.Add(15 * time.Minute)
	_, metrics := s.Output(t)
	s.republished += int(metrics.Sum("Missing", "") + metrics.Sum("Republished", ""))
	return metrics.Sum("Unfetched", "")
}

// TestNothingIsGivenUpWhileTheRuleIsDisabled is guarantee 6: an event that was put on the bus
// during a fault is put there again afterwards, however long the fault lasted, and not many times
// more.
func TestNothingIsGivenUpWhileTheRuleIsDisabled(t *testing.T) {
	t.Parallel()
	for _, hours := range []int{1, 30, 5 * 24} {
		t.Run(fmt.Sprintf("%d hours", hours), func(t *testing.T) {
			t.Parallel()
			s := newSchedule(t, nil)
			for range 3 { // in order
				if unfetched := s.run(t); unfetched != 0 {
					t.Errorf("nothing has happened: Unfetched %v", unfetched)
				}
			}
			events := 0
			happen := func(n int) {
				for range n {
					s.happened(t, fmt.Sprintf("evt_%04d", events), s.now.Add(-10*time.Minute))
					events++
				}
			}
			happen(1)
			silent := 0
			for n := range 4 * hours {
				if unfetched := s.run(t); n >= 2 && unfetched == 0 {
					silent++
				}
				if n%4 == 0 && events < 100 {
					happen(25)
				}
			}
			if silent > 0 {
				t.Errorf("%d of %d runs do not count Unfetched", silent, 4*hours)
			}
			total := 0
			for _, n := range s.puts {
				total += n
			}
			if bound := 2*events + 10*8 + 10*hours; total > bound {
				t.Errorf("%d events were put %d times in %d hours, want at most %d", events, total, hours, bound)
			}
			if s.republished != total {
				t.Errorf("the metrics count %d events that were put, want %d", s.republished, total)
			}
			s.fetching = func(string) bool { return true }
			for range 12 { // three hours
				s.run(t)
			}
			if unfetched := s.run(t); unfetched != 0 {
				t.Errorf("three hours after the fault: Unfetched %v", unfetched)
			}
			for n := range events {
				id := fmt.Sprintf("evt_%04d", n)
				if known, _, err := s.ledger.Known(t.Context(), ledger.Event{ID: id}); err != nil || !known {
					t.Fatalf("%s was not fetched within three hours after the fault: %v", id, err)
				}
			}
		})
	}
}

// TestEventWhoseMessageIsLostIsRepublished: a fetcher has deferred the event, and then its queue was
// purged, or kept the message until it expired.
func TestEventWhoseMessageIsLostIsRepublished(t *testing.T) {
	t.Parallel()
	s := newSchedule(t, nil)
	s.run(t)
	s.happened(t, "evt_1", s.now.Add(-6*time.Minute))
	s.run(t)
	s.settled(t, "evt_1", ledger.Settlement{Phase: ledger.Deferred, Until: s.now.Add(3 * time.Hour)})
	for range 4 * 3 {
		s.run(t)
	}
	if n := s.puts["evt_1"]; n != 1 {
		t.Errorf("the event was put %d times before it was overdue, want once", n)
	}
	for range 3 {
		s.run(t)
	}
	if n := s.puts["evt_1"]; n < 2 {
		t.Errorf("the event was put %d times after it was overdue, want again", n)
	}
}

// TestEventsThatAreNeverFetchedDoNotHoldUpTheOthers: an event that no rule matches or that crashes
// every fetcher stays unknown forever.
func TestEventsThatAreNeverFetchedDoNotHoldUpTheOthers(t *testing.T) {
	t.Parallel()
	s := newSchedule(t, nil)
	s.run(t)
	s.fetching = func(id string) bool { return strings.HasPrefix(id, "evt_good") && s.now.After(start.Add(5*time.Hour)) }
	for n := range 24 {
		created := s.now.Add(time.Duration(n)*2*time.Minute - 14*time.Minute)
		s.happened(t, fmt.Sprintf("evt_bad_%02d", n), created)
		s.happened(t, fmt.Sprintf("evt_good_%02d", n), created)
	}
	for range 4 * 24 {
		if s.run(t) == 0 && s.now.After(start.Add(3*time.Hour)) && s.now.Before(start.Add(5*time.Hour)) {
			t.Errorf("at %v Unfetched is not counted", s.now)
		}
	}
	for n := range 24 {
		if known, _, err := s.ledger.Known(t.Context(), ledger.Event{ID: fmt.Sprintf("evt_good_%02d", n)}); err != nil || !known {
			t.Errorf("evt_good_%02d was not fetched in a day: %v", n, err)
		}
	}
	total := 0
	for id, n := range s.puts {
		if strings.HasPrefix(id, "evt_bad") {
			total += n
		}
	}
	if total > 24*2+15*24 {
		t.Errorf("the bad events were put %d times in a day, want about ten an hour", total)
	}
}

// TestRefusedEventDoesNotCountAsUnfetched: it never was on the bus, so no rule is at fault.
func TestRefusedEventDoesNotCountAsUnfetched(t *testing.T) {
	t.Parallel()
	s := newSchedule(t, nil)
	s.run(t)
	s.Refuse("InvalidArgument", testbed.Any)
	for n := range 8 {
		s.happened(t, fmt.Sprintf("evt_%d", n), s.now.Add(-6*time.Minute))
		if unfetched := s.run(t); unfetched != 0 {
			t.Errorf("run %d: Unfetched %v, want 0", n, unfetched)
		}
	}
}

// TestHealthyRunsReadAnEventThreeTimes: rechecks cost little as long as every event is fetched.
func TestHealthyRunsReadAnEventThreeTimes(t *testing.T) {
	t.Parallel()
	s := newSchedule(t, nil)
	s.fetching = func(string) bool { return true }
	s.run(t)
	s.run(t) // the look-back of the first rechecks
	s.happened(t, "evt_1", s.now.Add(-6*time.Minute))
	before := len(s.Requests())
	for range 8 {
		s.run(t)
	}
	if n := len(s.Requests()) - before; n > 2*8 {
		t.Errorf("%d lists in 8 runs, want two each", n)
	}
	if diff := cmp.Diff(map[string]int{"evt_1": 1}, s.puts); diff != "" {
		t.Errorf("puts: -want +got:\n%s", diff)
	}
}

// TestBacklogDoesNotCountAsUnfetched: the fetcher works through its queue, for over an hour.
func TestBacklogDoesNotCountAsUnfetched(t *testing.T) {
	t.Parallel()
	s := newSchedule(t, nil)
	s.run(t)
	for n := range 200 {
		s.happened(t, fmt.Sprintf("evt_%04d", n), s.now.Add(-6*time.Minute))
	}
	var queue []string
	counted := 0
	for range 12 {
		s.SetNow(s.now)
		if _, err := s.handler.Handle(t.Context(), Request{}); err != nil {
			t.Fatal(err)
		}
		queue = append(queue, s.TakeIDs()...)
		for _, id := range queue[:min(40, len(queue))] {
			if known, _, err := s.ledger.Known(t.Context(), ledger.Event{ID: id}); err == nil && !known {
				s.settled(t, id, ledger.Settlement{Phase: ledger.Emitted})
			}
		}
		queue = queue[min(40, len(queue)):]
		s.now = s.now.Add(15 * time.Minute)
		if _, metrics := s.Output(t); metrics.Sum("Unfetched", "") > 0 {
			counted++
		}
	}
	if counted > 0 {
		t.Errorf("Unfetched was counted in %d runs", counted)
	}
}

// organization returns a Stripe in which the key does not belong to an account:
// https://docs.stripe.com/keys/organization-api-keys.
func organization(b bed) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if account := r.Header.Get("Stripe-Context"); account == "" || account == "acct_refused" {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":{"message":"name an account"}}`)
			return
		}
		b.Stripe.ServeHTTP(w, r)
	}
}

// TestOwnAccountIsOptional: with the key of an organization only the configured accounts are
// compared.
func TestOwnAccountIsOptional(t *testing.T) {
	t.Parallel()
	for key, ownLists := range map[string]int{"sk_org_marker_key": 0, "sk_org_live_marker_key": 0, "rk_test_marker_without_an_account": 1} {
		b := newBed(t, map[string]string{"RECONCILE_CONTEXTS": "acct_a,acct_b", "RECONCILE_LOOKBACK": "1h"})
		b.PutSecret(t, testbed.APIKey, key)
		b.Answer(organization(b))
		if _, err := b.handler.Handle(t.Context(), Request{}); err != nil {
			t.Errorf("%s: handle = %v", key, err)
		}
		_, metrics := b.Output(t)
		lags := 0
		for _, m := range metrics {
			streams, _ := m["ReconcileLag"].([]any)
			lags += len(streams)
		}
		if metrics.Sum("ReconcileFailed", "") != 0 || lags != 2 {
			t.Errorf("%s: metrics %v, want no ReconcileFailed and two ReconcileLag", key, metrics)
		}
		var own int
		for _, r := range b.Requests() {
			if r.Context == "" {
				own++
			}
		}
		if own != ownLists {
			t.Errorf("%s: %d lists of the key's own account, want %d", key, own, ownLists)
		}
	}
	// Without accounts, or if they are refused too, there is an error to report.
	for _, contexts := range []string{"", "acct_refused"} {
		b := newBed(t, map[string]string{"RECONCILE_CONTEXTS": contexts, "RECONCILE_LOOKBACK": "1h"})
		b.PutSecret(t, testbed.APIKey, "sk_org_marker_key")
		b.Answer(organization(b))
		_, err := b.handler.Handle(t.Context(), Request{})
		if _, metrics := b.Output(t); err == nil || metrics.Sum("ReconcileFailed", "refused") == 0 {
			t.Errorf("contexts %q: handle = %v with metrics %v, want ReconcileFailed by refused", contexts, err, metrics)
		}
	}
}
