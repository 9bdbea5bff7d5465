package simulate

import "time"

// An oddity is something that is drawn for a single event.
type oddity int

const (
	oddForgotten   oddity = iota // Stripe lists it no longer and answers 404
	oddMistaken                  // Stripe answers with another event
	oddRetyped                   // Stripe answers with another type
	oddUnreadable                // Stripe answers with something that is not an event
	oddUnfetched                 // its type is not fetched
	oddSnapshot                  // a v1 event
	oddUndelivered               // Stripe never delivers it
	oddPartner                   // it arrives through Stripe's own EventBridge destination
	oddJunk                      // not an event at all, but somebody puts it into the queue
	oddForged                    // somebody forges an event besides it
	oddRepeated                  // Stripe delivers it again after its success
	oddLagging                   // Stripe's API finds it only after a while
	oddities
)

// A plan is everything about an event that does not depend on what happens.
type plan struct {
	created time.Duration // since the start; negative if it happened before
	typ     string
	live    bool
	account bool   // of a connected account
	kind    oddity // oddForgotten to oddJunk, or ordinary

	delivered bool // by Stripe, to the webhook
	listed    bool // by Stripe
	wanted    bool // fetched, if it arrives
	forged    bool
	repeated  time.Duration // after the first delivery; 0 means not
	lag       time.Duration // of a lagging event: until Stripe's API finds it
	listLag   time.Duration // until Stripe lists it
}

const ordinary = oddities

// The longest lags that Meterbridge promises to bear: an event is not given up as unknown within five
// minutes, and one listed within twenty minutes is in the overlap of two runs.
const (
	longestLag     = 5 * time.Minute
	longestListLag = 19 * time.Minute
)

// plan returns the plan of an event.
func (w *world) plan(i uint32) plan {
	c := w.settings
	draw := func(n uint64) uint64 { return w.seed.at(placePlan, uint64(i), n) }
	p := plan{created: w.created(i), kind: ordinary, typ: c.types[draw(0)%uint64(len(c.types))]}
	p.live = c.modes == 2 && draw(1)%2 == 0
	p.account = c.account && draw(2)%3 == 0
	odd := func(o oddity) bool { return unit(draw(10+uint64(o))) < c.odd[o] }
	past := int(i) < c.past
	for o := oddForgotten; o <= oddJunk; o++ {
		if odd(o) && !past {
			p.kind = o
			break
		}
	}
	p.delivered = p.kind != oddUndelivered && p.kind != oddPartner && p.kind != oddJunk && !past
	p.listed = p.kind != oddForgotten && p.kind != oddSnapshot && p.kind != oddJunk
	p.wanted = p.kind != oddUnfetched && p.kind != oddSnapshot
	switch p.kind {
	case oddUnfetched:
		p.typ = unfetched
	case oddSnapshot:
		p.typ = "invoice.paid"
	}
	p.forged = odd(oddForged)
	if odd(oddRepeated) && p.delivered {
		p.repeated = spread(draw(3), time.Second, 6*time.Hour)
	}
	if odd(oddLagging) && p.delivered {
		p.lag = between(draw(4), 0, longestLag)
		p.listLag = between(draw(5), p.lag, longestListLag)
	} else if draw(6)%4 == 0 || p.kind == oddUndelivered && draw(6)%2 == 0 {
		p.listLag = between(draw(5), 0, longestListLag)
	}
	return p
}

// created returns when an event happens. Events are numbered in the order in which they happen.
func (w *world) created(i uint32) time.Duration {
	c := w.settings
	if int(i) < c.past { // within the look-back, with some room for the first run to come late
		step := (c.lookback - c.lookback/8) / time.Duration(c.past)
		return -step * time.Duration(c.past-int(i))
	}
	jitter := between(w.seed.at(placePlan, uint64(i), 1000), 0, c.interval)
	return c.interval*time.Duration(int(i)-c.past) + jitter
}

// last returns when the last event happens.
func (w *world) last() time.Duration { return w.created(uint32(max(len(w.events)-1, 0))) }
