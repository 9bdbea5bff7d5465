package reconcile

import (
	"net/http"
	"time"

	"golang.org/x/time/rate"
)

// Paced returns a transport that begins at most perSecond requests a second, spread evenly; zero is no limit. A request
// whose context ends first is not sent.
func Paced(next http.RoundTripper, perSecond float64) http.RoundTripper {
	if perSecond == 0 {
		return next
	}
	return paced{next, rate.NewLimiter(rate.Limit(perSecond), 1)}
}

type paced struct {
	next    http.RoundTripper
	limiter *rate.Limiter
}

// RoundTrip implements [http.RoundTripper].
func (p paced) RoundTrip(r *http.Request) (*http.Response, error) {
	turn := p.limiter.Reserve()
	timer := time.NewTimer(turn.Delay())
	defer timer.Stop()
	select {
	case <-timer.C:
		return p.next.RoundTrip(r)
	case <-r.Context().Done():
		turn.Cancel()
		return nil, r.Context().Err()
	}
}
