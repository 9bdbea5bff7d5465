package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// A logLine is what a function logs about one delivery: the webhook about a request, the fetcher
// about a message.
type logLine struct {
	Message   string
	Outcome   string
	Reason    string
	Error     string
	RequestID string `json:"requestId"`
	MessageID string `json:"message_id"`
	EventID   string `json:"event_id"`
	EventType string `json:"event_type"`
	Status    int
	Attempt   int
	Tries     int
	MaxTries  int `json:"max_tries"`
}

// parseLogLine reports whether a line is one about a delivery.
func parseLogLine(text string) (line logLine, ok bool) {
	if !strings.Contains(text, `"message":"delivery"`) {
		return logLine{}, false
	}
	err := json.Unmarshal([]byte(text), &line)
	return line, err == nil && line.Message == "delivery"
}

// The keys under which a line and its step find each other.
func requestKey(requestID string) string { return "request " + requestID }

func messageKey(messageID string, attempt int) string {
	return fmt.Sprintf("message %s %d", messageID, attempt)
}

// A logJoin brings together steps and the log lines about them, which come from another process and
// so arrive in either order. It is safe for concurrent use.
type logJoin struct {
	patience time.Duration // how long a step waits for its line

	mu      sync.Mutex
	waiting map[string]waitingStep
	lines   map[string]logLine // lines whose step has not arrived
	keys    []string           // of those lines, oldest first
}

type waitingStep struct {
	at   time.Time
	tell func(logLine)
}

// A function that logs errors only prints no line about a refusal; that should not make the story
// much later than the events.
const patience = 3 * time.Second

func newLogJoin() *logJoin {
	return &logJoin{patience: patience, waiting: map[string]waitingStep{}, lines: map[string]logLine{}}
}

// await calls tell, once, with the line that has this key, or with an empty one if that does not
// arrive.
func (j *logJoin) await(key string, at time.Time, tell func(logLine)) {
	j.mu.Lock()
	line, arrived := j.lines[key]
	delete(j.lines, key)
	if !arrived {
		j.waiting[key] = waitingStep{at, tell}
	}
	j.mu.Unlock()
	if arrived {
		tell(line)
		return
	}
	time.AfterFunc(j.patience, func() {
		if step, waits := j.take(key); waits {
			step.tell(logLine{})
		}
	})
}

// add passes a line to the step that waits for it, or keeps it. No step needs the line about a
// delivery that has succeeded.
func (j *logJoin) add(line logLine) {
	key := ""
	switch {
	case line.Status >= 400 && line.RequestID != "":
		key = requestKey(line.RequestID)
	case line.Outcome == "deferred" && line.MessageID != "":
		key = messageKey(line.MessageID, line.Attempt)
	default:
		return
	}
	if step, waits := j.takeOrKeep(key, line); waits {
		step.tell(line)
	}
}

// take ends the wait for the line with a key, and reports whether there was one.
func (j *logJoin) take(key string) (waitingStep, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	step, waits := j.waiting[key]
	delete(j.waiting, key)
	return step, waits
}

// takeOrKeep is take, but keeps the line for a step that has not arrived.
func (j *logJoin) takeOrKeep(key string, line logLine) (waitingStep, bool) {
	const most = 1000 // a step that never arrives must not keep its line for ever
	j.mu.Lock()
	defer j.mu.Unlock()
	step, waits := j.waiting[key]
	if waits {
		delete(j.waiting, key)
		return step, true
	}
	j.lines[key] = line
	j.keys = append(j.keys, key)
	if len(j.keys) > most {
		delete(j.lines, j.keys[0])
		j.keys = j.keys[1:]
	}
	return waitingStep{}, false
}

// flush ends every wait.
func (j *logJoin) flush() {
	j.mu.Lock()
	steps := slices.SortedFunc(maps.Values(j.waiting), func(a, b waitingStep) int { return a.at.Compare(b.at) })
	clear(j.waiting)
	j.mu.Unlock()
	for _, step := range steps {
		step.tell(logLine{})
	}
}
