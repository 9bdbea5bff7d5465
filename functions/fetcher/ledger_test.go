package fetcher

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/ledger"
)

// tried records a number of failed attempts.
func (b bed) tried(t *testing.T, id string, times int) {
	t.Helper()
	for range times {
		claim, err := b.ledger.Claim(t.Context(), ledger.Event{ID: id, Context: "acct_1/acct_2"}, "m", start.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if err := b.ledger.Settle(t.Context(), claim, ledger.Settlement{Phase: ledger.Deferred, Attempted: true}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestEventIsEmittedOnce is guarantee 4 in the ordinary case.
func TestEventIsEmittedOnce(t *testing.T) {
	t.Parallel()
	b := newBed(t, known)
	event := thin("evt_1", meterType)
	if got := b.run(t, record("first", event), record("redelivery", event)); len(got) != 1 {
		t.Errorf("failed items %v, want one of the two, while the other is at work", got)
	}
	if got := b.run(t, record("first", event), record("redelivery", event), record("replay", event)); len(got) != 0 {
		t.Errorf("failed items %v, want none", got)
	}
	if len(b.Requests()) != 1 || len(b.Events()) != 1 || len(b.Letters(t)) != 0 {
		t.Errorf("%d requests, %d events on the bus and %d dead letters, want 1, 1 and none", len(b.Requests()), len(b.Events()), len(b.Letters(t)))
	}
	_, metrics := b.Output(t)
	if metrics.Sum("Duplicate", "") != 3 || metrics.Sum("Deferred", "held") != 1 {
		t.Errorf("metrics %v, want Duplicate 3 times and Deferred by held once", metrics)
	}
}

// The event ids of two accounts are not guaranteed to differ.
func TestSameIDInAnotherContextIsAnotherEvent(t *testing.T) {
	t.Parallel()
	b := newBed(t, known)
	event := thin("evt_1", meterType)
	b.run(t, record("1", event), record("2", strings.Replace(event, "acct_1/acct_2", "acct_3", 1)))
	if len(b.Events()) != 2 {
		t.Errorf("%d events on the bus, want 2", len(b.Events()))
	}
}

// An event that was recorded on arrival and then failed must not be ignored forever.
func TestFailureReleasesTheEvent(t *testing.T) {
	t.Parallel()
	var up atomic.Bool
	b := newBed(t, func(w http.ResponseWriter, r *http.Request) {
		if !up.Load() {
			w.WriteHeader(500)
			return
		}
		known(w, r)
	})
	event := thin("evt_1", meterType)
	if got := b.run(t, record("first", event)); len(got) != 1 {
		t.Fatalf("failed items %v, want the one that Stripe refused", got)
	}
	up.Store(true)
	if got := b.run(t, record("resent", event)); len(got) != 0 || len(b.Events()) != 1 {
		t.Errorf("failed items %v and %d events on the bus, want none and 1", got, len(b.Events()))
	}
}

// A redrive, a resend or a replay tries again, but a message that was parked is not parked twice if
// SQS delivers it twice.
func TestParkedEventCanBeSentAgain(t *testing.T) {
	t.Parallel()
	var status atomic.Int64
	status.Store(404)
	b := newBed(t, func(w http.ResponseWriter, r *http.Request) {
		if status.Load() != 200 {
			w.WriteHeader(int(status.Load()))
			return
		}
		known(w, r)
	})
	event := thin("evt_1", meterType)
	for receives := range doubtfulLimit.tries {
		b.run(t, received(receives+1, record("first", event)))
	}
	b.run(t, received(doubtfulLimit.tries+1, record("first", event)))
	if len(b.Letters(t)) != 1 || len(b.Requests()) != doubtfulLimit.tries {
		t.Fatalf("%d dead letters after %d requests, want 1 after %d", len(b.Letters(t)), len(b.Requests()), doubtfulLimit.tries)
	}
	if got := b.run(t, record("redriven too early", event)); len(got) != 1 || len(b.Letters(t)) != 1 {
		t.Errorf("failed items %v and %d dead letters, want all the tries there are for the new message", got, len(b.Letters(t)))
	}
	status.Store(200)
	if got := b.run(t, record("redriven", event)); len(got) != 0 || len(b.Events()) != 2 || b.Events()[1].Source != bus.SourceEvent {
		t.Errorf("failed items %v and bus %v, want the full event after its failure", got, b.Events())
	}
}

// The count includes attempts with earlier messages, but no receive without an attempt.
func TestDeadLetterCountsEveryAttempt(t *testing.T) {
	t.Parallel()
	b := newBed(t, answers(404, ""))
	event := thin("evt_1", meterType)
	b.run(t, record("first", event))
	b.run(t, received(2, record("first", event)))
	claim, err := b.ledger.Claim(t.Context(), ledger.Event{ID: "evt_1", Context: "acct_1/acct_2"}, "another", start.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	b.run(t, received(doubtfulLimit.tries, record("second", event))) // held: not an attempt
	if err := b.ledger.Settle(t.Context(), claim, ledger.Settlement{Phase: ledger.Deferred}); err != nil {
		t.Fatal(err)
	}
	if b.run(t, received(4, record("third", event))); len(b.Letters(t)) != 0 {
		t.Fatal("parked after 3 attempts")
	}
	b.run(t, received(4, record("third", event)))
	b.run(t, received(5, record("third", event)))
	if len(b.Letters(t)) != 1 || b.Letters(t)[0].Attributes["attempts"] != "5" {
		t.Errorf("parked %v, want attempts 5", b.Letters(t))
	}
}

// The event is claimed again when the lease ends, and not before.
func TestEventOfACrashedInstanceIsClaimedAfterItsLease(t *testing.T) {
	t.Parallel()
	b := newBed(t, known)
	event, lease := thin("evt_1", meterType), start.Add(time.Minute)
	if _, err := b.ledger.Claim(t.Context(), ledger.Event{ID: "evt_1", Context: "acct_1/acct_2"}, "m", lease); err != nil {
		t.Fatal(err)
	}
	if got := b.run(t, record("m", event)); len(got) != 1 || len(b.Requests()) != 0 {
		t.Errorf("failed items %v after %d requests, want the event put off, unfetched", got, len(b.Requests()))
	}
	b.SetNow(lease)
	if got := b.run(t, record("m", event)); len(got) != 0 || len(b.Events()) != 1 {
		t.Errorf("failed items %v and %d events on the bus, want none and 1", got, len(b.Events()))
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

// Nothing is lost either.
func TestNothingIsFetchedWithoutTheLedger(t *testing.T) {
	t.Parallel()
	b := newBed(t, known)
	b.Fail("dynamodb", &awsjson.Error{Code: "ProvisionedThroughputExceededException"})
	got := b.run(t, record("m", thin("evt_1", meterType)), message("malformed", "{"))
	if diff := cmp.Diff([]string{"m"}, got); diff != "" || len(b.Requests()) != 0 || len(b.Letters(t)) != 1 {
		t.Errorf("%d requests, %d dead letters, failed items: -want +got:\n%s", len(b.Requests()), len(b.Letters(t)), diff)
	}
	_, metrics := b.Output(t)
	if metrics.Sum("Deferred", "ledger") != 1 {
		t.Errorf("metrics %v, want Deferred by ledger once", metrics)
	}
}

// While the ledger does not answer, no tries are used up, so the queue would otherwise delete the
// message after its 14 days, without a letter.
func TestMessageIsParkedBeforeItExpiresThoughTheLedgerIsDown(t *testing.T) {
	t.Parallel()
	b := newBed(t, known)
	b.Fail("dynamodb", &awsjson.Error{Code: "ProvisionedThroughputExceededException"})
	for parked, age := range []time.Duration{maxAge - time.Hour, maxAge} {
		m := record("m", thin("evt_1", meterType))
		m.Attributes["SentTimestamp"] = fmt.Sprint(start.Add(-age).UnixMilli())
		failed, letters := b.run(t, m), b.Letters(t)
		if len(failed) != 1-parked || len(letters) != parked {
			t.Errorf("after %v: failed items %v and letters %v, want %d parked", age, failed, letters, parked)
		}
		if parked == 1 && !strings.Contains(fmt.Sprintf("%+v", letters), "ledger") {
			t.Errorf("the letter %+v does not give the reason", letters)
		}
	}
}

// The event is on the bus, so its message is done whether or not the ledger records that.
func TestMessageIsDoneIfTheLedgerFailsAfterEmission(t *testing.T) {
	t.Parallel()
	var b bed
	b = newBed(t, func(w http.ResponseWriter, r *http.Request) {
		b.Fail("dynamodb", &awsjson.Error{Code: "AccessDeniedException"})
		known(w, r)
	})
	if got := b.run(t, record("m", thin("evt_1", meterType))); len(got) != 0 || len(b.Events()) != 1 {
		t.Errorf("failed items %v and %d events on the bus, want none and 1", got, len(b.Events()))
	}
	_, metrics := b.Output(t)
	if metrics.Sum("SideEffectFailed", "ledger") != 1 {
		t.Errorf("metrics %v, want SideEffectFailed by ledger once", metrics)
	}
}
