package aws

import (
	"context"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
)

// Quiet waits until nothing is on its way: no request, no batch, no delivery, and no message in a queue that has a consumer.
func (s *Stack) Quiet(ctx context.Context) error {
	return s.whenQuiet(ctx, func() {})
}

// Hasten is Quiet without the waiting for messages that only wait: while nobody works, the stack's clock skips to the moment at
// which the next message is due.
func (s *Stack) Hasten(ctx context.Context) error {
	const enough = 5 // looks in a row, so that a batch between queue and function is not taken for a waiting one
	idle := 0
	return s.whenQuiet(ctx, func() {
		idle++
		if s.inFlight.Load() > 0 || s.waiting(func(stats sqs.Stats) int { return stats.Visible }) {
			idle = 0
		}
		if idle >= enough {
			s.skipToNext()
			idle = 0
		}
	})
}

// skipToNext lets the clock skip to the moment at which a message of a consumed queue changes by itself.
func (s *Stack) skipToNext() {
	var next time.Time
	for _, q := range s.queues {
		if due := q.Due(); q.consumed && !due.IsZero() && (next.IsZero() || due.Before(next)) {
			next = due
		}
	}
	if !next.IsZero() {
		s.clock.Skip(next.Sub(s.clock.Now()))
	}
}

// whenQuiet returns when all is quiet and calls meanwhile as often as it looks.
func (s *Stack) whenQuiet(ctx context.Context, meanwhile func()) error {
	const interval = 10 * time.Millisecond
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for !s.isQuiet() {
		meanwhile()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// isQuiet looks at the counter on both sides of the queues: whatever leaves a queue is counted before it is deleted, and
// whatever is delivered into one is counted until it is there.
func (s *Stack) isQuiet() bool {
	if s.inFlight.Load() > 0 {
		return false
	}
	if s.waiting(func(stats sqs.Stats) int { return stats.Visible + stats.InFlight + stats.Delayed }) {
		return false
	}
	return s.inFlight.Load() == 0
}

// waiting tells whether a consumed queue holds messages that count.
func (s *Stack) waiting(count func(sqs.Stats) int) bool {
	for _, q := range s.queues {
		if q.consumed && count(q.Stats()) > 0 {
			return true
		}
	}
	return false
}

// working counts something as being worked on until the function it returns is called.
func (s *Stack) working() func() {
	s.inFlight.Add(1)
	return func() { s.inFlight.Add(-1) }
}
