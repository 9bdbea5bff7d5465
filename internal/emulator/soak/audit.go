package soak

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"unique"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/faults"
	"github.com/meterbridge/meterbridge/internal/emulator/outcome"
	"github.com/meterbridge/meterbridge/internal/ledger"
)

// An audit observes a stack and collects the data for a [Report], a few hundred bytes per event:
// its outcome, and possible explanations for a second emission.
type audit struct {
	outcomes *outcome.Tracker

	mu       sync.Mutex
	records  map[string]*record // by event id
	injected map[string]int     // by fault
	warnings []string           // the first maxWarnings
	puts     int                // events put on the bus
	runs     int                // invocations by a schedule
	forged   int                // forged events put on the bus
	awaited  int                // the number of outcomes for which enough is open
	enough   chan struct{}      // closed at that number
}

type record struct {
	answeredEarly bool                    // answered with a 2xx before it was stored
	explanations  uint16                  // each explains one extra emission
	explanation   explanation             // the last one
	history       []unique.Handle[string] // its first maxHistory steps, interned because few texts differ
}

const (
	maxWarnings = 20
	maxHistory  = 60
)

// An explanation is the reason an emission was not recorded, so that it may be repeated.
type explanation string

const (
	crashed    explanation = "crash"       // the function ended before it could record the emission
	unanswered explanation = "lost answer" // EventBridge's answer was lost or late, so the function could not know
	unrecorded explanation = "no record"   // the ledger did not store the record
)

func newAudit() *audit {
	return &audit{outcomes: outcome.NewTracker(), records: map[string]*record{}, injected: map[string]int{}}
}

// whenEnded returns a channel that is closed when n events have an outcome. It is called once.
func (a *audit) whenEnded(n int) <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.awaited, a.enough = n, make(chan struct{})
	a.checkEnough()
	return a.enough
}

func (a *audit) checkEnough() {
	if a.enough != nil && a.awaited >= 0 && a.outcomes.Ended() >= a.awaited {
		close(a.enough)
		a.awaited = -1
	}
}

// Observe implements [activity.Observer].
func (a *audit) Observe(s activity.Step) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.outcomes.Observe(s)
	a.checkEnough()
	switch s.Kind {
	case activity.Answered:
		a.answered(s)
	case activity.Put:
		a.put(s)
	case activity.Parked:
		a.add(s.EventID, "parked in "+s.Name+": "+s.Text)
	case activity.Invoked:
		a.invoked(s)
	case activity.Faulted:
		a.faulted(s)
	case activity.Logged:
		a.logged(s)
	case activity.Warned:
		if len(a.warnings) < maxWarnings {
			a.warnings = append(a.warnings, s.Text)
		}
	}
}

// add adds a step to an event's history and returns the event's record. A step without an event is
// discarded.
func (a *audit) add(id, label string) *record {
	if id == "" {
		return &record{}
	}
	r := a.records[id]
	if r == nil {
		r = &record{}
		a.records[id] = r
	}
	if len(r.history) < maxHistory {
		r.history = append(r.history, unique.Make(label))
	}
	return r
}

func (r *record) steps() (steps []string) {
	for _, step := range r.history {
		steps = append(steps, step.Value())
	}
	return steps
}

// answered checks that an event is stored at the time of a 2xx, and not only later by the
// reconciler.
func (a *audit) answered(s activity.Step) {
	r := a.add(s.EventID, fmt.Sprintf("answered %d", s.Status))
	if isSuccess(s.Status) && !a.outcomes.Event(s.EventID).Stored {
		r.answeredEarly = true
	}
}

func (a *audit) put(s activity.Step) {
	a.puts++
	switch s.Source {
	case bus.SourceEvent:
		a.add(s.EventID, "emitted")
	case bus.SourceThin:
		a.add(s.EventID, "stored")
	default:
		a.add(s.EventID, "put as "+s.Source)
	}
	if strings.HasPrefix(s.EventID, forgedPrefix) {
		a.forged++
	}
}

// invoked adds an explanation to every event of a batch whose function ended without an answer.
func (a *audit) invoked(s activity.Step) {
	if s.EventID == "" && len(s.Batch) == 0 {
		a.runs++
	}
	if s.Err == nil {
		return
	}
	for _, id := range s.Batch {
		a.add(id, s.Name+" ended without an answer").explain(crashed)
	}
}

func (a *audit) faulted(s activity.Step) {
	a.injected[s.Name]++
	for _, id := range s.Batch {
		r := a.add(id, s.Name+" at "+withoutID(s.Text))
		if s.Source == bus.SourceEvent && (s.Name == faults.EventsLost || s.Name == faults.FunctionKill) {
			r.explain(unanswered) // a killed function's call has no answer either
		}
	}
}

// logged finds explanations that are only in the fetcher's log: that it gave up waiting for an
// answer about an event, or for the ledger to record one. No other log line explains an emission:
// not a refusal by EventBridge, nor that another delivery held the claim meanwhile.
func (a *audit) logged(s activity.Step) {
	if !strings.Contains(s.Text, `"not_stored"`) && !strings.Contains(s.Text, `"side effect failed"`) {
		return
	}
	var line struct {
		Message, Reason, Error string
		EventID                string `json:"event_id"`
	}
	if json.Unmarshal([]byte(s.Text), &line) != nil {
		return
	}
	switch {
	case line.Reason == "not_stored" && strings.Contains(line.Error, context.DeadlineExceeded.Error()):
		a.add(line.EventID, "no answer about the emission").explain(unanswered)
	case line.Reason == "ledger" && !strings.Contains(line.Error, ledger.ErrLost.Error()):
		a.add(line.EventID, "no record of the emission").explain(unrecorded)
	}
}

func (r *record) explain(e explanation) {
	r.explanation = e
	r.explanations++
}

// withoutID removes the event's id from a path, so that there are few labels.
func withoutID(text string) string {
	path, _, found := strings.Cut(text, "/evt_")
	if found {
		return path + "/…"
	}
	return text
}

func (a *audit) ended() int { return a.outcomes.Ended() }

// scheduledCount returns how many invocations by a schedule have ended.
func (a *audit) scheduledCount() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.runs
}

func (a *audit) putCount() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.puts
}
