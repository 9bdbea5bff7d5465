package clock_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/clock"
)

// run runs a test in a bubble, where real time is exact and passes only while all goroutines wait.
func run(t *testing.T, f func(t *testing.T, c *clock.Clock)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { f(t, clock.New(1)) })
}

// passed fails the test unless d of the clock's time and real of real time have passed since the
// returned function was made.
func passed(t *testing.T, c *clock.Clock) func(what string, d, real time.Duration) {
	began, realBegan := c.Now(), time.Now()
	return func(what string, d, real time.Duration) {
		t.Helper()
		if got := c.Now().Sub(began); got != d {
			t.Errorf("%s: %v passed on the clock, want %v", what, got, d)
		}
		if got := time.Since(realBegan); got != real {
			t.Errorf("%s: %v of real time passed, want %v", what, got, real)
		}
	}
}

func sleep(t *testing.T, c *clock.Clock, d time.Duration) {
	t.Helper()
	if err := c.Sleep(t.Context(), d); err != nil {
		t.Errorf("Sleep: %v", err)
	}
}

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

// TestSleepTakesItsTime if nobody asks the clock to skip.
func TestSleepTakesItsTime(t *testing.T) {
	t.Parallel()
	for factor, want := range map[float64]time.Duration{1: 6 * time.Hour, 3600: 6 * time.Second, 1e-3: 6000 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			c := clock.New(factor)
			defer c.Work()()
			check := passed(t, c)
			sleep(t, c, 6*time.Hour)
			check("six hours", 6*time.Hour, want)
		})
	}
}

// TestSleepNeverEndsEarly, not even where the real time of a moment is a fraction of a nanosecond
// or beyond what a timer can count.
func TestSleepNeverEndsEarly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(1000)
		defer c.Work()()
		for range 5 {
			until := c.Now().Add(1)
			sleep(t, c, 1)
			if now := c.Now(); now.Before(until) {
				t.Errorf("ended %v early", until.Sub(now))
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(1e-9)
		defer c.Work()()
		ctx, cancel := context.WithTimeout(t.Context(), 24*365*time.Hour)
		defer cancel()
		if err := c.Sleep(ctx, 24*365*time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Sleep of a year on a clock that nearly stands still = %v, want the context's error", err)
		}
	})
}

func TestWaitEndsWithItsContextOrItsChannel(t *testing.T) {
	run(t, func(t *testing.T, c *clock.Clock) {
		done := c.Work()
		check := passed(t, c)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Sleep(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Sleep = %v, want %v", err, context.DeadlineExceeded)
		}
		wake := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(wake) })
		if err := c.Wait(t.Context(), time.Time{}, clock.Due, wake); err != nil {
			t.Errorf("Wait = %v", err)
		}
		done()
		if err := c.WaitIdle(t.Context()); err != nil {
			t.Errorf("WaitIdle: %v", err)
		}
		check("a context and a channel, which leave nothing that is due", 2*time.Second, 2*time.Second)
	})
}

// TestIdleMeansThatNothingWorksOrIsDue: without skipping, a wait is waited for.
func TestIdleMeansThatNothingWorksOrIsDue(t *testing.T) {
	run(t, func(t *testing.T, c *clock.Clock) {
		check := passed(t, c)
		idle := func(what string, after time.Duration) {
			t.Helper()
			if err := c.WaitIdle(t.Context()); err != nil {
				t.Errorf("WaitIdle: %v", err)
			}
			check(what, after, after)
		}
		idle("at first", 0)
		done := c.Work()
		go func() {
			defer done()
			time.Sleep(time.Second)
			sleep(t, c, time.Hour)
			time.Sleep(time.Second)
		}()
		idle("work, a wait and work", time.Hour+2*time.Second)
		passing, cancel := context.WithCancel(t.Context())
		defer cancel()
		done = c.Work()
		go func() {
			defer done()
			c.Wait(passing, c.Now().Add(time.Hour), clock.Passing, nil)
		}()
		idle("a moment that passes by itself", time.Hour+2*time.Second)
	})
}

func TestWaitIdleEndsWithItsContext(t *testing.T) {
	run(t, func(t *testing.T, c *clock.Clock) {
		defer c.Work()()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		check := passed(t, c)
		if err := c.FastForward(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("FastForward = %v, want the context's error", err)
		}
		check("work, during which nothing is skipped", time.Minute, time.Minute)
	})
}

// TestWaitsAreSkippedInOrder, each at its moment, and what a wait makes somebody do takes its time.
func TestWaitsAreSkippedInOrder(t *testing.T) {
	run(t, func(t *testing.T, c *clock.Clock) {
		began := c.Now()
		var mu sync.Mutex
		var woken []time.Duration
		for _, d := range []time.Duration{3 * time.Hour, time.Hour, 2 * time.Hour, 2 * time.Hour} {
			done := c.Work()
			go func() {
				defer done()
				sleep(t, c, d)
				mu.Lock()
				woken = append(woken, c.Now().Sub(began))
				mu.Unlock()
				time.Sleep(time.Minute)
			}()
		}
		check := passed(t, c)
		if err := c.FastForward(t.Context()); err != nil {
			t.Fatal(err)
		}
		if want := []time.Duration{time.Hour, 2 * time.Hour, 2 * time.Hour, 3 * time.Hour}; !slices.Equal(woken, want) {
			t.Errorf("woken after %v, want %v", woken, want)
		}
		check("three moments and a minute of work after each", 3*time.Hour+time.Minute, 3*time.Minute)
	})
}

