package main

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"
)

// An entry is a step in the words of this program and with the functions' reasons: a line of the
// story, or an object of --output json. Its kinds and members are documented in docs/local.md.
type entry struct {
	Time     time.Time `json:"time"`
	Kind     kind      `json:"kind"`
	EventID  string    `json:"event_id,omitempty"`
	Type     string    `json:"type,omitempty"`    // of the event
	Source   string    `json:"source,omitempty"`  // of the event on the bus
	Name     string    `json:"name,omitempty"`    // logical id of the function, rule, queue or bus; name of a fault
	Target   string    `json:"target,omitempty"`  // logical id of what a rule delivers to, or of a queue
	Outcome  string    `json:"outcome,omitempty"` // of a consumer: ok, failed or dropped
	Status   int       `json:"status,omitempty"`
	Reason   string    `json:"reason,omitempty"` // a code
	Text     string    `json:"text,omitempty"`   // for people
	Attempt  int       `json:"attempt,omitempty"`
	Attempts int       `json:"attempts,omitempty"` // after so many the event is parked or dropped
	AgainIn  millis    `json:"again_in_ms,omitzero"`
	Took     millis    `json:"took_ms,omitzero"`
	Kept     string    `json:"kept,omitempty"` // logical id of the queue that has what was given up
	Error    string    `json:"error,omitempty"`
	// Log is the line of a log: JSON if that is what the function printed, otherwise a string.
	Log any `json:"log,omitempty"`

	line    string // of a log
	meaning meaning
}

// kind is the kind of an [entry].
type kind string

// The kinds of entries.
const (
	kindBuilding  kind = "building"
	kindBuilt     kind = "built"
	kindReady     kind = "ready"
	kindReloaded  kind = "reloaded"
	kindBroken    kind = "broken"
	kindSample    kind = "sample"
	kindReceived  kind = "received"
	kindAnswered  kind = "answered"
	kindRefused   kind = "refused"
	kindStored    kind = "stored"
	kindEmitted   kind = "emitted"
	kindPut       kind = "put"
	kindRule      kind = "rule"
	kindNoRule    kind = "no_rule"
	kindFetched   kind = "fetched"
	kindDuplicate kind = "duplicate"
	kindHeld      kind = "held"
	kindRetry     kind = "retry"
	kindFailed    kind = "failed"
	kindParked    kind = "parked"
	kindGaveUp    kind = "gave_up"
	kindExpired   kind = "expired"
	kindConsumer  kind = "consumer"
	kindFault     kind = "fault"
	kindLog       kind = "log"
	kindWarning   kind = "warning"
	kindAccount   kind = "account"
	kindSoak      kind = "soak"
)

// The outcomes of a consumer's entry.
const (
	consumerOK      = "ok"
	consumerFailed  = "failed"
	consumerDropped = "dropped"
)

// millis is a duration whose JSON is a number of milliseconds, with at most one decimal.
type millis time.Duration

// MarshalJSON implements [json.Marshaler].
func (m millis) MarshalJSON() ([]byte, error) {
	return json.Marshal(math.Round(float64(m)/float64(100*time.Microsecond)) / 10)
}

// verb is the entry's kind as the story shows it.
func (e entry) verb() string { return strings.ReplaceAll(string(e.Kind), "_", " ") }

// again says when the next attempt is.
func again(after time.Duration, attempt, attempts int) string {
	when := "again at once"
	if after > 0 {
		when = "again in " + duration(after)
	}
	if attempts > 0 {
		when += fmt.Sprintf(" (%d of %d)", attempt, attempts)
	}
	return when
}

// short is the id of a function without the word that every function's id ends in.
func short(function string) string {
	if name, ok := strings.CutSuffix(function, "Function"); ok && name != "" && !strings.HasSuffix(name, "/") {
		return name
	}
	return function
}
