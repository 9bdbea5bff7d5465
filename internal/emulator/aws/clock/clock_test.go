package clock_test

import (
	"context"
	"errors"
	"math"
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

// TestSkip: whoever looks at the clock sees the skip, and it goes on at its factor.
func TestSkip(t *testing.T) {
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

func TestAfterFunc(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(60)
		fired := make(chan time.Time, 2)
		start := c.Now()
		c.AfterFunc(time.Hour, func() { fired <- c.Now() })
		stop := c.AfterFunc(time.Minute, func() { fired <- c.Now() })
		if !stop() {
			t.Error("stop() = false before the timer fired")
		}
		if got := (<-fired).Sub(start); got != time.Hour {
			t.Errorf("fired after %v, want %v", got, time.Hour)
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
