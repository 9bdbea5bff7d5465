package replay

import (
	"context"

	"golang.org/x/time/rate"

	"github.com/meterbridge/meterbridge/internal/bus"
)

// slowBus puts so many entries a second on a bus, and no more than a second's worth, or a request's, at once.
type slowBus struct {
	bus     *bus.Bus
	limiter *rate.Limiter
}

func newSlowBus(b *bus.Bus, perSecond float64) slowBus {
	if perSecond == 0 {
		return slowBus{b, rate.NewLimiter(rate.Inf, bus.MaxEntries)}
	}
	return slowBus{b, rate.NewLimiter(rate.Limit(perSecond), max(1, min(bus.MaxEntries, int(perSecond))))}
}

// Put is that of a [bus.Bus]. Entries whose turn ctx does not live to see get its error.
func (s slowBus) Put(ctx context.Context, entries []bus.Entry) []error {
	results := make([]error, 0, len(entries))
	for len(results) < len(entries) {
		chunk := entries[len(results):]
		chunk = chunk[:min(len(chunk), s.limiter.Burst())]
		if err := s.limiter.WaitN(ctx, len(chunk)); err != nil {
			for len(results) < len(entries) {
				results = append(results, err)
			}
			return results
		}
		results = append(results, s.bus.Put(ctx, chunk)...)
	}
	return results
}
