package fetcher

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

// gap returns the time from one admission to the next.
func (p *pacer) gap(t *testing.T) time.Duration {
	t.Helper()
	if err := p.wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := p.wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	return time.Since(began)
}

func TestRateLimitSlowsTheInstance(t *testing.T) {
	t.Parallel()
	limited := fmt.Errorf("retrieve event: %w", &stripeapi.Error{Status: 429})
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(8, time.Now)
		check := func(when string, want time.Duration) {
			t.Helper()
			if got := p.gap(t); got != want {
				t.Errorf("%s a request every %v, want %v", when, got, want)
			}
		}
		check("at first", time.Second/8)
		for range 10 { // a batch that went out together
			p.heed(limited)
		}
		check("after a volley of 429", time.Second/4)
		p.heed(&stripeapi.Error{Status: 500})
		p.heed(errTime)
		check("after what says nothing about the rate", time.Second/4)
		time.Sleep(settleTime)
		p.heed(limited)
		check("after 429 at the slower pace", time.Second/2)
		for range recovery / 4 {
			p.heed(nil)
		}
		check("after some answers", time.Second/4)
		for range recovery {
			p.heed(nil)
		}
		check("after many answers", time.Second/8)
		for range 20 {
			time.Sleep(settleTime)
			p.heed(limited)
		}
		check("after a storm", 2*time.Second)
	})
}

func TestSlowerPaceHoldsForThoseWhoWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(1, time.Now)
		began := time.Now()
		admitted := make(chan time.Duration, 3)
		for range 3 {
			go func() {
				if p.wait(t.Context()) == nil {
					admitted <- time.Since(began)
				}
			}()
		}
		synctest.Wait()
		p.heed(&stripeapi.Error{Status: 429}) // the answer to the first
		// The second had its time already. The third waits at half the pace, and for the second to be earned at it too.
		for i, want := range []time.Duration{0, time.Second, 4 * time.Second} {
			if got := <-admitted; got != want {
				t.Errorf("request %d was admitted after %v, want %v", i, got, want)
			}
		}
	})
}

func TestNoTurnBeforeTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(0.1, time.Now)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		for i, want := range []error{nil, errTime, errTime} {
			if err := p.wait(ctx); !errors.Is(err, want) || time.Since(began) != 0 {
				t.Errorf("wait %d = %v after %v, want %v at once", i, err, time.Since(began), want)
			}
		}
	})
}

func TestNoLimitStaysNone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(0, time.Now)
		p.heed(&stripeapi.Error{Status: 429})
		if got := p.gap(t); got != 0 {
			t.Errorf("a request every %v, want no wait", got)
		}
	})
}
