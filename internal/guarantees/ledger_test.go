package guarantees_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
)

// TestOncePerEventID attacks guarantee 4 with what Stripe does when an answer is lost: it delivers again.
func TestOncePerEventID(t *testing.T) {
	t.Parallel()
	h := newHarness(t, setup{})
	const id = "evt_test_again"
	sample := h.sample("error_report_triggered", id)
	for range 3 {
		if status := h.deliverSigned(sample.Thin); status != http.StatusOK {
			t.Errorf("answered %d, want 200", status)
		}
	}
	h.await("the full event", func() bool { return len(h.put(full)[id]) > 0 })
	h.deliverSigned(sample.Thin)
	h.quietButDeferred(id, 4)
	if got := h.put(full)[id]; len(got) != 1 {
		t.Errorf("emitted %d times, want once", len(got))
	}
}

// quietButDeferred waits until a number of deliveries were handled. Those that found the event held by another come again
// after half a minute, for which no test should wait.
func (h *harness) quietButDeferred(id string, deliveries int) {
	h.t.Helper()
	h.await("every delivery", func() bool {
		handled := 0
		for _, s := range h.all(activity.Invoked) {
			if s.Name == "FetcherFunction" {
				handled += s.Count
			}
		}
		return handled >= deliveries && len(h.put(thin)[id]) == deliveries
	})
}

// TestMissedDeliveriesAreFound is guarantee 6 in the running stack: what Stripe has and never delivered comes out in full,
// and what went its way before does not come out again.
func TestMissedDeliveriesAreFound(t *testing.T) {
	t.Parallel()
	h := newHarness(t, setup{})
	hourAgo := time.Now().Add(-time.Hour)
	ids := []string{"evt_test_missed", "evt_test_delivered"}
	var last stripe.Sample
	for _, id := range ids {
		last = stripe.Samples()[0].Renew(id, hourAgo)
		if err := h.sandbox.AddEvent(last.Full); err != nil {
			t.Fatal(err)
		}
	}
	if status := h.deliverSigned(last.Thin); status != http.StatusOK {
		t.Fatalf("answered %d, want 200", status)
	}
	h.quiet()
	if got := h.stack.RunSchedules(); len(got) != 1 {
		t.Fatalf("schedules %v, want the reconciler's", got)
	}
	h.quiet()
	for _, id := range ids {
		if got := h.put(full)[id]; len(got) != 1 {
			t.Errorf("%s was emitted %d times, want once\n%s", id, len(got), h.log())
		}
		if got := h.put(thin)[id]; len(got) != 1 {
			t.Errorf("%s was put on the bus %d times, want once", id, len(got))
		}
	}
}
