package simulate

import (
	"cmp"
	"errors"
	"time"
)

// strikes decides whether a fault occurs, and remembers that it did.
func (w *world) strikes(f fault, id uint32, n uint16) bool {
	rate := w.settings.rates[f]
	if rate == 0 || w.schedule.now >= w.quiet || unit(w.seed.at(uint64(f), uint64(id), uint64(n))) >= rate {
		return false
	}
	return w.allowed(strike{f, id, n})
}

// allowed reports whether a strike may happen, and remembers it.
func (w *world) allowed(s strike) bool {
	if w.opts.only != nil && !w.opts.only[s] {
		return false
	}
	if w.opts.record {
		w.struck = append(w.struck, s)
	}
	w.happened.Faults++
	w.tally.add(s)
	return true
}

// A tally is how often each fault has struck, and each outage, and how often goroutines went on in an
// order that the schedule had to decide.
type tally struct {
	faults  [faults]int
	outages [windowKinds]int
	resumed int // waits for something that others may have waited for too
	twins   int // calls that became pending together with an equal one
}

func (t *tally) add(s strike) {
	t.faults[s.fault]++
	if s.fault == windowed {
		t.outages[s.id]++
	}
}

// aboutEvents are the ops whose calls are about an event.
var aboutEvents = [ops]bool{
	opPut: true, opClaim: true, opSettle: true, opKnown: true, opDefer: true, opPark: true, opGet: true, opReturn: true,
}

// count returns how many calls of an op there were about an id, and counts one more.
func (w *world) count(o op, id uint32) uint16 {
	n := w.counted(o, id)
	if e := w.event(id); e != nil && aboutEvents[o] {
		e.counts[o]++
	} else {
		w.counters[uint64(o)<<32|uint64(id)]++
	}
	return n
}

// counted returns how many calls of an op there were about an id.
func (w *world) counted(o op, id uint32) uint16 {
	if e := w.event(id); e != nil && aboutEvents[o] {
		return e.counts[o]
	}
	return w.counters[uint64(o)<<32|uint64(id)]
}

// errUnavailable is the error of a service that fails, and of an answer that gets lost.
var errUnavailable = errors.New("simulated failure")

// admit decides what becomes of a call, and when.
func (w *world) admit(c *call) {
	w.happened.Calls++
	if c.op == opResume {
		w.tally.resumed++
	}
	w.checkPace(c)
	if c.twin != nil {
		w.tally.twins++
		c.n = c.twin.n
	} else {
		c.n = w.count(c.op, c.id)
	}
	for m := fails; m < modes; m++ {
		if c.op == opResume || c.op == opReturn && m != crashBefore {
			continue
		}
		if w.strikes(faultOf(c.op, m), c.id, c.n) {
			c.mode = m
			break
		}
	}
	for k := range windowKinds {
		if k.fails(c.op) && w.outage(k) {
			c.mode = fails
		}
	}
	c.at = w.schedule.now + w.latency(c)
	if c.mode == hangs {
		c.at = w.schedule.now + time.Hour
	}
	c.at = min(c.at, w.waits(c))
}

// latency returns how long a call takes, between a fifth of the usual time and twice as long.
func (w *world) latency(c *call) time.Duration {
	usual := time.Duration(float64(usual[c.op]) * w.settings.latency)
	return between(w.seed.at(placeLatency, uint64(c.op)<<32|uint64(c.id), uint64(c.n)), usual/5, 2*usual) + 1
}

// mean returns how long calls of an operation take on average, at the usual scale.
func mean(o op) time.Duration { return (usual[o]/5 + 2*usual[o]) / 2 }

// waits returns until when the process waits for a call.
func (w *world) waits(c *call) time.Duration {
	if deadline, ok := c.ctx.Deadline(); ok {
		return max(deadline.Sub(w.schedule.start), w.schedule.now)
	}
	if v := c.from.current.Load(); v != nil {
		return v.deadline
	}
	return w.schedule.now + time.Minute // a read of a secret that has outlived its invocation
}

// release lets a pending call have its effect, its answer, or both.
func (w *world) release(c *call) {
	if c.done {
		w.conclude(c, "answer arrives")
		return
	}
	switch c.mode {
	case crashBefore:
		w.crash(c, "crashes before "+opNames[c.op]+" "+c.name)
	case fails:
		c.err = errUnavailable
		w.conclude(c, "fails")
	case hangs:
		c.err = cmp.Or(c.ctx.Err(), errUnavailable)
		w.conclude(c, "hangs")
	case unanswered:
		result := c.do()
		c.err = errUnavailable
		w.conclude(c, result+", answer lost")
	case crashAfter:
		result := c.do()
		w.crash(c, "crashes after "+opNames[c.op]+" "+c.name+" "+result)
	case late:
		c.done = true
		c.at = min(w.schedule.now+spread(w.seed.at(placeLateness, uint64(c.op)<<32|uint64(c.id), uint64(c.n)), 10*time.Millisecond, 30*time.Second), w.waits(c))
		w.line(c, c.do()+", answer late")
		w.schedule.calls.push(c)
	default:
		w.conclude(c, c.do())
	}
}

// conclude lets a process have its answer, unless it has given up by now.
func (w *world) conclude(c *call, result string) {
	if err := c.ctx.Err(); err != nil && c.err == nil {
		c.err = err
		result += ", too late"
	}
	if c.op != opResume {
		w.line(c, result)
	}
	w.schedule.answer(c)
}

func (w *world) line(c *call, result string) {
	w.say(c.from.name, opNames[c.op], c.name, "->", result)
}

// crash kills the process that made a call.
func (w *world) crash(c *call, why string) {
	w.happened.Crashes++
	c.err = errDead
	w.kill(c.from, why)
	c.ready <- struct{}{}
}
