package clock_test

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/clock"
)

func TestNowRunsAtTheFactor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		factor float64
		want   time.Duration
	}{
		{1, time.Second},
		{600, 10 * time.Minute},
		{0.5, 500 * time.Millisecond},
		{0, time.Second},
		{-3, time.Second},
		{math.NaN(), time.Second},
		{math.Inf(1), time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := clock.New(tt.factor)
			start := c.Now()
			time.Sleep(time.Second)
			if got := c.Now().Sub(start); got != tt.want {
				t.Errorf("New(%v): one real second is %v, want %v", tt.factor, got, tt.want)
			}
		})
	}
}

// TestNowReflectsASkip, and continues at the clock's factor.
func TestNowReflectsASkip(t *testing.T) {
	t.Parallel()
	for _, factor := range []float64{1, 60} {
		synctest.Test(t, func(t *testing.T) {
			c := clock.New(factor)
			start := c.Now()
			c.Skip(time.Hour)
			c.Skip(-time.Minute)
			time.Sleep(time.Second)
			if got, want := c.Now().Sub(start), time.Hour+time.Duration(factor)*time.Second; got != want {
				t.Errorf("factor %v: a skipped hour and a second are %v, want %v", factor, got, want)
			}
		})
	}
}

func TestSleepTakesTheRealTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, start := clock.New(3600), time.Now()
		if err := c.Sleep(t.Context(), 6*time.Hour); err != nil {
			t.Fatalf("Sleep: %v", err)
		}
		if got, want := time.Since(start), 6*time.Second; got != want {
			t.Errorf("six hours at factor 3600 took %v, want %v", got, want)
		}
	})
}

func TestSleepEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := clock.New(1).Sleep(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Sleep = %v, want %v", err, context.DeadlineExceeded)
		}
	})
}

func TestRealSaturatesAndRoundsUp(t *testing.T) {
	t.Parallel()
	if got := clock.New(1e-9).Real(time.Hour * 24 * 365); got != math.MaxInt64 {
		t.Errorf("Real of a year on a nearly stopped clock = %d, want %d", got, int64(math.MaxInt64))
	}
	if got := clock.New(1000).Real(1); got != 1 {
		t.Errorf("Real(1ns) = %v, want 1ns: zero would make a waiter spin", got)
	}
}

// held is one piece of work that is held back until a time on its clock.
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

// TestTimeIsNotSkippedDuringWork, because work has its own deadlines.
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
