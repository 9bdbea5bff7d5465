package soak

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/faults"
	"github.com/meterbridge/meterbridge/internal/ledger"
)

// watch keeps an account of every event, in some hundred bytes each.
type watch struct {
	mu       sync.Mutex
	accounts map[string]*account // by event id
	marks    []string            // what the steps of a way stand for
	known    map[string]uint16   // the marks' numbers
	injected map[string]int      // by fault
	warnings []string            // the first of them
	ends     int                 // accounts that are emitted or parked
	puts     int                 // events put on the bus
	forged   int                 // events on the bus that were forged
}

// account is what is known of one event.
type account struct {
	emitted uint16
	parked  bool
	stored  bool     // it is on the bus as a thin event
	broken  bool     // it was answered with a 2xx before it was
	excuse  excuse   // the last of them
	excuses uint16   // each explains one emission too many
	way     []uint16 // what happened to it, as marks
}

// An excuse explains why an event may be emitted twice: nothing recorded that it had been emitted.
type excuse string

const (
	crashed    excuse = "crash"       // its function ended before it could
	unanswered excuse = "lost answer" // its function could not know: EventBridge's answer was lost, or came too late
	unrecorded excuse = "no record"   // the ledger did not take it
)

func newWatch() *watch {
	return &watch{accounts: map[string]*account{}, known: map[string]uint16{}, injected: map[string]int{}}
}

// Observe implements local.Observer.
func (w *watch) Observe(s activity.Step) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch s.Kind {
	case activity.Answered:
		w.answered(w.mark(s.EventID, fmt.Sprintf("answered %d", s.Status)), s.Status)
	case activity.Put:
		w.putOnBus(s)
	case activity.Parked:
		w.end(w.mark(s.EventID, "parked in "+s.Name+": "+s.Text), func(a *account) { a.parked = true })
	case activity.Invoked:
		w.invoked(s)
	case activity.Faulted:
		w.faulted(s)
	case activity.Logged:
		w.logged(s)
	case activity.Warned:
		if len(w.warnings) < maxWarnings {
			w.warnings = append(w.warnings, s.Text)
		}
	}
}

const (
	maxWarnings = 20
	maxWay      = 60 // steps of one event
)

// mark adds a step to an event's way and returns its account; nil without an event.
func (w *watch) mark(id, what string) *account {
	if id == "" {
		return nil
	}
	number, known := w.known[what]
	if !known {
		number = uint16(len(w.marks))
		w.marks, w.known[what] = append(w.marks, what), number
	}
	a := w.accounts[id]
	if a == nil {
		a = &account{}
		w.accounts[id] = a
	}
	if len(a.way) < maxWay {
		a.way = append(a.way, number)
	}
	return a
}

// end changes an account by something that ends its event.
func (w *watch) end(a *account, change func(*account)) {
	if a == nil {
		return
	}
	if a.emitted == 0 && !a.parked {
		w.ends++
	}
	change(a)
}

func (w *watch) putOnBus(s activity.Step) {
	w.puts++
	switch {
	case s.Source == bus.SourceEvent:
		w.end(w.mark(s.EventID, "emitted"), func(a *account) { a.emitted++ })
	case s.Source == bus.SourceThin:
		if a := w.mark(s.EventID, "stored"); a != nil {
			a.stored = true
		}
	default:
		w.mark(s.EventID, "put as "+s.Source)
	}
	if strings.HasPrefix(s.EventID, forgedPrefix) {
		w.forged++
	}
}

// answered holds the webhook to its word at the moment it gives it: what the reconciler finds later is no excuse.
func (w *watch) answered(a *account, status int) {
	if a != nil && status >= 200 && status <= 299 && !a.stored {
		a.broken = true
	}
}

// invoked excuses every event of a batch whose function ended without an answer: what it had put may be on no record.
func (w *watch) invoked(s activity.Step) {
	if s.Err == nil {
		return
	}
	for _, id := range s.Batch {
		w.excuse(id, s.Name+" ended without an answer", crashed)
	}
}

func (w *watch) faulted(s activity.Step) {
	w.injected[s.Name]++
	for _, id := range s.Batch {
		a := w.mark(id, s.Name+" at "+where(s.Text))
		if a != nil && s.Source == bus.SourceEvent && (s.Name == faults.EventsLost || s.Name == faults.FunctionKill) {
			a.forgive(unanswered) // a kill, too, leaves the call without an answer
		}
	}
}

// logged reads in the fetcher's log what no other can know: that it gave up waiting for an answer about an event, or for the ledger to
// record one. It excuses nothing else: not that EventBridge said no, nor that another delivery had the event meanwhile.
func (w *watch) logged(s activity.Step) {
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
		w.excuse(line.EventID, "no answer about the emission", unanswered)
	case line.Reason == "ledger" && !strings.Contains(line.Error, ledger.ErrLost.Error()):
		w.excuse(line.EventID, "no record of the emission", unrecorded)
	}
}

func (w *watch) excuse(id, what string, e excuse) {
	if a := w.mark(id, what); a != nil {
		a.forgive(e)
	}
}

func (a *account) forgive(e excuse) {
	a.excuse = e
	a.excuses++
}

// where leaves the event's id out of a path, so that marks stay few.
func where(text string) string {
	path, _, found := strings.Cut(text, "/evt_")
	if found {
		return path + "/…"
	}
	return text
}

func (w *watch) ended() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ends
}

func (w *watch) put() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.puts
}
