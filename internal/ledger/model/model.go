// Package model says how the ledger's record of one event changes, without DynamoDB.
//
// A [Cell] is such a record. The tests of package ledger compare a real table with it in every
// situation that a record can be in, and explore what two deliveries can do to it; package simulate
// keeps one for every simulated event. It supports tests only.
package model

import "github.com/meterbridge/meterbridge/internal/ledger"

// A Cell is the record of one event. The zero value means that there is none. Times are integers on
// any one scale, and holders and deliveries any numbers.
type Cell struct {
	Phase    ledger.Phase
	Holder   uint64 // of the claim
	Delivery uint64 // that made the claim
	Until    int64  // when the lease ends, or a deferred message should have been redelivered
	Expires  int64  // when the record counts as absent
	Attempts int
}

// Claim returns the record after a delivery has tried to claim the event. The error is
// [ledger.ErrHeld] or [ledger.ErrDone], and then nothing has changed.
func (c Cell) Claim(now int64, holder, delivery uint64, lease, expires int64) (Cell, error) {
	switch {
	case c.Phase == "", c.Expires <= now, c.Phase == ledger.Deferred, c.Phase == ledger.Claimed && c.Until <= now,
		c.Phase == ledger.Parked && c.Delivery != delivery:
		return Cell{ledger.Claimed, holder, delivery, lease, expires, c.Attempts}, nil
	case c.Phase == ledger.Claimed:
		return c, ledger.ErrHeld
	}
	return c, ledger.ErrDone
}

// Settle returns the record after a holder has tried to end its claim. The error is
// [ledger.ErrLost], and then nothing has changed. until is ignored for an emission.
func (c Cell) Settle(holder uint64, phase ledger.Phase, until, expires int64, attempted bool) (Cell, error) {
	mine := c.Holder == holder
	switch {
	case phase == ledger.Emitted && c.Phase != phase:
		return Cell{phase, holder, c.Delivery, 0, expires, c.Attempts}, nil
	case phase != ledger.Emitted && c.Phase == ledger.Claimed && mine:
		c.Phase, c.Until, c.Expires = phase, until, expires
		if attempted {
			c.Attempts++
		}
		return c, nil
	case c.Phase == phase && mine: // settled before
		return c, nil
	}
	return c, ledger.ErrLost
}

// Known reports what [ledger.Ledger.Known] does.
func (c Cell) Known(now int64) (known, done bool) {
	switch {
	case c.Phase == "", c.Expires <= now:
		return false, false
	case c.Phase == ledger.Emitted, c.Phase == ledger.Parked:
		return true, true
	}
	return c.Until > now, false
}
