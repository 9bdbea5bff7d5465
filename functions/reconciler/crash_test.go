package reconciler

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/testbed"
)

// TestCrashPoints kills the reconciler after each of its calls, and runs it again. The table in
// docs/reliability.md has a row for each call, or for consecutive calls of one kind. The counts are
// how often a missing event was put on the bus after the crash and the next run.
func TestCrashPoints(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		runs int // before the one that crashes
		want []int
	}{
		"reconciler: republished": {0, []int{1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2}},
		"reconciler: rechecked":   {1, []int{2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3}},
	} {
		for after, want := range tt.want {
			b := newBed(t, map[string]string{"RECONCILE_LOOKBACK": "1h"})
			b.happened(t, "evt_1", ago(40*time.Minute))
			now := start
			run := func() {
				b.SetNow(now)
				_, _ = b.handler.Handle(t.Context(), Request{})
				now = now.Add(15 * time.Minute)
			}
			for range tt.runs {
				run()
			}
			crashing := b.Crash(after, b.Stripe.ServeHTTP)
			run()
			if after == len(tt.want)-1 {
				if diff := cmp.Diff(testbed.CrashPoints(t, "../../docs/reliability.md", name), slices.Compact(crashing.Calls())); diff != "" {
					t.Errorf("%s: calls in the table of crash points (-) and of the code (+):\n%s", name, diff)
				}
			}
			b.Crash(-1, b.Stripe.ServeHTTP)
			run()
			if got := len(b.Events()); got != want {
				t.Errorf("%s, crash after %d calls: the event was put %d times, want %d", name, after, got, want)
			}
		}
	}
}
