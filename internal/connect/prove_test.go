package connect_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/internal/connect"
)

// TestPingThatDoesNotArrive: a stack whose secret is another one's does not emit the ping.
func TestPingThatDoesNotArrive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.byHand(false)
	w.put("by-hand-by-hand-by-hand-by-hand-1", "whsec_"+strings.Repeat("a", 32))
	if _, err := w.connector(nil).Prove(t.Context(), d.ID, time.Minute); !errors.Is(err, connect.ErrNoArrival) {
		t.Errorf("error %v, want %v", err, connect.ErrNoArrival)
	}
	if passed := w.time().Sub(start); passed < time.Minute {
		t.Errorf("gave up after %s", passed)
	}
}

// TestPingIsRepeated: an instance of the webhook may know a new secret only after half a minute.
func TestPingIsRepeated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.byHand(true)
	w.current = -1 // the webhook has no secret yet
	var pings []string
	arrived, err := w.connector(func(o *connect.Options) {
		o.Report = func(s connect.Step) { pings = append(pings, s.ID) }
		o.Sleep = func(ctx context.Context, d time.Duration) error {
			err := w.sleep(ctx, d)
			if w.time().Sub(start) > 30*time.Second {
				w.mu.Lock()
				w.current = 0
				w.mu.Unlock()
			}
			return err
		}
	}).Prove(t.Context(), d.ID, time.Minute)
	if err != nil || len(pings) != 5 || arrived.Event.ID != pings[4] {
		t.Errorf("%v has arrived (%v) of the pings %v, want the fifth", arrived, err, pings)
	}
}
