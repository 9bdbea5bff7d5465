package aws

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/pattern"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/transform"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
)

// bus is one event bus with its rules. It is immutable once the stack is open.
type bus struct {
	name, arn, logicalID string
	rules                []*rule
}

type rule struct {
	name, arn, logicalID string
	pattern              *pattern.Pattern
	targets              []*target
}

// target delivers to one resource. deliver returns when the resource has taken the body; what a function then makes of it
// is not the rule's concern.
type target struct {
	logicalID  string
	arn        string
	transform  *transform.Transform
	deliver    func(body []byte, trace string) error
	deadLetter *localQueue // nil when the template gives the target none
}

// event is an event on its way to the rules.
type event struct {
	id, source, detailType, account, region string
	time                                    time.Time
	resources                               []string
	detail                                  json.RawMessage
	trace                                   string // X-Ray header, which travels beside the event
}

// envelope returns the event as consumers receive it, with the detail's bytes as they came.
// Format: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
func (e event) envelope() []byte {
	resources := e.resources
	if resources == nil {
		resources = []string{}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"version":"0","id":%s,"detail-type":%s,"source":%s,"account":%s,"time":%s,"region":%s,"resources":%s,"detail":`,
		quote(e.id), quote(e.detailType), quote(e.source), quote(e.account),
		quote(e.time.UTC().Format(time.RFC3339)), quote(e.region), quote(resources))
	b.Write(e.detail)
	b.WriteByte('}')
	return b.Bytes()
}

// quote returns v as JSON without the escapes that only HTML needs.
func quote(v any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.Encode(v) // strings and lists of strings always encode
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// put tells the observer of the event and delivers it to the targets of every rule that matches.
func (s *Stack) put(b *bus, e event) {
	envelope := e.envelope()
	step := activity.Step{Time: e.time, EventID: activity.EventID(e.detail), EventType: e.detailType, Source: e.source}
	s.observe(with(step, activity.Put, b.logicalID, func(s *activity.Step) { s.Envelope = envelope }))
	matched := false
	for _, r := range b.rules {
		match, err := r.pattern.Match(envelope)
		if err != nil {
			s.warn("rule %s could not read event %s: %v", r.logicalID, e.id, err)
		}
		if !match {
			continue
		}
		matched = true
		for _, t := range r.targets {
			s.observe(with(step, activity.Matched, r.logicalID, func(s *activity.Step) { s.Target = t.logicalID }))
			s.deliver(r, t, envelope, e)
		}
	}
	if !matched {
		s.observe(with(step, activity.Unmatched, b.logicalID, nil))
	}
}

// deliver hands the event to a target, or to the target's dead-letter queue with the attributes that EventBridge sets:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
func (s *Stack) deliver(r *rule, t *target, envelope []byte, e event) {
	body, err := t.transform.Apply(envelope, transform.Meta{RuleARN: r.arn, RuleName: r.name, IngestionTime: e.time})
	if err == nil {
		err = t.deliver(body, e.trace)
	}
	if err == nil {
		return
	}
	s.warn("rule %s could not deliver to %s: %v", r.logicalID, t.logicalID, err)
	if t.deadLetter == nil {
		s.warn("rule %s: the event is lost: the target has no dead-letter queue", r.logicalID)
		return
	}
	_, err = t.deadLetter.Send(sqs.Message{Body: string(envelope), Attributes: map[string]sqs.Attribute{
		"RULE_ARN":      {DataType: "String", StringValue: r.arn},
		"TARGET_ARN":    {DataType: "String", StringValue: t.arn},
		"ERROR_CODE":    {DataType: "String", StringValue: "DELIVERY_FAILED"},
		"ERROR_MESSAGE": {DataType: "String", StringValue: err.Error()},
	}})
	if err != nil {
		s.warn("rule %s: the event is lost: its dead-letter queue refused it: %v", r.logicalID, err)
	}
}

// with returns a copy of the step as another kind, completed by fill.
func with(s activity.Step, kind activity.Kind, name string, fill func(*activity.Step)) activity.Step {
	s.Kind, s.Name = kind, name
	if fill != nil {
		fill(&s)
	}
	return s
}
