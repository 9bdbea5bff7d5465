package soak

import (
	"fmt"
	"strings"

	"github.com/meterbridge/meterbridge/internal/emulator/outcome"
)

// A Report counts outcomes. Unless noted otherwise they are outcomes of distinct authentic events.
type Report struct {
	Sent           int // all events, including those that Stripe never delivered
	Refused        int // forged deliveries that were answered with a 400
	Accepted       int // events that were answered with a 2xx
	Emitted        int // events whose full event was put on the bus
	Parked         int // events that are in a dead-letter queue instead
	Lost           int // events without an outcome, or answered with a 2xx before they were stored
	Doubled        int // events whose full event was put on the bus more than once
	Unexplained    int // doubled events without an explanation
	ForgedAccepted int // forged deliveries that were answered with a 2xx or put on the bus
	Seconds        float64

	Backlog int // the most messages that were seen to wait for the fetcher at once

	StackMemory    int64            // peak of this process's resident memory, in bytes; 0 where there is no /proc
	FunctionMemory map[string]int64 // the same for the processes of each function, the largest

	Explained map[string]int // doubled events by explanation: "crash", "lost answer", "no record"

	Injected map[string]int // how often each fault struck

	Troubles []Trouble // the first 20 events that were lost or doubled without an explanation
	Warnings []string  // the first 20 warnings of the stack
}

// Trouble is an event for which a guarantee was broken, with its history in the stack.
type Trouble struct {
	ID, Problem string
	History     []string
}

func (t Trouble) String() string {
	return t.ID + " " + t.Problem + ": " + strings.Join(t.History, " → ")
}

const maxTroubles = 20

// String returns the counts as one line.
func (r *Report) String() string {
	return fmt.Sprintf("soak sent=%d refused=%d accepted=%d emitted=%d parked=%d lost=%d doubled=%d forged_accepted=%d seconds=%.1f",
		r.Sent, r.Refused, r.Accepted, r.Emitted, r.Parked, r.Lost, r.Doubled, r.ForgedAccepted, r.Seconds)
}

// Err returns an error if a guarantee was broken: an event was lost, one was doubled although no
// crash, lost answer or missing record explains it, or a forged one was accepted. It also returns
// an error if fewer than half of the events were accepted, because then the soak would prove too
// little.
func (r *Report) Err() error {
	if r.Accepted < r.Sent/2 {
		return fmt.Errorf("soak: only %d of %d events were accepted, too few to test anything", r.Accepted, r.Sent)
	}
	if r.Lost == 0 && r.Unexplained == 0 && r.ForgedAccepted == 0 {
		return nil
	}
	return fmt.Errorf("soak: %d events lost, %d doubled without an explanation, %d forged ones accepted", r.Lost, r.Unexplained, r.ForgedAccepted)
}

func (a *audit) report(p plan, sent results) *Report {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := &Report{
		Sent: p.events, Refused: sent.refused, Accepted: sent.accepted, ForgedAccepted: max(sent.forgedAccepted, a.forged),
		Explained: map[string]int{}, Injected: a.injected, Warnings: a.warnings,
	}
	for n := range p.events {
		id, _ := p.id(n)
		known := a.records[id]
		if known == nil {
			known = &record{}
		}
		if problem := r.count(a.outcomes.Event(id), known); problem != "" && len(r.Troubles) < maxTroubles {
			r.Troubles = append(r.Troubles, Trouble{id, problem, known.steps()})
		}
	}
	return r
}

// count adds one event to the report and returns which guarantee was broken for it, or "".
func (r *Report) count(e outcome.Event, known *record) (problem string) {
	switch {
	case known.answeredEarly:
		r.Lost++
		return "was answered with a 2xx and not stored"
	case e.Emitted > 0:
		r.Emitted++
	case e.Parked:
		r.Parked++
	default:
		r.Lost++
		return "was lost"
	}
	if e.Emitted < 2 {
		return ""
	}
	r.Doubled++
	if e.Emitted <= 1+int(known.explanations) {
		r.Explained[string(known.explanation)]++
		return ""
	}
	r.Unexplained++
	return fmt.Sprintf("was emitted %d times", e.Emitted)
}
