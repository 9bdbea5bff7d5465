package simulate

import (
	"strconv"
	"time"
)

// A class is a kind of broken promise.
type class string

// The classes.
const (
	lost    class = "lost"    // an event is owed, and neither emitted nor parked; or it may get lost
	forged  class = "forged"  // what Stripe did not send is on the bus or was answered with a 2xx
	doubled class = "doubled" // an event is emitted or parked again, and no fault explains it
	broken  class = "broken"  // something else
)

// A wrong is one broken promise.
type wrong struct {
	class class
	event uint32 // noEvent if it is about none
	text  string
	at    time.Duration
}

func (x wrong) String() string {
	if x.event == noEvent {
		return string(x.class) + ": " + x.text
	}
	return string(x.class) + ": " + eventID(x.event) + " " + x.text
}

// A verdict is the broken promises of a world.
type verdict struct {
	wrongs []wrong // the first mostWrongs of them
	counts map[class]int
}

const mostWrongs = 20

func (v *verdict) add(x wrong) {
	if v.counts == nil {
		v.counts = map[class]int{}
	}
	v.counts[x.class]++
	if len(v.wrongs) < mostWrongs {
		v.wrongs = append(v.wrongs, x)
	}
}

// wrong records a broken promise.
func (w *world) wrong(c class, event uint32, text string) {
	if text = clip(text); w.event(event) == nil {
		event = noEvent
	}
	x := wrong{c, event, text, w.schedule.now}
	w.say("WRONG:", x.String())
	w.verdict.add(x)
}

// clip cuts a text that contains the body of an event.
func clip(text string) string {
	const most = 200
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}

// owe records that an event must be emitted or parked from now on.
func (w *world) owe(e *event) {
	if !e.pending {
		e.pending = true
		w.pending++
	}
}

// settle records that an event has been emitted or parked, or is not owed any more because Stripe
// does not list it and its only message is gone.
func (w *world) settle(e *event) {
	if e.pending {
		e.pending = false
		w.pending--
		if w.pending == 0 && w.opts.Burst != nil {
			w.opts.Burst.End = w.schedule.now
		}
	}
}

// judge records what the end of the world shows.
func (w *world) judge() {
	for n := range w.events {
		i, e := uint32(n), &w.events[n]
		if e.pending {
			w.wrong(lost, i, "is neither emitted nor parked")
		}
		if e.emitted > 1+e.excused {
			w.wrong(doubled, i, "is emitted "+strconv.Itoa(int(e.emitted))+" times, "+strconv.Itoa(int(e.excused))+" of which are explained")
		}
	}
}
