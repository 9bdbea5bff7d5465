// Package pace decides when work may start and when it has to stop: rate limits for requests to
// Stripe, and deadlines that leave time for what follows.
//
// A [Pacer] adapts to Stripe's answers, [Transport] paces the requests of an HTTP client, and
// [Burst] limits the load that an operator's command adds to live traffic. Stripe documents its
// limits at https://docs.stripe.com/rate-limits.
package pace

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

// A 429 halves the rate of a [Pacer]. The full rate is restored after enough successful requests to
// show that Stripe can sustain it.
const (
	slowest  = 16 // the largest divisor of the full rate: a batch must still fit into an invocation
	recovery = 64 // successful requests that restore the full rate

	// settleTime is how long answers to requests sent at the previous rate may still arrive. Stripe
	// counts requests per second.
	settleTime = time.Second
)

// A Pacer admits requests to Stripe one by one, so that they are spread over each second. It is
// safe for concurrent use.
type Pacer struct {
	next chan struct{} // held by the next request, so that no other reserves a time before a change of the rate
	full rate.Limit    // rate.Inf means no limit and never changes
	now  func() time.Time

	mu      sync.Mutex
	limiter *rate.Limiter
	slowed  time.Time
}

// NewPacer returns a Pacer that admits perSecond requests a second; zero means no limit. There is
// no burst: it would add to the rate within a second, in every instance.
func NewPacer(perSecond float64, now func() time.Time) *Pacer {
	full := limit(perSecond)
	return &Pacer{next: make(chan struct{}, 1), limiter: rate.NewLimiter(full, 1), full: full, now: now}
}

func limit(perSecond float64) rate.Limit {
	if perSecond == 0 {
		return rate.Inf
	}
	return rate.Limit(perSecond)
}

// Wait blocks until the next request may start. It fails if ctx ends first, and at once if ctx's
// deadline is known to be too early.
func (p *Pacer) Wait(ctx context.Context) error {
	select {
	case p.next <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-p.next }()
	return p.limiter.Wait(ctx)
}

// Adapt adjusts the rate to the result of one request. A 429 within a second of another answers a
// request that was sent before the rate was halved, so it is ignored.
func (p *Pacer) Adapt(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	limit, now := p.limiter.Limit(), p.now()
	switch {
	case p.full == rate.Inf:
	case err == nil:
		p.limiter.SetLimit(min(limit+p.full/recovery, p.full))
	case errors.Is(err, stripeapi.ErrRateLimited) && now.Sub(p.slowed) >= settleTime:
		p.slowed = now
		p.limiter.SetLimit(max(limit/2, p.full/slowest))
	}
}

// Burst returns a limiter that admits perSecond units of work a second, with a burst of a second's
// worth or most, whichever is less. With a perSecond of zero only the burst is limited.
func Burst(perSecond float64, most int) *rate.Limiter {
	if perSecond == 0 {
		return rate.NewLimiter(rate.Inf, most)
	}
	return rate.NewLimiter(rate.Limit(perSecond), max(1, min(most, int(perSecond))))
}

// Transport returns a transport that starts at most perSecond requests a second, spread evenly;
// zero means no limit. A request whose context ends first is not sent.
func Transport(next http.RoundTripper, perSecond float64) http.RoundTripper {
	if perSecond == 0 {
		return next
	}
	return transport{next, rate.NewLimiter(rate.Limit(perSecond), 1)}
}

type transport struct {
	next    http.RoundTripper
	limiter *rate.Limiter
}

// RoundTrip implements [http.RoundTripper].
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	reserved := t.limiter.Reserve()
	timer := time.NewTimer(reserved.Delay())
	defer timer.Stop()
	select {
	case <-timer.C:
		return t.next.RoundTrip(r)
	case <-r.Context().Done():
		reserved.Cancel()
		return nil, r.Context().Err()
	}
}

// Leave returns a context that ends before ctx's deadline by the given time, which is left for what
// follows. Without a deadline it ends with ctx.
func Leave(ctx context.Context, left time.Duration) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-left))
}
