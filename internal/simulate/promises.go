package simulate

import (
	"strconv"
	"time"

	"github.com/meterbridge/meterbridge/internal/bus"
)

// confirmed records that the bus has confirmed an entry to an invocation.
func (v *invocation) confirmed(i uint32, source string) {
	for n := range v.items {
		item := &v.items[n]
		switch {
		case item.event != i:
		case source == bus.SourceFailure:
			item.announced = true
		case item.claim != 0:
			item.confirmed = true
		}
	}
	if v.from.kind == webhookKind {
		v.stored = true
	}
}

// explain looks at the emissions of an invocation that has ended. One that could not be recorded,
// because the process died, an answer was lost or the ledger failed, explains one more.
func (w *world) explain(v *invocation, alive bool) {
	for n := range v.items {
		item := &v.items[n]
		e := w.event(item.event)
		switch {
		case item.emissions == 0 || item.recorded:
		case !alive, !item.confirmed, item.settling:
			e.excused += uint16(item.emissions)
		}
		if item.letters > 0 && (!alive || !item.parked || !item.recorded) {
			e.reparked += uint16(item.letters)
		}
	}
}

// checkAnswer checks that the webhook accepts only what it has stored, and only what is Stripe's.
func (w *world) checkAnswer(d *delivery, v *invocation, status int) {
	switch {
	case status/100 != 2:
	case d.forgery != genuine:
		w.wrong(forged, d.event, "answered "+strconv.Itoa(status)+" to a delivery "+forgeryNames[d.forgery])
	case !v.stored:
		w.wrong(lost, d.event, "answered "+strconv.Itoa(status)+" before the bus had confirmed it")
	}
	if status/100 == 4 && d.forgery == genuine && w.knowsSecret() {
		w.wrong(broken, d.event, "answered "+strconv.Itoa(status)+" to a genuine delivery")
	}
}

// newSecretKnown is how long after a new signing secret is stored the webhook may not know it: 30 s
// may pass between two reads, which themselves take time.
const newSecretKnown = 40 * time.Second

// knowsSecret reports whether the webhook has no excuse for not knowing the signing secret.
func (w *world) knowsSecret() bool {
	for m := fails; m < modes; m++ {
		if w.settings.rates[faultOf(opSecret, m)] > 0 {
			return false
		}
	}
	now, of := w.schedule.now, w.secrets.signing
	return !w.hasWindow(secretsDown) && (now < of.rolled || now > of.stored+newSecretKnown)
}

// checkFinished checks a message that the fetcher does not report as failed.
func (w *world) checkFinished(i *item) {
	if !i.confirmed && !i.parked && !i.over {
		w.wrong(lost, i.event, "is deleted from the queue, and neither emitted nor parked nor done before")
	}
}

// checkKept checks a message that the fetcher reports as failed.
func (w *world) checkKept(i *item) {
	if i.confirmed || i.parked || i.over {
		w.wrong(broken, i.event, "stays in the queue although the fetcher knows that it is done")
	}
}

// The fetcher's promises about retries, from docs/operations.md and the design: tries, waits, and
// the age at which it gives up.
const (
	doubtfulTries = 5
	mostTries     = 50
	mostAge       = 13 * 24 * time.Hour
	firstWait     = 30 * time.Second
	longestWait   = time.Hour
)

// checkParked checks that there was a reason to give up an event, and that its letter is complete.
func (w *world) checkParked(i *item, attributes map[string]string) {
	p := w.plan(i.event)
	reason := attributes["reason"]
	var fair bool
	switch reason {
	case "not_found":
		fair = (w.forgotten(&p) || w.schedule.now < w.redriven+time.Minute) && p.kind == oddForgotten && i.receives >= doubtfulTries
	case "mismatch":
		fair = p.kind == oddMistaken || p.kind == oddRetyped
	case "no_event":
		fair = p.kind == oddUnreadable && i.receives >= doubtfulTries
	case "malformed":
		fair = p.kind == oddJunk
	default:
		fair = i.receives >= mostTries
	}
	if !fair && w.schedule.now-i.message.sent < mostAge {
		w.wrong(lost, i.event, "is parked as "+reason+" after "+strconv.Itoa(i.receives)+" receives, without a cause")
	}
	if !i.announced {
		w.wrong(broken, i.event, "is parked without an announcement")
	}
	if attributes["event_id"] != eventID(i.event) || p.kind != oddJunk && attributes["type"] != p.typ {
		w.wrong(broken, i.event, "is parked with other attributes than its own")
	}
	i.letters++
}

