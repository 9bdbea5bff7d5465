package redrive

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Reasons of letters that nobody wrote one on.
const (
	ReasonGaveUp  = "gave_up" // SQS had handed the message out as often as the queue allows
	ReasonUnknown = "unknown" // somebody else put the message there
)

// A Letter is a message in a dead-letter queue. What it does not tell is the zero value.
type Letter struct {
	MessageID string    `json:"message_id"`
	EventID   string    `json:"event_id"`
	Type      string    `json:"type"`
	Context   string    `json:"context,omitempty"`
	Reason    string    `json:"reason"` // the fetcher's word, EventBridge's error code, or one of the constants above
	LastError string    `json:"last_error,omitempty"`
	Attempts  int       `json:"attempts"`
	FirstSeen time.Time `json:"first_seen"` // when the event came to the bus

	receipt   string
	body      string
	trace     string // X-Ray header
	group     string // tenant of a fair queue
	ofRule    bool   // a rule could not deliver it
	targetARN string // where that rule wanted it
	envelope  envelope
}

// envelope is an event as a rule delivers it.
type envelope struct {
	Source     string          `json:"source"`
	DetailType string          `json:"detail-type"`
	Time       time.Time       `json:"time"`
	Resources  []string        `json:"resources"`
	Detail     json.RawMessage `json:"detail"`
}

// read makes a Letter of a message as received. A body that is no event is no fault: the letter then has no event id.
func read(m types.Message) *Letter {
	text := func(name string) string { return aws.ToString(m.MessageAttributes[name].StringValue) }
	l := &Letter{
		MessageID: aws.ToString(m.MessageId),
		Reason:    cmp.Or(text("reason"), text("ERROR_CODE")),
		LastError: cmp.Or(text("last_error"), text("ERROR_MESSAGE")),
		receipt:   aws.ToString(m.ReceiptHandle),
		body:      aws.ToString(m.Body),
		trace:     m.Attributes["AWSTraceHeader"],
		group:     m.Attributes["MessageGroupId"],
		ofRule:    text("RULE_ARN") != "",
		targetARN: text("TARGET_ARN"),
	}
	// An attribute that is absent or no number leaves zero, which says the same.
	l.Attempts, _ = strconv.Atoi(cmp.Or(text("attempts"), text("RETRY_ATTEMPTS")))
	if l.Reason == "" {
		l.Reason = ReasonUnknown
		if m.Attributes["DeadLetterQueueSourceArn"] != "" {
			l.Reason = ReasonGaveUp
			l.Attempts, _ = strconv.Atoi(m.Attributes["ApproximateReceiveCount"])
		}
	}
	l.open()
	return l
}

// open reads the body.
func (l *Letter) open() {
	var detail struct{ ID, Type, Context string }
	if json.Unmarshal([]byte(l.body), &l.envelope) != nil || json.Unmarshal(l.envelope.Detail, &detail) != nil {
		return
	}
	l.EventID, l.Type, l.Context = detail.ID, cmp.Or(detail.Type, l.envelope.DetailType), detail.Context
	l.FirstSeen = l.envelope.Time
}

func (l *Letter) sum() [sha256.Size]byte { return sha256.Sum256([]byte(l.body)) }

// wants reports whether the rule that failed wanted to deliver to the queue with the URL. A queue's ARN ends in its
// account and name, and so does its URL.
func (l *Letter) wants(queueURL string) bool {
	arn := strings.Split(l.targetARN, ":")
	if len(arn) != 6 || arn[2] != "sqs" {
		return false
	}
	return strings.HasSuffix(queueURL, "/"+arn[4]+"/"+arn[5])
}

// A Filter chooses letters. An empty list admits everything; the lists must all admit a letter.
type Filter struct {
	Types   []string // of Stripe's event
	Reasons []string
	Events  []string // event ids
}

// Match reports whether the filter admits the letter.
func (f *Filter) Match(l *Letter) bool {
	return admits(f.Types, l.Type) && admits(f.Reasons, l.Reason) && admits(f.Events, l.EventID)
}

func admits(list []string, value string) bool { return len(list) == 0 || slices.Contains(list, value) }