// TestPassingMomentsAreReachedOnTheWay to one that is due, and nothing is skipped for their sake.
func TestPassingMomentsAreReachedOnTheWay(t *testing.T) {
	run(t, func(t *testing.T, c *clock.Clock) {
		runs := 0
		ctx, cancel := context.WithCancel(t.Context())
		done := c.Work()
		go func() {
			defer done()
			for next := c.Now().Add(time.Hour); c.Wait(ctx, next, clock.Passing, nil) == nil; next = next.Add(time.Hour) {
				runs++
			}
		}()
		defer cancel()
		defer c.Skip()()
		check := passed(t, c)
		time.Sleep(time.Minute)
		synctest.Wait()
		check("nothing is due", time.Minute, time.Minute)
		done = c.Work()
		sleep(t, c, 150*time.Minute)
		done()
		check("a wait", 151*time.Minute, time.Minute)
		if runs != 2 {
			t.Errorf("%d runs on the way, want 2", runs)
		}
	})
}

// TestHoldsPassInRealTime, side by side.
func TestHoldsPassInRealTime(t *testing.T) {
	run(t, func(t *testing.T, c *clock.Clock) {
		defer c.Skip()()
		for range 10 {
			c.Hold(time.Now().Add(70 * time.Second))
		}
		release := c.Hold(time.Now().Add(time.Hour))
		time.AfterFunc(time.Minute, release)
		c.Hold(time.Now().Add(-time.Hour))
		done := c.Work()
		check := passed(t, c)
		sleep(t, c, 6*time.Minute)
		check("a wait of six minutes", 6*time.Minute, 70*time.Second)
		done()
		release()
		if err := c.WaitIdle(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestAlarmRingsAtItsLastMoment, and counts as work while it rings.
func TestAlarmRingsAtItsLastMoment(t *testing.T) {
	run(t, func(t *testing.T, c *clock.Clock) {
		check := passed(t, c)
		rings := 0
		alarm := c.Alarm(func() {
			rings++
			check("the ring", 2*time.Hour, 0)
			time.Sleep(time.Minute)
		})
		alarm.Set(c.Now().Add(time.Hour), clock.Due)
		alarm.Set(c.Now().Add(2*time.Hour), clock.Due)
		other := c.Alarm(func() { t.Error("an alarm that is not set rang") })
		other.Set(c.Now().Add(time.Hour), clock.Due)
		other.Set(time.Time{}, clock.Due)
		if err := c.FastForward(t.Context()); err != nil {
			t.Fatal(err)
		}
		check("the alarm", 2*time.Hour+time.Minute, time.Minute)
		alarm.Set(c.Now().Add(time.Hour), clock.Passing)
		if err := c.FastForward(t.Context()); err != nil {
			t.Fatal(err)
		}
		check("an alarm that passes by itself", 2*time.Hour+time.Minute, time.Minute)
		if rings != 1 {
			t.Errorf("%d rings, want 1", rings)
		}
	})
}

// TestTimePassesAtItsOwnPaceDuringWork: many workers work, wait, hand work over to each other and
// wake each other, in random order; whoever works sees exactly the time pass that it takes.
func TestTimePassesAtItsOwnPaceDuringWork(t *testing.T) {
	run(t, func(t *testing.T, c *clock.Clock) {
		defer c.Skip()()
		random := rand.New(rand.NewPCG(1, 2))
		began, realBegan := c.Now(), time.Now()
		var workers sync.WaitGroup
		var work func(random *rand.Rand, generations int)
		work = func(random *rand.Rand, generations int) { // its caller has counted it as work
			for range 20 {
				check := passed(t, c)
				d := time.Duration(random.IntN(5)) * time.Second
				time.Sleep(d)
				check("work", d, d)
				switch random.IntN(4) {
				case 0:
					if generations > 0 {
						next, done := rand.New(rand.NewPCG(random.Uint64(), 1)), c.Work()
						workers.Go(func() {
							defer done()
							work(next, generations-1)
						})
					}
				case 1:
					wake := make(chan struct{})
					c.Alarm(func() { close(wake) }).Set(c.Now().Add(time.Duration(random.IntN(1000))*time.Second), clock.Due)
					c.Wait(t.Context(), time.Time{}, clock.Due, wake)
				case 2:
					sleep(t, c, time.Duration(random.IntN(3600))*time.Second)
				case 3:
					c.Wait(t.Context(), c.Now().Add(time.Second), clock.Passing, nil)
				}
			}
		}
		for range 10 {
			next, done := rand.New(rand.NewPCG(random.Uint64(), 1)), c.Work()
			workers.Go(func() {
				defer done()
				work(next, 2)
			})
		}
		workers.Wait()
		passed, real := c.Now().Sub(began), time.Since(realBegan)
		if passed < real+time.Hour {
			t.Errorf("%v passed in %v, want hours that were skipped", passed, real)
		}
	})
}

func TestWaitByACallerThatDoesNotWorkPanics(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	clock.New(1).Sleep(t.Context(), 0)
}