// checkDelay checks how long a message is deferred: the wait doubles with each receive, or with
// every other one if the failure was not the event's own, up to an hour, less at most a fifth.
func (w *world) checkDelay(i *item, delay time.Duration) {
	for _, receives := range []int{i.receives, i.receives / 2} {
		wait := min(firstWait<<min(max(receives-1, 0), 20), longestWait)
		if delay <= wait && delay >= wait-wait/5 {
			return
		}
	}
	w.wrong(broken, i.event, "is deferred by "+delay.String()+" after "+strconv.Itoa(i.receives)+" receives")
}

// checkLease checks that a claim lasts until its process has ended, by any clock, and not much
// longer.
func (w *world) checkLease(i uint32, v *invocation, lease time.Time) {
	after := lease.Sub(w.schedule.start) - v.deadline
	if after < 5*time.Second || after > time.Minute {
		w.wrong(broken, i, "is claimed until "+after.String()+" after the invocation's deadline")
	}
}

// checkPace checks that an instance sends no more requests to Stripe in any second than it may, and
// one more because a second has two ends.
func (w *world) checkPace(c *call) {
	if c.op != opGet && c.op != opList {
		return
	}
	most := int(w.settings.rateLimit) + 1
	asked := append(c.from.asked, w.schedule.now)
	if len(asked) > most {
		if within := asked[most] - asked[0]; within < time.Second {
			w.wrong(broken, c.id, c.from.name+" sends "+strconv.Itoa(most+1)+" requests to Stripe within "+within.String())
		}
		asked = append(asked[:0], asked[1:]...)
	}
	c.from.asked = asked
}

// lookBack records that the reconciler has stored from when on it looks at a stream. What is older is
// not owed, unless it is on its way anyway.
func (w *world) lookBack(stream string, s *streamState) {
	s.since = w.schedule.now - w.settings.lookback
	for n := range w.indexAt(s.since) {
		e := &w.events[n]
		p := w.plan(uint32(n))
		if w.streamOf(&p) == stream && e.messages == 0 && (e.stored || !p.delivered && p.kind != oddPartner && p.kind != oddJunk) {
			w.settle(e)
		}
	}
}

// tooOld reports whether the reconciler has begun to look at an event's stream, and never will as far
// back as that.
func (w *world) tooOld(p *plan) bool {
	since := w.stream(w.streamOf(p)).since
	return since != never && p.created < since
}

// checkAdvance checks that every event that a checkpoint passes was looked up, and is on the bus if
// the ledger did not know it. Stripe listed those that it could list when the run began.
func (w *world) checkAdvance(v *invocation, stream string, s *streamState, reached time.Time) {
	from := v.began - w.settings.lookback + time.Second
	if !s.reached.IsZero() {
		from = s.reached.Sub(w.schedule.start)
	}
	to := reached.Sub(w.schedule.start)
	for n := w.indexAt(from); n < len(w.events); n++ {
		i, e := uint32(n), &w.events[n]
		p := w.plan(i)
		switch {
		case p.created >= to:
			return
		case e.dropped, !p.listed, !p.wanted, p.created+p.listLag > v.began, w.streamOf(&p) != stream:
		case e.lookup == 0:
			w.wrong(broken, i, "is behind the checkpoint of "+stream+", and was never looked up")
		case !e.lookupKnown && !e.stored:
			w.wrong(broken, i, "is behind the checkpoint of "+stream+", and neither known nor on the bus")
		}
	}
}
