// Package activity lets the emulated services report the steps of an event, for consoles, tests and
// statistics.
//
// A service reports each [Step] through a [Recorder], which passes it to an [Observer].
package activity

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Kind is the kind of a [Step].
type Kind int

// The kinds of steps, with the fields that are set in addition to Time, EventID and EventType.
const (
	Building    Kind = iota // a build printed a line: Name of the function, Text
	Built                   // a function was built: Name, Took
	Reloaded                // what was saved took effect: Name of the function, or "" for the templates, Text the files, Took
	NotReloaded             // what was saved did not take effect, and what ran before runs on: Name, Text, Err
	Received                // an HTTP request arrived: Name of the function, Text is the route, Count the bytes of the body
	Answered                // an HTTP request was answered: Name of the function, RequestID, Status, Took, Err of the function
	Unrouted                // an HTTP request was answered without a function: Text is its method and path, Status, Target the route that it resembles
	Put                     // an event was put on a bus: Name of the bus, Source, Envelope
	Matched                 // a rule matched the event: Name of the rule, Target
	Unmatched               // no rule of the bus matched the event: Name of the bus
	Undelivered             // a rule could not deliver the event: Name of the rule, Target, Kept, Err
	Invoked                 // a function was invoked: Name, Count of messages, Failed of them, Took, Err; Batch and Target, the queue, if it polls one; Attempt, Attempts and After if a rule invoked it
	Returned                // a message went back to its queue: Name of the function, Target the queue, MessageID, Attempt, Attempts, After, Err of the function
	Filtered                // a message was deleted because no filter of the function that polls the queue matches: Name of the function, Target the queue
	GaveUp                  // a function failed on the event for the last time: Name, Attempt, Kept, Err
	Parked                  // a dead-letter queue stored the event: Name of the queue, Text is the reason, Target the queue that gave it up or what a rule could not deliver it to
	Expired                 // a message was deleted because its retention ended: Name of the queue
	Faulted                 // a fault was injected: Name of the fault, Text where, Batch of the events it struck, Source if they share one
	Logged                  // a function printed a line: Name, Text
	Warned                  // a warning: Text
)

// Step is one thing that happened. Fields that its Kind does not name are zero.
type Step struct {
	Kind      Kind
	Time      time.Time
	EventID   string // as EventID returns it, where the step concerns one event
	EventType string
	Source    string
	Name      string // logical id of the function, bus, rule or queue
	Target    string // logical id of what a rule delivered to, or of a queue
	Kept      string // logical id of the queue that stored what could not be processed; "" if it is lost
	Text      string
	RequestID string // of the function's invocation, as in its log lines
	MessageID string // of the message in a queue
	Status    int
	Batch     []string // ids of the events in a batch, where the step concerns several
	Count     int
	Failed    int
	Attempt   int           // how often it was tried so far
	Attempts  int           // how often it is tried at most; 0 means without a limit
	After     time.Duration // wait before the next attempt; 0 means that there is none, or no wait
	Took      time.Duration
	Err       error
	Envelope  json.RawMessage // the EventBridge event, as consumers receive it
}

// An Observer receives every step. Observe must be safe for concurrent use.
type Observer interface {
	Observe(Step)
}

// Observers passes each step to several observers, in order.
type Observers []Observer

// Observe implements [Observer].
func (o Observers) Observe(s Step) {
	for _, observer := range o {
		observer.Observe(s)
	}
}

// History is an [Observer] for tests that keeps every step. It is safe for concurrent use.
type History struct {
	mu    sync.Mutex
	steps []Step
}

// Observe implements [Observer].
func (h *History) Observe(s Step) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.steps = append(h.steps, s)
}

// Steps returns the steps of the given kinds so far, or of all kinds if none is given, in order.
func (h *History) Steps(kinds ...Kind) []Step {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(h.steps), func(s Step) bool { return len(kinds) > 0 && !slices.Contains(kinds, s.Kind) })
}

// Text returns a line for each step of a kind so far: its Name, a colon and its Text.
func (h *History) Text(kind Kind) string {
	var b strings.Builder
	for _, s := range h.Steps(kind) {
		b.WriteString(s.Name + ": " + s.Text + "\n")
	}
	return b.String()
}

// A Recorder adds the time to steps and passes them on. It is safe for concurrent use; a nil one
// discards them.
type Recorder struct {
	observer Observer
	now      func() time.Time
}

// NewRecorder returns a Recorder that takes the time from now, or nil for a nil observer.
func NewRecorder(observer Observer, now func() time.Time) *Recorder {
	if observer == nil {
		return nil
	}
	return &Recorder{observer: observer, now: now}
}

// Record passes a step on, with the current time unless it has one.
func (r *Recorder) Record(s Step) {
	if r == nil {
		return
	}
	if s.Time.IsZero() {
		s.Time = r.now()
	}
	r.observer.Observe(s)
}

// Warn records a step of the kind Warned with a formatted text.
func (r *Recorder) Warn(format string, arguments ...any) {
	r.Record(Step{Kind: Warned, Text: fmt.Sprintf(format, arguments...)})
}

// EventID returns the event_id in a detail or a body, otherwise its id; "" if it has neither.
func EventID(detail []byte) string {
	var ids struct {
		ID      string `json:"id"`
		EventID string `json:"event_id"`
	}
	if json.Unmarshal(detail, &ids) != nil {
		return ""
	}
	if ids.EventID != "" {
		return ids.EventID
	}
	return ids.ID
}

// EnvelopeEventID returns the [EventID] of the detail in an EventBridge event. If there is no
// detail, because a rule passes on only that, it is the EventID of the whole.
func EnvelopeEventID(envelope []byte) string {
	var e struct {
		Detail json.RawMessage `json:"detail"`
	}
	if json.Unmarshal(envelope, &e) != nil {
		return ""
	}
	if e.Detail == nil {
		return EventID(envelope)
	}
	return EventID(e.Detail)
}
