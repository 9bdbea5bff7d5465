package soak

import (
	"fmt"
	"strings"
)

// Report is the account of a soak. Events are distinct and authentic unless it says otherwise.
type Report struct {
	Sent           int // events there were, those that Stripe never delivered included
	Refused        int // forged deliveries that were answered 400
	Accepted       int // events that were answered with a 2xx
	Emitted        int // events whose full event came to the bus
	Parked         int // events that came to rest in a dead-letter queue instead
	Lost           int // events that came to no end, or were answered with a 2xx before they were stored
	Doubled        int // events whose full event came to the bus more than once
	Unexplained    int // of those, events of which nothing explains it
	ForgedAccepted int // forged deliveries that were answered with a 2xx or came to the bus
	Seconds        float64

	Explained map[string]int // doubled events by what explains them: "crash", "lost answer", "no record"

	Injected map[string]int // how often each fault struck
	Troubles []Trouble      // the first events that were lost or doubled without an explanation
	Warnings []string       // the first warnings of the stack
}

// Trouble is an event with which a promise was broken, and its way through the stack.
type Trouble struct {
	ID, What string
	Way      []string
}

func (t Trouble) String() string {
	return t.ID + " " + t.What + ": " + strings.Join(t.Way, " → ")
}

// maxTroubles bounds how many events a report tells of.
const maxTroubles = 20

// String returns the figures as one line.
func (r *Report) String() string {
	return fmt.Sprintf("soak sent=%d refused=%d accepted=%d emitted=%d parked=%d lost=%d doubled=%d forged_accepted=%d seconds=%.1f",
		r.Sent, r.Refused, r.Accepted, r.Emitted, r.Parked, r.Lost, r.Doubled, r.ForgedAccepted, r.Seconds)
}

// Err tells whether a promise was broken: an event lost, one doubled although no crash, lost answer or missing record
// explains it, or a forged one accepted.
func (r *Report) Err() error {
	if r.Accepted < r.Sent/2 {
		return fmt.Errorf("soak: only %d of %d events were accepted: this tried next to nothing", r.Accepted, r.Sent)
	}
	if r.Lost == 0 && r.Unexplained == 0 && r.ForgedAccepted == 0 {
		return nil
	}
	return fmt.Errorf("soak: %d events lost, %d doubled with nothing to explain it, %d forged ones accepted", r.Lost, r.Unexplained, r.ForgedAccepted)
}

// report closes the account of every event of the plan.
func (w *watch) report(p plan, sent results) *Report {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := &Report{
		Sent: p.events, Refused: sent.refused, Accepted: sent.accepted, ForgedAccepted: max(sent.forgedAccepted, w.forged),
		Explained: map[string]int{}, Injected: w.injected, Warnings: w.warnings,
	}
	for n := range p.events {
		id, _ := p.id(n)
		a := w.accounts[id]
		if a == nil {
			a = &account{}
		}
		if what := r.close(a); what != "" && len(r.Troubles) < maxTroubles {
			r.Troubles = append(r.Troubles, Trouble{id, what, w.way(a)})
		}
	}
	return r
}

// close counts one account and returns what is wrong with it, or "".
func (r *Report) close(a *account) string {
	switch {
	case a.broken:
		r.Lost++
		return "was answered with a 2xx and not stored"
	case a.emitted > 0:
		r.Emitted++
	case a.parked:
		r.Parked++
	default:
		r.Lost++
		return "was lost"
	}
	if a.emitted < 2 {
		return ""
	}
	r.Doubled++
	if a.emitted <= 1+a.excuses {
		r.Explained[string(a.excuse)]++
		return ""
	}
	r.Unexplained++
	return fmt.Sprintf("was emitted %d times", a.emitted)
}

func (w *watch) way(a *account) []string {
	var way []string
	for _, number := range a.way {
		way = append(way, w.marks[number])
	}
	return way
}
