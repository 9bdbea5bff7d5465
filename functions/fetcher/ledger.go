package fetcher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/meterbridge/meterbridge/internal/ledger"
)

// Ledger records the state of each event; [*ledger.Ledger] implements it.
type Ledger interface {
	Claim(ctx context.Context, event ledger.Event, delivery string, lease time.Time) (ledger.Claim, error)
	Settle(context.Context, ledger.Claim, ledger.Settlement) error
}

const (
	// leaseMargin is larger than the difference between two instances' clocks. Lambda ends a
	// function at its deadline, so a lease that is over by this margin belonged to an instance that
	// crashed.
	leaseMargin = 10 * time.Second

	// longestInvocation is Lambda's limit, for a context without a deadline.
	longestInvocation = 15 * time.Minute

	// redeliveryMargin is the time after its delay within which SQS should have redelivered a
	// deferred message, even from a long queue.
	redeliveryMargin = 10 * time.Minute
)

// lease returns when the claims of this invocation end if it crashes.
func (h *Handler) lease(ctx context.Context) time.Time {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = h.parts.Now().Add(longestInvocation)
	}
	return deadline.Add(leaseMargin)
}

// claim takes the event of a delivery, so that no other delivery works on it.
func (h *Handler) claim(ctx context.Context, d *delivery, share time.Duration, lease time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, share)
	defer cancel()
	claim, err := h.parts.Ledger.Claim(ctx, ledger.Event{ID: d.thin.ID, Context: d.thin.Context}, d.message.MessageId, lease)
	if err != nil {
		return fmt.Errorf("%w: %w", errLedger, err)
	}
	d.claim = &claim
	return nil
}

var phases = map[outcome]ledger.Phase{emitted: ledger.Emitted, deferred: ledger.Deferred, parked: ledger.Parked}

// settleClaim settles the claim of a delivery. If that fails the event stays claimed until the lease
// ends; an emitted event can then be emitted again if it is redelivered.
func (h *Handler) settleClaim(ctx context.Context, d *delivery, delay time.Duration) error {
	s := ledger.Settlement{Phase: phases[d.verdict.outcome], Reason: d.verdict.reason, Attempted: d.attempted()}
	if d.err != nil {
		s.LastError = clip(d.err.Error(), maxLastError)
	}
	if s.Phase == ledger.Deferred {
		s.Until = h.parts.Now().Add(delay + redeliveryMargin)
	}
	return h.parts.Ledger.Settle(ctx, *d.claim, s)
}

// attempted reports whether the failure of a claimed delivery was its own, and not just a lack of
// time.
func (d *delivery) attempted() bool { return !errors.Is(d.err, errTime) }

// attempts returns the number of failed attempts, this one included: by the ledger's count, which
// covers the event's other deliveries, or by SQS's if there is no claim.
func (d *delivery) attempts() int {
	if d.claim == nil {
		return d.receives
	}
	return d.claim.Attempts + 1
}

// tries returns the number of attempts with this message. It counts neither receives without an
// attempt nor attempts with other messages: an event that an operator sends again starts over.
func (d *delivery) tries() int { return min(d.receives, d.attempts()) }
