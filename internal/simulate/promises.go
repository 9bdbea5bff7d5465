package simulate

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/ledger"
)

// confirmed records that the bus has confirmed an entry to an invocation.
func (v *invocation) confirmed(i uint32, entry *types.PutEventsRequestEntry) {
	var announced failure
	if *entry.Source == bus.SourceFailure {
		_ = json.Unmarshal([]byte(*entry.Detail), &announced) // checkAnnounced reports what is not JSON
	}
	for n := range v.items {
		item := &v.items[n]
		switch {
		case item.event != i:
		case *entry.Source == bus.SourceFailure:
			item.announced = announced.Reason
		case item.claim != 0:
			item.confirmed = true
		}
	}
	if v.from.kind == webhookKind {
		v.stored = true
	}
}

// explain looks at the emissions and letters of an invocation that has ended. One that could not be
// recorded, because the process died, an answer was lost or the ledger failed, explains one more. So
// does the letter of an event that was parked without a claim, since the ledger knows nothing of it.
func (w *world) explain(v *invocation, alive bool) {
	for n := range v.items {
		item := &v.items[n]
		if item.recorded != ledger.Emitted && (!alive || !item.confirmed || item.failed) {
			w.event(item.event).excused += uint16(item.emissions)
		}
		if item.recorded != ledger.Parked && (!alive || !item.parked || !item.claimed || item.failed) {
			item.message.reparked += item.letters
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
	if status/100 == 4 && d.forgery == genuine && !w.mayRefuse(v) {
		w.wrong(broken, d.event, "answered "+strconv.Itoa(status)+" to a genuine delivery")
	}
}

// pauseBetweenReads is how long the webhook waits after a read of its secret before it reads it again
// because no signature matches.
const pauseBetweenReads = 30 * time.Second

// mayRefuse reports whether an invocation of the webhook may refuse a delivery that Stripe has signed
// as it began: it knows another secret, and has no means to learn the right one now.
func (w *world) mayRefuse(v *invocation) bool {
	of, known := w.secrets.signing, v.from.signing
	signedWithOld, signedWithNew := v.began < of.ended, v.began >= of.rolled
	if known.version == 0 {
		return !signedWithOld && known.began >= v.began-pauseBetweenReads
	}
	return !signedWithNew && w.settings.previousFor == 0
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
	doubtfulAge   = 5 * time.Minute
	mostTries     = 50
	mostAge       = 13 * 24 * time.Hour
	firstWait     = 30 * time.Second
	longestWait   = time.Hour
)

// mayGiveUp reports whether a reason to give up an event is true.
func (w *world) mayGiveUp(i *item, p *plan, reason string) bool {
	if w.schedule.now-i.message.sent >= mostAge {
		return true
	}
	doubtful := i.receives >= 2*doubtfulTries || i.receives >= doubtfulTries && w.schedule.now-i.message.sent >= doubtfulAge
	switch reason {
	case "not_found":
		return (w.forgotten(p) || w.schedule.now < w.redriven+time.Minute) && p.kind == oddForgotten && doubtful
	case "mismatch":
		return p.kind == oddMistaken || p.kind == oddRetyped
	case "no_event":
		return p.kind == oddUnreadable && doubtful
	case "malformed":
		return p.kind == oddJunk
	}
	return i.receives >= mostTries
}

// A failure is what an announcement and a letter say about an event.
type failure struct {
	EventID string `json:"event_id"`
	Type    string `json:"type"`
	Context string `json:"context"`
	Reason  string `json:"reason"`
}

// failureOf returns the account that is right for an event.
func failureOf(i uint32, p *plan, reason string) failure {
	f := failure{EventID: eventID(i), Type: p.typ, Reason: reason}
	if p.account {
		f.Context = account
	}
	if p.kind == oddJunk { // its detail has nothing but the id
		f.Type, f.Context = "", ""
	}
	return f
}

// checkAnnounced checks that there was a reason to give up an event, and that the announcement is
// right.
func (w *world) checkAnnounced(v *invocation, i uint32, p *plan, detail []byte) {
	var f failure
	if err := json.Unmarshal(detail, &f); err != nil || f != failureOf(i, p, f.Reason) {
		w.wrong(broken, i, "is announced wrongly: "+string(detail))
	}
	if v == nil || !slices.ContainsFunc(v.items, func(item item) bool { return item.event == i && w.mayGiveUp(&item, p, f.Reason) }) {
		w.wrong(broken, i, "is announced as "+f.Reason+", without a cause")
	}
}

// checkParked checks that there was a reason to give up an event, and that its letter is complete,
// and its only one.
func (w *world) checkParked(i *item, attributes map[string]string) {
	p := w.plan(i.event)
	reason := attributes["reason"]
	if !w.mayGiveUp(i, &p, reason) {
		w.wrong(lost, i.event, "is parked as "+reason+" after "+strconv.Itoa(i.receives)+" receives, without a cause")
	}
	switch i.announced {
	case reason:
	case "":
		w.wrong(broken, i.event, "is parked without an announcement")
	default:
		w.wrong(broken, i.event, "is announced as "+i.announced+" and parked as "+reason)
	}
	if (failure{attributes["event_id"], attributes["type"], attributes["context"], reason}) != failureOf(i.event, &p, reason) {
		w.wrong(broken, i.event, "is parked with other attributes than its own")
	}
	i.letters++
	if m := i.message; m.letters > m.reparked {
		w.wrong(doubled, i.event, "is parked again, and no fault explains it")
	}
	i.message.letters++
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
	limit := w.settings.rateLimit
	if c.op == opList {
		limit = w.settings.listLimit
	}
	most := int(limit) + 1
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
		coming := e.waiting > 0 || e.messages == 0 && !e.stored && (p.delivered || p.kind == oddPartner || p.kind == oddJunk)
		if w.streamOf(&p) == stream && !coming {
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
// the ledger did not know it. Stripe listed those that it could list when the run began. The first
// run for a stream looks back from the time at which it has read that there is no checkpoint.
func (w *world) checkAdvance(v *invocation, stream string, s *streamState, reached time.Time) {
	from := v.reached[stream] - w.settings.lookback
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
