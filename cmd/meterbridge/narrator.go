package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/emulator/aws"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
)

// A narrator makes entries of steps. It is safe for concurrent use.
type narrator struct {
	tell func(entry)
	logs *logJoin

	mu    sync.Mutex
	names names
}

// names are the logical ids that a narrator needs to know.
type names struct {
	webhook    string            // the function that answers Stripe
	fetchQueue string            // the queue that feeds the fetcher
	consumers  map[string]string // the function that processes what rules deliver to a consumer; "" if none does
}

// namesIn returns the names in a stack.
func namesIn(stack *aws.Stack) names {
	n := names{fetchQueue: stack.QueueNamedBy(config.FetchQueueURL), consumers: map[string]string{}}
	for route, function := range stack.Routes() {
		if _, path, _ := strings.Cut(route, " "); stack.URL()+path == stack.RouteOf(config.SigningSecretID) {
			n.webhook = function
		}
	}
	for _, target := range stack.RuleTargets() {
		if target.ID != n.fetchQueue {
			n.consumers[target.ID] = target.Function
		}
	}
	return n
}

func newNarrator(tell func(entry)) *narrator { return &narrator{tell: tell, logs: newLogJoin()} }

// know sets the names. Steps before that are told without them.
func (n *narrator) know(names names) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names = names
}

func (n *narrator) known() names {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.names
}

// flush tells the entries that still wait for a log line.
func (n *narrator) flush() { n.logs.flush() }

// Observe implements [activity.Observer].
func (n *narrator) Observe(s activity.Step) {
	e := entry{
		Time: s.Time, EventID: s.EventID, Type: s.EventType, Source: s.Source, Name: s.Name, Target: s.Target, Status: s.Status,
		Attempt: s.Attempt, Attempts: s.Attempts, AgainIn: millis(s.After), Took: millis(s.Took), Kept: s.Kept, Error: errorText(s.Err),
	}
	switch s.Kind {
	case activity.Building:
		n.say(e, kindBuilding, faint, s.Name+": "+s.Text)
	case activity.Built:
		n.say(e, kindBuilt, faint, s.Name+" in "+duration(s.Took))
	case activity.Reloaded:
		n.say(e, kindReloaded, good, fmt.Sprintf("%s was saved; took %s", whatIsSaved(s), duration(s.Took)))
	case activity.NotReloaded:
		n.say(e, kindBroken, bad, fmt.Sprintf("%s was saved; the version before runs on: %v", whatIsSaved(s), s.Err))
	case activity.Received:
		n.say(e, kindReceived, faint, s.Text+", "+count(s.Count, "byte"))
	case activity.Answered:
		n.answered(e, s)
	case activity.Unrouted:
		n.unrouted(e, s)
	case activity.Put:
		n.put(e, s.Envelope)
	case activity.Matched:
		n.say(e, kindRule, faint, s.Name+" → "+short(s.Target))
	case activity.Unmatched:
		n.say(e, kindNoRule, faint, "on "+s.Name+" matches")
	case activity.Undelivered:
		n.undelivered(e, s)
	case activity.Invoked:
		n.invoked(e, s)
	case activity.Returned:
		n.returned(e, s)
	case activity.GaveUp:
		n.gaveUp(e, s)
	case activity.Parked:
		n.parked(e, s)
	case activity.Expired:
		n.say(e, kindExpired, bad, "in "+s.Name+", whose retention has ended")
	case activity.Faulted:
		n.faulted(e, s)
	case activity.Logged:
		n.logged(e, s)
	case activity.Warned:
		n.say(e, kindWarning, notice, s.Text)
	}
}

// whatIsSaved names the function whose files were saved, and the files.
func whatIsSaved(s activity.Step) string {
	if s.Name == "" {
		return s.Text
	}
	return short(s.Name) + ": " + s.Text
}

func (n *narrator) say(e entry, k kind, m meaning, text string) {
	e.Kind, e.meaning, e.Text = k, m, text
	n.tell(e)
}

