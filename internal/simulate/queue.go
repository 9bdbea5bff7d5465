package simulate

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// visibility and mostReceives are those of the template's FetchQueue; a test compares them.
const (
	visibility   = 6 * time.Minute
	mostReceives = 1000
	batchSize    = 10
)

// A message is a message in the fetcher's queue.
type message struct {
	event    uint32
	n        int // of the message; its id
	sent     time.Duration
	receives int
	turn     int // of the entry in the queue that counts
	letters  int // in the dead-letter queue
	reparked int // letters that may have been repeated: see explain
	gone     bool
}

func (m *message) id() string      { return "m" + strconv.Itoa(m.n) }
func (m *message) receipt() string { return m.id() + "." + strconv.Itoa(m.receives) }

// A queue is the fetcher's queue, and Lambda's poller.
type queue struct {
	ready  heap[turn]
	size   int // messages that are not gone
	coming int // on their way from the rule
	sent   int
	wakeup time.Duration // when the poller looks next
	batch  uint64
}

// A turn is a message with the time from which it is visible.
type turn struct {
	at      time.Duration
	message *message
	n       int // stale unless it is the message's
}

func (a turn) before(b turn) bool {
	return a.at < b.at || a.at == b.at && (a.message.n < b.message.n || a.message.n == b.message.n && a.n < b.n)
}

// send puts a message into the queue.
func (w *world) send(i uint32) {
	w.queue.sent++
	w.queue.size++
	m := &message{event: i, n: w.queue.sent, sent: w.schedule.now}
	w.say("queue gets", m.id(), eventID(i))
	w.show(m, 0)
}

// show makes a message visible after a while.
func (w *world) show(m *message, after time.Duration) {
	m.turn++
	w.queue.ready.push(turn{w.schedule.now + after, m, m.turn})
	w.pollAt(w.schedule.now + after)
}

func (w *world) pollAt(at time.Duration) {
	q := &w.queue
	if q.wakeup > w.schedule.now && q.wakeup <= at {
		return
	}
	q.wakeup = at
	w.schedule.at(at, func() {
		if q.wakeup == at {
			q.wakeup = 0
			w.poll()
		}
	})
}

// poll starts invocations of the fetcher while there are visible messages and free instances.
func (w *world) poll() {
	for w.pools[fetcherKind].free() {
		batch := w.receiveBatch()
		if len(batch) == 0 {
			break
		}
		w.startFetcher(batch)
	}
	if w.queue.ready.len() > 0 && w.pools[fetcherKind].free() {
		w.pollAt(w.queue.ready.first().at)
	}
}

// receiveBatch receives up to a drawn number of messages.
func (w *world) receiveBatch() (batch []*message) {
	q := &w.queue
	q.batch++
	most := batchSize
	if draw := w.seed.at(placeBatch, q.batch, 0); draw%2 == 0 && !w.settings.calm() {
		most = 1 + int(draw>>8%batchSize)
	}
	for len(batch) < most && q.ready.len() > 0 {
		next := q.ready.first()
		if next.message.gone || next.n != next.message.turn {
			q.ready.pop()
			continue
		}
		if next.at > w.schedule.now {
			break
		}
		q.ready.pop()
		m := next.message
		if m.receives == mostReceives {
			w.wrong(lost, m.event, "is moved to the dead letters by SQS, without a reason")
			w.delete(m)
			continue
		}
		m.receives++
		hidden := visibility
		if e := w.event(m.event); w.strikes(receivedAgain, m.event, e.receives) {
			hidden = spread(w.seed.at(placeHidden, uint64(m.event), uint64(e.receives)), 10*time.Millisecond, visibility)
		}
		w.events[m.event].receives++
		w.show(m, hidden)
		batch = append(batch, m)
	}
	return batch
}

// delete removes a message for good.
func (w *world) delete(m *message) {
	if !m.gone {
		m.gone = true
		w.event(m.event).waiting--
		w.queue.size--
	}
}

// purge removes every message. Only those events are owed further that Stripe lists and for which
// the reconciler will look.
func (w *world) purge() {
	w.say("queue is purged")
	for _, turn := range w.queue.ready.items {
		if m := turn.message; !m.gone {
			w.delete(m)
			if p := w.plan(m.event); !p.listed || w.tooOld(&p) {
				w.settle(w.event(m.event))
			}
		}
	}
}

// fetchQueue is the queue as a fetcher sees it.
type fetchQueue struct {
	w    *world
	from *instance
}

// Defer implements [fetcher.Queue].
func (q fetchQueue) Defer(ctx context.Context, receipt string, delay time.Duration) error {
	w, v := q.w, q.from.current.Load()
	if v == nil {
		return errDead
	}
	id, _, _ := strings.Cut(receipt, ".")
	i := v.item(id)
	c := &call{op: opDefer, id: i.event, name: receipt, from: q.from, ctx: ctx}
	c.do = func() string {
		w.checkDelay(i, delay)
		delay = delay.Truncate(time.Second) // SQS counts in seconds
		if i.message.gone || i.receipt != receipt || i.message.receipt() != receipt {
			c.err = errUnavailable
			return "receipt has expired"
		}
		w.show(i.message, delay)
		return "visible in " + delay.String()
	}
	return w.schedule.await(c)
}

// deadLetters is the dead-letter queue as a fetcher sees it.
type deadLetters struct {
	w    *world
	from *instance
}

// Park implements [fetcher.DeadLetters].
func (q deadLetters) Park(ctx context.Context, body string, attributes map[string]string) error {
	w, v := q.w, q.from.current.Load()
	if v == nil {
		return errDead
	}
	i := v.itemWith(w, body)
	if i == nil {
		return errUnavailable
	}
	c := &call{op: opPark, id: i.event, name: i.receipt, from: q.from, ctx: ctx}
	c.do = func() string {
		w.checkParked(i, attributes)
		w.happened.Parked++
		w.letters = append(w.letters, i.event)
		w.settle(w.event(i.event))
		return "parked as " + attributes["reason"]
	}
	c.told = func() { i.parked = true }
	return w.schedule.await(c)
}

// itemWith returns the item with a body. A body that no message has is wrong.
func (v *invocation) itemWith(w *world, body string) *item {
	for n := range v.items {
		if !v.items[n].parked && w.envelope(v.items[n].message) == body {
			return &v.items[n]
		}
	}
	return nil
}

// redrive sends every dead letter back to the queue, as an operator does once the cause is mended.
// From then on Stripe finds what it had forgotten.
func (w *world) redrive() {
	w.redriven = w.schedule.now
	letters := w.letters
	w.letters = nil
	w.say("operator sends back", strconv.Itoa(len(letters)), "letters")
	for _, i := range letters {
		e := w.event(i)
		if e.emitted == 0 {
			w.owe(e)
		}
		e.messages++
		e.waiting++
		w.send(i)
	}
}

// forgotten reports whether Stripe does not find an event.
func (w *world) forgotten(p *plan) bool { return p.kind == oddForgotten && w.redriven == 0 }
