package fetcher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/meterbridge/meterbridge/internal/ledger"
)

// claims is a [ledger.Ledger].
type claims interface {
	Claim(ctx context.Context, event ledger.Event, delivery string, lease time.Time) (ledger.Claim, error)
	Settle(context.Context, ledger.Claim, ledger.Settlement) error
}

const (
	// leaseMargin is more than the clocks of two instances differ. Lambda ends a function at its deadline, so that a lease
	// that is over by then is a crash.
	leaseMargin = 10 * time.Second

	// longestInvocation is Lambda's limit, for a context without a deadline.
	longestInvocation = 15 * time.Minute

	// comeback is the time after its delay in which a deferred delivery should have come again, even if many wait.
	comeback = 10 * time.Minute
)

// lease returns when whatever this invocation claims is free again, should it die.
func (f *fetcher) lease(ctx context.Context) time.Time {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = f.now().Add(longestInvocation)
	}
	return deadline.Add(leaseMargin)
}

// claim takes the event of a delivery, so that no other works on it.
func (f *fetcher) claim(ctx context.Context, d *delivery, slot time.Duration, lease time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, slot)
	defer cancel()
	claim, err := f.ledger.Claim(ctx, ledger.Event{ID: d.thin.ID, Context: d.thin.Context}, d.message.MessageId, lease)
	if err != nil {
		return fmt.Errorf("%w: %w", errLedger, err)
	}
	d.claim = &claim
	return nil
}

var phases = map[outcome]ledger.Phase{emitted: ledger.Emitted, deferred: ledger.Deferred, parked: ledger.Parked}

// record tells the ledger what became of a claimed event. If that fails the event stays claimed until the lease ends; an
// emitted one can then be emitted again, should it be delivered again.
func (f *fetcher) record(ctx context.Context, d *delivery, delay time.Duration) error {
	s := ledger.Settlement{Phase: phases[d.verdict.outcome], Reason: d.verdict.reason, Attempted: d.attempted()}
	if d.err != nil {
		s.LastError = clip(d.err.Error(), maxLastError)
	}
	if s.Phase == ledger.Deferred {
		s.Until = f.now().Add(delay + comeback)
	}
	return f.ledger.Settle(ctx, *d.claim, s)
}

// attempted tells whether a claimed delivery got as far as to fail by its own.
func (d *delivery) attempted() bool { return !errors.Is(d.err, errTime) }

// attempts returns how often the event was tried in vain, this time included: by the ledger, which knows of the other
// deliveries, or by SQS if there is no claim.
func (d *delivery) attempts() int {
	if d.claim == nil {
		return d.receives
	}
	return d.claim.Attempts + 1
}

// tries returns how often this delivery was tried. Neither receives without an attempt count nor attempts of other
// deliveries: what an operator sends again gets all the patience there is.
func (d *delivery) tries() int { return min(d.receives, d.attempts()) }
