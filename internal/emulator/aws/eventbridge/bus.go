package eventbridge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/pattern"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/transform"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/target"
)

// BusConfig describes a bus.
type BusConfig struct {
	// ID is the bus's logical id in a template. Empty: its name.
	ID   string
	Name string
	// ARN may be empty: it is then made of the name.
	ARN string
	// Accept returns the error with which a valid entry fails, or nil for an entry that is put on the bus. It may be called
	// concurrently. Nil: every entry is put.
	Accept func(Entry) *awsjson.Error
}

// bus is one event bus with its rules. It is immutable once all are added.
type bus struct {
	BusConfig
	rules []*rule
}

type rule struct {
	id, name, arn string
	pattern       *pattern.Pattern // nil for a rule with a schedule
	targets       []*ruleTarget
}

// ruleTarget delivers what a transformer makes of an event.
type ruleTarget struct {
	target.Target
	arn         string
	transform   *transform.Transform
	deadLetters target.Queue // nil when the template gives the target none
}

// event is an entry that was put on a bus.
type event struct {
	Entry
	id string
}

// envelope returns the event as consumers receive it, with the detail's bytes as they came.
// Format: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
func (e event) envelope() []byte {
	resources := e.Resources
	if resources == nil {
		resources = []string{}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"version":"0","id":%s,"detail-type":%s,"source":%s,"account":%s,"time":%s,"region":%s,"resources":%s,"detail":`,
		awsjson.Marshal(e.id), awsjson.Marshal(e.DetailType), awsjson.Marshal(e.Source), awsjson.Marshal(target.Account),
		awsjson.Marshal(e.Time.UTC().Format(time.RFC3339)), awsjson.Marshal(target.Region), awsjson.Marshal(resources))
	b.Write(e.Detail)
	b.WriteByte('}')
	return b.Bytes()
}

// put records the event and delivers it to the targets of every rule that matches.
func (s *Service) put(b *bus, e event) {
	envelope := e.envelope()
	step := activity.Step{Time: e.Time, EventID: activity.EventID(e.Detail), EventType: e.DetailType, Source: e.Source}
	record := func(kind activity.Kind, name, to string, envelope json.RawMessage) {
		step.Kind, step.Name, step.Target, step.Envelope = kind, name, to, envelope
		s.recorder.Record(step)
	}
	record(activity.Put, b.ID, "", envelope)
	matched := false
	for _, r := range b.rules {
		match, err := r.pattern.Match(envelope)
		if err != nil {
			s.recorder.Warn("rule %s could not read event %s: %v", r.id, e.id, err)
		}
		if !match {
			continue
		}
		matched = true
		for _, t := range r.targets {
			record(activity.Matched, r.id, t.ID(), nil)
			s.deliver(r, t, envelope, e)
		}
	}
	if !matched {
		record(activity.Unmatched, b.ID, "", nil)
	}
}

// deliver hands the event to a target, or to the target's dead-letter queue with the attributes that EventBridge sets:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
func (s *Service) deliver(r *rule, t *ruleTarget, envelope []byte, e event) {
	body, err := t.transform.Apply(envelope, transform.Meta{RuleARN: r.arn, RuleName: r.name, IngestionTime: e.Time})
	if err == nil {
		err = t.Deliver(body, e.TraceHeader)
	}
	if err == nil {
		return
	}
	s.recorder.Warn("rule %s could not deliver to %s: %v", r.id, t.ID(), err)
	if t.deadLetters == nil {
		s.recorder.Warn("rule %s: the event is lost: the target has no dead-letter queue", r.id)
		return
	}
	err = t.deadLetters.Store(envelope, map[string]string{
		"RULE_ARN": r.arn, "TARGET_ARN": t.arn, "ERROR_CODE": "DELIVERY_FAILED", "ERROR_MESSAGE": err.Error(),
	})
	if err != nil {
		s.recorder.Warn("rule %s: the event is lost: its dead-letter queue refused it: %v", r.id, err)
	}
}
