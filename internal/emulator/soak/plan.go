package soak

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
)

// A plan decides what is sent. How an event is sent depends only on the seed and its number.
type plan struct {
	seed        uint64
	events      int
	undelivered bool // whether Stripe never delivers some events, which the reconciler must then find
}

type plannedEvent struct {
	id        string
	thin      []byte
	full      []byte // nil: Stripe no longer knows the event
	delivered bool   // whether Stripe ever delivers it
	twice     bool   // whether Stripe delivers it twice
}

// Of a hundred events, Stripe has forgotten one, which must be parked, never delivers another, and
// delivers ten twice. One forged delivery is sent for every twenty events.
const (
	forgotten   = 0.01
	undelivered = 0.01
	twice       = 0.10
	forgedEvery = 20
)

const forgedPrefix = "evt_forged_"

// id returns the id of event n, and the number in [0, 1) that determines how it is sent.
func (p plan) id(n int) (string, float64) {
	roll := rand.New(rand.NewPCG(p.seed, uint64(n))).Float64()
	if roll < forgotten {
		return fmt.Sprintf("evt_missing_%06d", n), roll // the sandbox does not learn ids with this prefix
	}
	return fmt.Sprintf("evt_soak_%06d", n), roll
}

func (p plan) event(n int, samples []stripe.Sample, created time.Time) plannedEvent {
	id, roll := p.id(n)
	sample := samples[n%len(samples)].Renew(id, created)
	e := plannedEvent{id: id, thin: sample.Thin, delivered: true, twice: roll >= 1-twice}
	if roll >= forgotten {
		e.full = sample.Full
		e.delivered = !p.undelivered || roll >= forgotten+undelivered
	}
	return e
}

// deliverable returns the approximate number of events that have an outcome without a reconciler.
func (p plan) deliverable() int {
	if p.undelivered {
		return int(float64(p.events) * (1 - undelivered))
	}
	return p.events
}