// answered tells an answer; the reason for one that is not a success is in the webhook's log.
func (n *narrator) answered(e entry, s activity.Step) {
	webhook := n.known().webhook
	switch {
	case s.Err != nil:
		n.say(e, kindFailed, bad, fmt.Sprintf("%d: %s failed: %s", s.Status, short(s.Name), failureText(s.Err)))
	case s.Name != webhook && webhook != "":
		n.say(e, kindAnswered, plain, fmt.Sprintf("%d by %s in %s", s.Status, short(s.Name), duration(s.Took)))
	case s.Status < 400:
		n.say(e, kindAnswered, plain, fmt.Sprintf("%d in %s", s.Status, duration(s.Took)))
	default:
		n.logs.await(requestKey(s.RequestID), s.Time, func(line logLine) {
			e.Reason, e.EventID = cmp.Or(line.Reason, line.Outcome), cmp.Or(line.EventID, e.EventID)
			m := notice
			if s.Status >= 500 {
				m = bad
			}
			n.say(e, kindRefused, m, fmt.Sprintf("%d: %s", s.Status, refusal(s.Status, e.Reason, line.Error)))
		})
	}
}

// unrouted tells a request that no function got, with what was probably meant.
func (n *narrator) unrouted(e entry, s activity.Step) {
	text := fmt.Sprintf("%d: %s", s.Status, s.Text)
	method, path, _ := strings.Cut(s.Target, " ")
	switch asked, _, _ := strings.Cut(s.Text, " "); {
	case s.Status == 413:
		text += ", larger than API Gateway accepts"
	case s.Target == "":
		text += ", which no route matches"
	case method == asked || method == "ANY":
		text += ", did you mean " + path
	default:
		text += ", did you mean " + s.Target
	}
	n.say(e, kindRefused, notice, text)
}

func (n *narrator) put(e entry, envelope json.RawMessage) {
	switch e.Source {
	case bus.SourceThin:
		n.say(e, kindStored, plain, e.Type)
	case bus.SourceSnapshot:
		n.say(e, kindStored, plain, e.Type+", a snapshot")
	case bus.SourceEvent:
		n.say(e, kindEmitted, good, e.Type)
	case bus.SourceFailure:
		var announced struct{ Detail struct{ Reason string } }
		if json.Unmarshal(envelope, &announced) == nil {
			e.Reason = announced.Detail.Reason
		}
		n.say(e, kindGaveUp, bad, withWords(e.Reason))
	default:
		n.say(e, kindPut, plain, e.Source+" "+e.Type)
	}
}

// withWords returns a reason code with what it means.
func withWords(code string) string {
	if words := failures[code]; words != "" {
		return code + ": " + words
	}
	return code
}

// parked tells what a dead-letter queue has stored: an event that was not fetched, or one that a
// consumer's queue or function did not get.
func (n *narrator) parked(e entry, s activity.Step) {
	if function, is := n.known().consumers[s.Target]; is {
		e.Name, e.Kept, e.Outcome = cmp.Or(function, s.Target), s.Name, consumerDropped
		n.say(e, kindConsumer, bad, fmt.Sprintf("%s dropped: %s → %s", short(e.Name), s.Text, s.Name))
		return
	}
	if failures[s.Text] != "" {
		e.Reason = s.Text
	}
	n.say(e, kindParked, bad, "in "+s.Name+": "+s.Text)
}

func (n *narrator) faulted(e entry, s activity.Step) {
	text := s.Name + ": " + s.Text
	if len(s.Batch) > 0 {
		e.EventID = s.Batch[0]
	}
	if len(s.Batch) > 1 {
		text += ", with " + count(len(s.Batch)-1, "other event")
	}
	n.say(e, kindFault, made, text)
}

// logged tells a line of a function, and remembers what it says about a delivery.
func (n *narrator) logged(e entry, s activity.Step) {
	e.Log, e.line = s.Text, s.Text
	if json.Valid([]byte(s.Text)) {
		e.Log = json.RawMessage(s.Text)
	}
	n.say(e, kindLog, plain, "")
	line, ok := parseLogLine(s.Text)
	if !ok {
		return
	}
	if line.Outcome == "duplicate" {
		n.say(entry{Time: s.Time, EventID: line.EventID, Type: line.EventType, Name: s.Name}, kindDuplicate, faint, "emitted or parked before")
	}
	n.logs.add(line)
}
