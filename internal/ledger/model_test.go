package ledger_test

import (
	"fmt"

	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/ledger/model"
)

// In these tests it is always time 0, and workers are the holders of claims. A lease is live or
// over, and a record is fresh or expired: then it has one of these times, otherwise 0.
const live, fresh = 1, 1

// A ledgerModel is the behaviour of a ledger.
type ledgerModel struct {
	claim  func(c model.Cell, worker, delivery int) (model.Cell, error)
	settle func(c model.Cell, worker int, phase ledger.Phase, attempted bool) (model.Cell, error)
}

// right is the behaviour that the ledger should have.
var right = ledgerModel{claim, settle}

func claim(c model.Cell, worker, delivery int) (model.Cell, error) {
	return c.Claim(0, uint64(worker), uint64(delivery), live, fresh)
}

func settle(c model.Cell, worker int, phase ledger.Phase, attempted bool) (model.Cell, error) {
	return c.Settle(uint64(worker), phase, live, fresh, attempted)
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
func (o op) apply(c model.Cell) (model.Cell, error) {
	switch o.name {
	case "claim":
		return claim(c, o.worker, o.delivery)
	case "settle":
		return settle(c, o.worker, o.phase, o.attempted)
	case recordsExpire:
		c.Expires = 0
	}
	c.Until = 0
	return c, nil
}
