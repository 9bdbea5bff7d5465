package webhook

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/meterbridge/meterbridge/internal/telemetry"
)

// A flood of forged requests must not become a flood of log lines, which cost more than the answers.
// Of the refusals with one reason, an instance logs the first fewRefusals and then one a minute,
// which also counts those in between. So the log and the metrics are exact as long as refusals are
// rare, as with a wrong signing secret.
const (
	fewRefusals   = 10
	refusalsEvery = time.Minute
)

// refusals counts refused requests that are not from Stripe. It is safe for concurrent use.
type refusals struct {
	mu    sync.Mutex
	tally map[answer]*tally // there are as many as reasons
}

// A tally is the refusals with one answer.
type tally struct {
	count int // since the last line
	lines *rate.Limiter
}

// add counts a refusal. It returns how many refusals a line about this one stands for; 0 means that
// it has no line.
func (r *refusals) add(a answer, now time.Time) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tally == nil {
		r.tally = make(map[answer]*tally)
	}
	t := r.tally[a]
	if t == nil {
		t = &tally{lines: rate.NewLimiter(rate.Every(refusalsEvery), fewRefusals)}
		r.tally[a] = t
	}
	t.count++
	return t.take(now)
}

// due returns the refusals without a line that can have one now, as samples. Otherwise the last of
// a flood would be counted only with the next one.
func (r *refusals) due(now time.Time) []telemetry.Sample {
	r.mu.Lock()
	defer r.mu.Unlock()
	var samples []telemetry.Sample
	for a, t := range r.tally {
		samples = append(samples, telemetry.CountReason(a.metric, a.reason, t.take(now)))
	}
	return samples
}

// take returns the count and starts a new one if a line may be written.
func (t *tally) take(now time.Time) int {
	if t.count == 0 || !t.lines.AllowN(now, 1) {
		return 0
	}
	n := t.count
	t.count = 0
	return n
}
