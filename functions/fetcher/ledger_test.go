package fetcher

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/awstest"
	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/ledger"
)

// tried puts a number of failed attempts on record.
func (s *stack) tried(t *testing.T, id string, times int) {
	t.Helper()
	for range times {
		claim, err := s.ledger.Claim(t.Context(), ledger.Event{ID: id, Context: "acct_1/acct_2"}, "m", start.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.ledger.Settle(t.Context(), claim, ledger.Settlement{Phase: ledger.Deferred, Attempted: true}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOncePerEvent is guarantee 4 in the ordinary case.
func TestOncePerEvent(t *testing.T) {
	t.Parallel()
	s := newStack(t, known)
	event := thin("evt_1", meterType)
	if got := s.run(t, record("first", event), record("redelivery", event)); len(got) != 1 {
		t.Errorf("failed items %v, want one of the two, while the other is at work", got)
	}
	if got := s.run(t, record("first", event), record("redelivery", event), record("replay", event)); len(got) != 0 {
		t.Errorf("failed items %v, want none", got)
	}
	if len(s.requests) != 1 || len(s.published) != 1 || len(s.parked) != 0 {
		t.Errorf("%d requests, %d events on the bus and %d dead letters, want 1, 1 and none", len(s.requests), len(s.published), len(s.parked))
	}
	_, metrics := s.told(t)
	if metric(metrics, "Duplicate", "") != 3 || metric(metrics, "Deferred", "held") != 1 {
		t.Errorf("metrics %v, want Duplicate 3 times and Deferred by held once", metrics)
	}
}

// TestSameIDInAnotherContext: accounts are not trusted to have different event ids.
func TestSameIDInAnotherContext(t *testing.T) {
	t.Parallel()
	s := newStack(t, known)
	event := thin("evt_1", meterType)
	s.run(t, record("1", event), record("2", strings.Replace(event, "acct_1/acct_2", "acct_3", 1)))
	if len(s.published) != 2 {
		t.Errorf("%d events on the bus, want 2", len(s.published))
	}
}

// TestFailureFreesTheEvent: what was noted on arrival and then failed must not be ignored ever
// after.
func TestFailureFreesTheEvent(t *testing.T) {
	t.Parallel()
	var up atomic.Bool
	s := newStack(t, func(w http.ResponseWriter, r *http.Request) {
		if !up.Load() {
			w.WriteHeader(500)
			return
		}
		known(w, r)
	})
	event := thin("evt_1", meterType)
	if got := s.run(t, record("first", event)); len(got) != 1 {
		t.Fatalf("failed items %v, want the one that Stripe refused", got)
	}
	up.Store(true)
	if got := s.run(t, record("resent", event)); len(got) != 0 || len(s.published) != 1 {
		t.Errorf("failed items %v and %d events on the bus, want none and 1", got, len(s.published))
	}
}

// TestParkedEventCanBeSentAgain: a redrive, a resend or a replay tries again, but the message that
// was parked does not come to the dead letters twice if SQS hands it out twice.
func TestParkedEventCanBeSentAgain(t *testing.T) {
	t.Parallel()
	var status atomic.Int64
	status.Store(404)
	s := newStack(t, func(w http.ResponseWriter, r *http.Request) {
		if status.Load() != 200 {
			w.WriteHeader(int(status.Load()))
			return
		}
		known(w, r)
	})
	event := thin("evt_1", meterType)
	for receives := range maxDoubtfulTries {
		s.run(t, received(receives+1, record("first", event)))
	}
	s.run(t, received(maxDoubtfulTries+1, record("first", event)))
	if len(s.parked) != 1 || len(s.requests) != maxDoubtfulTries {
		t.Fatalf("%d dead letters after %d requests, want 1 after %d", len(s.parked), len(s.requests), maxDoubtfulTries)
	}
	if got := s.run(t, record("redriven too early", event)); len(got) != 1 || len(s.parked) != 1 {
		t.Errorf("failed items %v and %d dead letters, want all the tries there are for the new message", got, len(s.parked))
	}
	status.Store(200)
	if got := s.run(t, record("redriven", event)); len(got) != 0 || len(s.published) != 2 || s.published[1].Source != bus.SourceEvent {
		t.Errorf("failed items %v and bus %v, want the full event after its failure", got, s.published)
	}
}

// TestStoryCountsEveryAttempt: the dead letter tells of the attempts of earlier messages, and of no
// receive that was none.
func TestStoryCountsEveryAttempt(t *testing.T) {
	t.Parallel()
	s := newStack(t, answers(404, ""))
	event := thin("evt_1", meterType)
	s.run(t, record("first", event))
	s.run(t, received(2, record("first", event)))
	claim, err := s.ledger.Claim(t.Context(), ledger.Event{ID: "evt_1", Context: "acct_1/acct_2"}, "another", start.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	s.run(t, received(maxDoubtfulTries, record("second", event))) // held: no attempt
	if err := s.ledger.Settle(t.Context(), claim, ledger.Settlement{Phase: ledger.Deferred}); err != nil {
		t.Fatal(err)
	}
	if s.run(t, received(4, record("third", event))); len(s.parked) != 0 {
		t.Fatal("parked after 3 attempts")
	}
	s.run(t, received(4, record("third", event)))
	s.run(t, received(5, record("third", event)))
	if len(s.parked) != 1 || s.parked[0].MessageAttributes["attempts"].StringValue != "5" {
		t.Errorf("parked %v, want attempts 5", s.parked)
	}
}

// TestCrashedHolder: the event of an instance that died is claimed again when its lease is over,
// and not before.
func TestCrashedHolder(t *testing.T) {
	t.Parallel()
	s := newStack(t, known)
	event, lease := thin("evt_1", meterType), start.Add(time.Minute)
	if _, err := s.ledger.Claim(t.Context(), ledger.Event{ID: "evt_1", Context: "acct_1/acct_2"}, "m", lease); err != nil {
		t.Fatal(err)
	}
	if got := s.run(t, record("m", event)); len(got) != 1 || len(s.requests) != 0 {
		t.Errorf("failed items %v after %d requests, want the event put off, unfetched", got, len(s.requests))
	}
	s.mu.Lock()
	s.now = lease
	s.mu.Unlock()
	if got := s.run(t, record("m", event)); len(got) != 0 || len(s.published) != 1 {
		t.Errorf("failed items %v and %d events on the bus, want none and 1", got, len(s.published))
	}
}

func TestLeaseOutlivesTheInvocation(t *testing.T) {
	t.Parallel()
	parts := memoryParts(new(memory), 0)
	parts.Now = func() time.Time { return start }
	f := New(parts)
	deadline := start.Add(time.Minute)
	ctx, cancel := context.WithDeadline(t.Context(), deadline)
	defer cancel()
	if got, want := f.lease(ctx), deadline.Add(10*time.Second); !got.Equal(want) {
		t.Errorf("lease until %v, want %v", got, want)
	}
	if got, want := f.lease(t.Context()), start.Add(15*time.Minute+10*time.Second); !got.Equal(want) {
		t.Errorf("lease without a deadline until %v, want %v", got, want)
	}
}

// TestLedgerDown: without the ledger nothing is fetched and nothing is lost.
func TestLedgerDown(t *testing.T) {
	t.Parallel()
	s := newStack(t, known)
	s.ledgerError = &awstest.Error{Status: 400, Code: "ProvisionedThroughputExceededException", Message: "too many"}
	got := s.run(t, record("m", thin("evt_1", meterType)), message("malformed", "{"))
	if diff := cmp.Diff([]string{"m"}, got); diff != "" || len(s.requests) != 0 || len(s.parked) != 1 {
		t.Errorf("%d requests, %d dead letters, failed items: -want +got:\n%s", len(s.requests), len(s.parked), diff)
	}
	_, metrics := s.told(t)
	if metric(metrics, "Deferred", "ledger") != 1 {
		t.Errorf("metrics %v, want Deferred by ledger once", metrics)
	}
}

// TestLedgerFailsAfterEmission: the event is on the bus, so that its message is done whether or not
// the ledger hears of it.
func TestLedgerFailsAfterEmission(t *testing.T) {
	t.Parallel()
	var s *stack
	s = newStack(t, func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.ledgerError = &awstest.Error{Status: 400, Code: "AccessDeniedException", Message: "not you"}
		s.mu.Unlock()
		known(w, r)
	})
	if got := s.run(t, record("m", thin("evt_1", meterType))); len(got) != 0 || len(s.published) != 1 {
		t.Errorf("failed items %v and %d events on the bus, want none and 1", got, len(s.published))
	}
	_, metrics := s.told(t)
	if metric(metrics, "SideEffectFailed", "ledger") != 1 {
		t.Errorf("metrics %v, want SideEffectFailed by ledger once", metrics)
	}
}
