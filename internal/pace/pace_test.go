package pace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

// gap returns the time between two admissions.
func (p *Pacer) gap(t *testing.T) time.Duration {
	t.Helper()
	if err := p.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := p.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	return time.Since(began)
}

func TestRateLimitAnswersSlowThePace(t *testing.T) {
	t.Parallel()
	limited := fmt.Errorf("retrieve event: %w", &stripeapi.Error{Status: 429})
	synctest.Test(t, func(t *testing.T) {
		p := NewPacer(8, time.Now)
		check := func(when string, want time.Duration) {
			t.Helper()
			if got := p.gap(t); got != want {
				t.Errorf("%s a request every %v, want %v", when, got, want)
			}
		}
		check("at first", time.Second/8)
		for range 10 { // the answers to one batch
			p.Adapt(limited)
		}
		check("after several 429 at once", time.Second/4)
		p.Adapt(&stripeapi.Error{Status: 500})
		p.Adapt(context.DeadlineExceeded)
		check("after errors that are not about the rate", time.Second/4)
		time.Sleep(settleTime)
		p.Adapt(limited)
		check("after 429 at the slower pace", time.Second/2)
		for range recovery / 4 {
			p.Adapt(nil)
		}
		check("after some answers", time.Second/4)
		for range recovery {
			p.Adapt(nil)
		}
		check("after many answers", time.Second/8)
		for range 20 {
			time.Sleep(settleTime)
			p.Adapt(limited)
		}
		check("after many 429", 2*time.Second)
	})
}

func TestSlowerPaceHoldsForWaitingRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := NewPacer(1, time.Now)
		began := time.Now()
		admitted := make(chan time.Duration, 3)
		for range 3 {
			go func() {
				if p.Wait(t.Context()) == nil {
					admitted <- time.Since(began)
				}
			}()
		}
		synctest.Wait()
		p.Adapt(&stripeapi.Error{Status: 429}) // the answer to the first
		// The second had already reserved its time. The third waits at half the rate, including the
		// time for the second.
		for i, want := range []time.Duration{0, time.Second, 4 * time.Second} {
			if got := <-admitted; got != want {
				t.Errorf("request %d was admitted after %v, want %v", i, got, want)
			}
		}
	})
}

func TestWaitFailsAtOnceIfTheDeadlineIsTooEarly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := NewPacer(0.1, time.Now)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		for i, admitted := range []bool{true, false, false} {
			if err := p.Wait(ctx); (err == nil) != admitted || time.Since(began) != 0 {
				t.Errorf("wait %d = %v after %v, want admitted %v at once", i, err, time.Since(began), admitted)
			}
		}
	})
}

func TestUnlimitedPacerStaysUnlimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := NewPacer(0, time.Now)
		p.Adapt(&stripeapi.Error{Status: 429})
		if got := p.gap(t); got != 0 {
			t.Errorf("a request every %v, want no wait", got)
		}
	})
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestTransportSpreadsRequests(t *testing.T) {
	t.Parallel()
	answer := transportFunc(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(""))}, nil
	})
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		client := http.Client{Transport: Transport(answer, 4)}
		get := func(ctx context.Context) error {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://stripe.test", nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := client.Do(request)
			if err == nil {
				_ = response.Body.Close()
			}
			return err
		}
		for i := range 3 {
			if err := get(t.Context()); err != nil || time.Since(began) != time.Duration(i)*time.Second/4 {
				t.Errorf("request %d: %v after %v", i, err, time.Since(began))
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := get(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("request without enough time = %v, want %v", err, context.DeadlineExceeded)
		}
		if err := get(t.Context()); err != nil || time.Since(began) != 3*time.Second/4 {
			t.Errorf("the next request did not take the abandoned turn: %v after %v", err, time.Since(began))
		}
		if got := Transport(answer, 0); fmt.Sprintf("%T", got) != fmt.Sprintf("%T", answer) {
			t.Errorf("Transport without a limit = %T, want the transport itself", got)
		}
	})
}

func TestLeaveEndsBeforeTheDeadline(t *testing.T) {
	t.Parallel()
	deadline := time.Now().Add(time.Hour)
	ctx, cancel := context.WithDeadline(t.Context(), deadline)
	defer cancel()
	shorter, cancel := Leave(ctx, time.Minute)
	defer cancel()
	if got, _ := shorter.Deadline(); !got.Equal(deadline.Add(-time.Minute)) {
		t.Errorf("deadline %v, want a minute before %v", got, deadline)
	}
	without, cancel := Leave(t.Context(), time.Minute)
	defer cancel()
	if got, ok := without.Deadline(); ok {
		t.Errorf("deadline %v, want none", got)
	}
}
