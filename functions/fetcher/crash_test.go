package fetcher

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/testbed"
)

// traces counts the effects of an event: full events and announcements on the bus, and letters.
type traces struct{ emitted, announced, letters int }

func (b bed) traces(t *testing.T) traces {
	t.Helper()
	found := traces{letters: b.DeadLetters.Stats().Visible}
	for _, e := range b.Events() {
		switch e.Source {
		case bus.SourceEvent:
			found.emitted++
		case bus.SourceFailure:
			found.announced++
		}
	}
	return found
}

// TestCrashPoints kills the fetcher after each of its calls and redelivers the message. The table
// in docs/reliability.md has a row for each call, which explains these counts.
func TestCrashPoints(t *testing.T) {
	t.Parallel()
	another := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, full("evt_2", meterType)) }
	failing := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }
	for name, tt := range map[string]struct {
		stripe http.HandlerFunc
		want   []traces // after a crash following that many calls, and the redelivery
	}{
		"fetcher: emitted":  {known, []traces{{1, 0, 0}, {1, 0, 0}, {1, 0, 0}, {2, 0, 0}, {1, 0, 0}}},
		"fetcher: parked":   {another, []traces{{0, 1, 1}, {0, 1, 1}, {0, 1, 1}, {0, 2, 1}, {0, 2, 2}, {0, 1, 1}}},
		"fetcher: deferred": {failing, []traces{{0, 0, 0}, {0, 0, 0}, {0, 0, 0}, {0, 0, 0}, {0, 0, 0}}},
	} {
		for after, want := range tt.want {
			b := newBed(t, nil)
			crashing := b.Crash(after, tt.stripe)
			b.run(t, record("m", thin("evt_1", meterType)))
			if after == len(tt.want)-1 { // the last call: none is left
				if diff := cmp.Diff(testbed.CrashPoints(t, "../../docs/reliability.md", name), crashing.Calls()); diff != "" {
					t.Errorf("%s: calls in the table of crash points (-) and of the code (+):\n%s", name, diff)
				}
			}
			b.Crash(-1, tt.stripe)
			b.SetNow(start.Add(20 * time.Minute)) // the lease has ended
			failed := b.run(t, received(2, record("m", thin("evt_1", meterType))))
			if deferred := len(failed) == 1; deferred != (name == "fetcher: deferred") {
				t.Errorf("%s, crash after %d calls: failed items %v", name, after, failed)
			}
			if got := b.traces(t); got != want {
				t.Errorf("%s, crash after %d calls: %+v, want %+v", name, after, got, want)
			}
		}
	}
}
