package soak

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
)

// plan says what is sent. Each event's fate depends on the seed and its number alone.
type plan struct {
	seed        uint64
	events      int
	undelivered bool // whether Stripe gives up some deliveries, which somebody must then find
}

// event is one authentic event of the plan.
type event struct {
	id        string
	thin      []byte
	full      []byte // nil: Stripe does not know it any more
	delivered bool   // whether Stripe ever delivers it
	twice     bool   // whether Stripe delivers it twice
}

// Of a hundred events: one that Stripe has forgotten, which ends parked; one that Stripe never delivers; ten that it delivers
// twice. One forged delivery comes with every twenty events.
const (
	forgotten   = 0.01
	undelivered = 0.01
	twice       = 0.10
	forgedEvery = 20
)

// forgedPrefix begins the ids of events that are not authentic.
const forgedPrefix = "evt_forged_"

// id returns the id of the event with that number, and its fate in [0, 1).
func (p plan) id(n int) (string, float64) {
	fate := rand.New(rand.NewPCG(p.seed, uint64(n))).Float64()
	if fate < forgotten {
		return fmt.Sprintf("evt_missing_%06d", n), fate // the sandbox's prefix for what it is not to know
	}
	return fmt.Sprintf("evt_soak_%06d", n), fate
}

func (p plan) event(n int, samples []stripe.Sample, created time.Time) event {
	id, fate := p.id(n)
	sample := samples[n%len(samples)].Renew(id, created)
	e := event{id: id, thin: sample.Thin, delivered: true, twice: fate >= 1-twice}
	if fate >= forgotten {
		e.full = sample.Full
		e.delivered = !p.undelivered || fate >= forgotten+undelivered
	}
	return e
}

// deliverable is about how many events can end without a reconciler.
func (p plan) deliverable() int {
	if p.undelivered {
		return int(float64(p.events) * (1 - undelivered))
	}
	return p.events
}
