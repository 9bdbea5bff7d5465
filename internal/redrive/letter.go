package redrive

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/queue"
)

// Reasons of letters that do not state one.
const (
	ReasonGaveUp  = "gave_up" // SQS redelivered the message as often as the queue allows
	ReasonUnknown = "unknown" // the message was put there by something else
)

// A Letter is a message in a dead-letter queue. A field that the message lacks is zero.
type Letter struct {
	MessageID string    `json:"message_id"`
	EventID   string    `json:"event_id"`
	Type      string    `json:"type"`
	Context   string    `json:"context,omitempty"`
	Reason    string    `json:"reason"` // the fetcher's code, EventBridge's error code, or one of the constants above
	LastError string    `json:"last_error,omitempty"`
	Attempts  int       `json:"attempts"`
	FirstSeen time.Time `json:"first_seen"` // when the event arrived on the bus

	message   queue.Message
	fromRule  bool   // a rule could not deliver it
	targetARN string // the target of that rule
	event     bus.Event
}

// read returns the Letter in a received message. A body that is not an event is not an error: the
// letter then has no event id.
func read(m queue.Message) *Letter {
	attribute := func(name string) string { return m.Attributes[name] }
	l := &Letter{
		MessageID: m.ID,
		Reason:    cmp.Or(attribute("reason"), attribute("ERROR_CODE")),
		LastError: cmp.Or(attribute("last_error"), attribute("ERROR_MESSAGE")),
		message:   m,
		fromRule:  attribute("RULE_ARN") != "",
		targetARN: attribute("TARGET_ARN"),
	}
	// An attribute that is absent or not a number leaves zero, which means unknown.
	l.Attempts, _ = strconv.Atoi(cmp.Or(attribute("attempts"), attribute("RETRY_ATTEMPTS")))
	if l.Reason == "" {
		l.Reason = ReasonUnknown
		if m.System["DeadLetterQueueSourceArn"] != "" {
			l.Reason = ReasonGaveUp
			l.Attempts, _ = strconv.Atoi(m.System["ApproximateReceiveCount"])
		}
	}
	var detail struct{ ID, Type, Context string }
	if json.Unmarshal([]byte(m.Body), &l.event) == nil && json.Unmarshal(l.event.Detail, &detail) == nil {
		l.EventID, l.Type, l.Context = detail.ID, cmp.Or(detail.Type, l.event.DetailType), detail.Context
		l.FirstSeen = l.event.Time
	}
	return l
}

// sum is a hash of the content of a letter.
func (l *Letter) sum() [sha256.Size]byte { return sha256.Sum256([]byte(l.message.Body)) }

// targets reports whether the rule that failed has the queue with that URL as its target. A queue's
// ARN ends in its account and name, and so does its URL.
func (l *Letter) targets(queueURL string) bool {
	arn := strings.Split(l.targetARN, ":")
	if len(arn) != 6 || arn[2] != "sqs" {
		return false
	}
	return strings.HasSuffix(queueURL, "/"+arn[4]+"/"+arn[5])
}

// A Filter selects letters. A letter is selected if each list that is not empty contains its value.
type Filter struct {
	Types   []string // Stripe's event types
	Reasons []string
	Events  []string // event ids
}

// Match reports whether the filter selects the letter.
func (f *Filter) Match(l *Letter) bool {
	return admits(f.Types, l.Type) && admits(f.Reasons, l.Reason) && admits(f.Events, l.EventID)
}

func admits(list []string, value string) bool { return len(list) == 0 || slices.Contains(list, value) }
