package clock_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/clock"
)

// held is one piece of work that is held back until a moment of its clock.
type held struct {
	clock *clock.Clock
	mu    sync.Mutex
	until time.Time // zero: done
}

func (h *held) Pending() (now, later int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.until.IsZero():
		return 0, 0
	case h.clock.Now().Before(h.until):
		return 0, 1
	}
	return 1, 0
}

func (h *held) Due() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.until
}

// finish does the work a second after it may be done.
func (h *held) finish() {
	for {
		if now, later := h.Pending(); now > 0 {
			break
		} else if later == 0 {
			return
		}
		time.Sleep(time.Second)
	}
	defer h.clock.Work()()
	h.mu.Lock()
	h.until = time.Time{}
	h.mu.Unlock()
	time.Sleep(time.Second)
}

func TestWaitIdleWaitsForWorkAndForWhatIsPending(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(1)
		h := &held{clock: c, until: c.Now().Add(time.Hour)}
		go h.finish()
		started := time.Now()
		if err := c.WaitIdle(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(started); took < time.Hour+time.Second {
			t.Errorf("idle after %v, want an hour and the work's second", took)
		}
	})
}

func TestFastForwardSkipsToWhatIsDue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(1)
		h := &held{clock: c, until: c.Now().Add(time.Hour)}
		go h.finish()
		started, began := time.Now(), c.Now()
		if err := c.FastForward(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(started); took > 5*time.Second {
			t.Errorf("idle after %v of real time, want a few seconds", took)
		}
		if passed := c.Now().Sub(began); passed < time.Hour {
			t.Errorf("%v passed on the clock, want an hour", passed)
		}
	})
}

// TestTimeIsNotSkippedDuringWork: what works has a deadline of its own.
func TestTimeIsNotSkippedDuringWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(1)
		h := &held{clock: c, until: c.Now().Add(time.Hour)}
		done := c.Work()
		began := c.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := c.FastForward(ctx, h); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("FastForward = %v, want the context's error", err)
		}
		if passed := c.Now().Sub(began); passed != time.Minute {
			t.Errorf("%v passed on the clock, want the minute that passed", passed)
		}
		done()
	})
}
