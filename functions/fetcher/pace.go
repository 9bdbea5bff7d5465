package fetcher

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

// How the pace follows Stripe's answers: halved by a 429, and back at its full value after as many requests as it takes
// to prove that Stripe bears it.
const (
	slowest  = 16 // the full pace is never divided by more: a batch must still fit into an invocation
	recovery = 64 // requests that win back the full pace

	// settleTime is how long the answers of requests that began at the former pace may still come in. Stripe counts
	// requests by the second.
	settleTime = time.Second
)

// A pacer admits requests to Stripe one by one, so that they are spread over each second. It is safe for concurrent use.
type pacer struct {
	turn chan struct{} // held by the request that is next, so that no other has reserved its time before the pace changes

	mu      sync.Mutex
	limiter *rate.Limiter
	full    rate.Limit // rate.Inf is no limit, and stays that
	slowed  time.Time
	now     func() time.Time
}

// newPacer admits perSecond requests without a burst, which would add to the rate within a second, in every instance.
// Zero is no limit.
func newPacer(perSecond float64, now func() time.Time) *pacer {
	full := rate.Limit(perSecond)
	if perSecond == 0 {
		full = rate.Inf
	}
	return &pacer{turn: make(chan struct{}, 1), limiter: rate.NewLimiter(full, 1), full: full, now: now}
}

// wait waits for a turn at Stripe. If there is none before ctx's deadline it fails, at once as far as it can know.
func (p *pacer) wait(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return errTime
	}
	defer func() { <-p.turn }()
	if p.limiter.Wait(ctx) != nil {
		return errTime
	}
	return nil
}

// heed adapts the pace to one answer. A 429 that comes in soon after another means the pace of before.
func (p *pacer) heed(err error) {
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
