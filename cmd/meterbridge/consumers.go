package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
)

// invoked tells what a consumer did, and failures of functions that a schedule invokes. The other
// invocations show in what follows: an answer to a request, events that are emitted or returned.
func (n *narrator) invoked(e entry, s activity.Step) {
	_, isConsumer := n.known().consumers[cmp.Or(s.Target, s.Name)]
	switch {
	case s.Target != "" && isConsumer && s.Count > s.Failed:
		n.processed(e, s)
	case s.Target != "" || s.Attempt == 0:
	case s.Err == nil && isConsumer:
		e.Outcome = consumerOK
		n.say(e, kindConsumer, good, short(s.Name)+" ok in "+duration(s.Took))
	case s.Err == nil, s.Attempt >= s.Attempts: // a step of the kind GaveUp follows the last failure
	case isConsumer:
		e.Outcome = consumerFailed
		n.say(e, kindConsumer, notice, fmt.Sprintf("%s failed: %s; %s", short(s.Name), failureText(s.Err), again(s.After, s.Attempt, s.Attempts)))
	default:
		n.say(e, kindFailed, notice, fmt.Sprintf("%s failed: %s; %s", short(s.Name), failureText(s.Err), again(s.After, s.Attempt, s.Attempts)))
	}
}

// processed tells that a function has processed messages of a queue to which rules deliver.
func (n *narrator) processed(e entry, s activity.Step) {
	e.Outcome = consumerOK
	text := short(s.Name) + " ok in " + duration(s.Took)
	if len(s.Batch) == 1 && s.Count == 1 {
		e.EventID = s.Batch[0]
	} else {
		text = fmt.Sprintf("%s ok: %d of %s in %s", short(s.Name), s.Count-s.Failed, count(s.Count, "message"), duration(s.Took))
	}
	n.say(e, kindConsumer, good, text)
}

// returned tells that a message goes back to its queue, with the reason from the fetcher's log or
// the failure of the function.
func (n *narrator) returned(e entry, s activity.Step) {
	known := n.known()
	_, isConsumer := known.consumers[s.Target]
	next := again(s.After, s.Attempt, s.Attempts)
	if s.Attempts > 0 && s.Attempt >= s.Attempts {
		next = fmt.Sprintf("given up after %s", count(s.Attempt, "try"))
	}
	why := short(s.Name) + " returned it"
	if s.Err != nil {
		why = fmt.Sprintf("%s failed: %s", short(s.Name), failureText(s.Err))
	}
	switch {
	case isConsumer:
		e.Outcome = consumerFailed
		n.say(e, kindConsumer, notice, why+"; "+next)
	case s.Target != known.fetchQueue || s.Err != nil:
		n.say(e, kindRetry, notice, why+", "+next)
	default:
		n.logs.await(messageKey(s.MessageID, s.Attempt), s.Time, func(line logLine) { n.retried(e, s, line) })
	}
}

// retried tells that the fetcher has deferred an event. Its own limit of tries is lower than the
// queue's.
func (n *narrator) retried(e entry, s activity.Step, line logLine) {
	e.Reason, e.Error, e.Attempt, e.Attempts = line.Reason, line.Error, line.Tries, line.MaxTries
	next := again(s.After, line.Tries, line.MaxTries)
	if line.Reason == "held" {
		n.say(e, kindHeld, plain, failures[line.Reason]+", "+next)
		return
	}
	n.say(e, kindRetry, notice, cmp.Or(line.Reason, "returned to "+s.Target)+", "+next)
}

// gaveUp tells that a function failed on an event for the last time.
func (n *narrator) gaveUp(e entry, s activity.Step) {
	end := fmt.Sprintf("dropped after %s", count(s.Attempt, "try"))
	if s.Kept != "" {
		end += " → " + s.Kept
	} else {
		end += ": no failure destination"
	}
	text := fmt.Sprintf("%s failed: %s; %s", short(s.Name), failureText(s.Err), end)
	if _, isConsumer := n.known().consumers[s.Name]; !isConsumer {
		n.say(e, kindFailed, bad, text)
		return
	}
	e.Outcome = consumerDropped
	n.say(e, kindConsumer, bad, text)
}

// undelivered tells that a rule lost an event. One that a dead-letter queue has kept is
// reported as parked there.
func (n *narrator) undelivered(e entry, s activity.Step) {
	if s.Kept != "" {
		return
	}
	text := fmt.Sprintf("%s could not deliver to %s: %v; dropped: no dead-letter queue", s.Name, short(s.Target), s.Err)
	if function, isConsumer := n.known().consumers[s.Target]; isConsumer {
		e.Name, e.Outcome = cmp.Or(function, s.Target), consumerDropped
		n.say(e, kindConsumer, bad, text)
		return
	}
	n.say(e, kindFailed, bad, text)
}

// failureText is the failure of a function. Go's own types of errors, unlike those of other
// languages, say nothing.
func failureText(err error) string {
	text := errorText(err)
	for _, goType := range []string{"errorString: ", "wrapError: ", "joinError: "} {
		text = strings.TrimPrefix(text, goType)
	}
	return text
}
