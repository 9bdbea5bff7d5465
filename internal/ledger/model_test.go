package ledger_test

import (
	"fmt"

	"github.com/meterbridge/meterbridge/internal/ledger"
)

// A cell is a model of the ledger's record of one event. Instead of claim tokens, workers have
// numbers. Instead of times, a lease is live or over, and a record is fresh or expired.
type cell struct {
	phase            ledger.Phase
	holder, delivery int
	live, fresh      bool
	attempts         int
}

// A model is the behaviour of a ledger.
type model struct {
	claim  func(c cell, worker, delivery int) (cell, error)
	settle func(c cell, worker int, phase ledger.Phase, attempted bool) (cell, error)
}

// right is the behaviour that the ledger should have.
var right = model{claim, settle}

func claim(c cell, worker, delivery int) (cell, error) {
	switch {
	case c.phase == "", !c.fresh, c.phase == ledger.Deferred, c.phase == ledger.Claimed && !c.live,
		c.phase == ledger.Parked && c.delivery != delivery:
		return cell{ledger.Claimed, worker, delivery, true, true, c.attempts}, nil
	case c.phase == ledger.Claimed:
		return c, ledger.ErrHeld
	}
	return c, ledger.ErrDone
}

func settle(c cell, worker int, phase ledger.Phase, attempted bool) (cell, error) {
	mine := c.holder == worker
	switch {
	case phase == ledger.Emitted && c.phase != phase:
		return cell{phase, worker, c.delivery, false, true, c.attempts}, nil
	case phase != ledger.Emitted && c.phase == ledger.Claimed && mine:
		c.phase, c.live, c.fresh = phase, true, true
		if attempted {
			c.attempts++
		}
		return c, nil
	case c.phase == phase && mine: // settled before
		return c, nil
	}
	return c, ledger.ErrLost
}

func (c cell) known() bool {
	return c.done() || c.fresh && c.phase != "" && c.live
}

func (c cell) done() bool {
	return c.fresh && (c.phase == ledger.Emitted || c.phase == ledger.Parked)
}

// An op is an operation on a record.
type op struct {
	name      string // "claim", "settle", or the passing of time
	worker    int
	delivery  int
	phase     ledger.Phase
	attempted bool
}

func (o op) String() string {
	switch o.name {
	case "claim":
		return fmt.Sprintf("worker %d claims for delivery %d", o.worker, o.delivery)
	case "settle":
		return fmt.Sprintf("worker %d settles %s (attempted: %v)", o.worker, o.phase, o.attempted)
	}
	return o.name
}

// Ways in which time can pass.
const (
	leaseEnds     = "lease ends"
	recordsExpire = "records expire"
)

// ops are all operations of two workers.
func ops() []op {
	all := []op{{name: leaseEnds}, {name: recordsExpire}}
	for worker := range 2 {
		for delivery := range 2 {
			all = append(all, op{name: "claim", worker: worker, delivery: delivery})
		}
		for _, phase := range []ledger.Phase{ledger.Emitted, ledger.Parked, ledger.Deferred} {
			all = append(all, op{name: "settle", worker: worker, phase: phase, attempted: phase == ledger.Parked})
		}
	}
	return all
}

// apply carries out an operation on the model.
func (o op) apply(c cell) (cell, error) {
	switch o.name {
	case "claim":
		return claim(c, o.worker, o.delivery)
	case "settle":
		return settle(c, o.worker, o.phase, o.attempted)
	case recordsExpire:
		c.fresh = false
	}
	c.live = false
	return c, nil
}
