// Package eventbridge emulates EventBridge in memory: event buses, their rules, and the operations
// PutEvents, EnableRule and DisableRule.
//
// [New] returns a [Service] whose rules deliver to a directory of targets. When PutEvents answers,
// each event has been delivered to the targets of every rule that matches it.
package eventbridge

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/pattern"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/transform"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/scheduler"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/target"
)

// Service is a set of buses and rules. It is safe for concurrent use once the last one is added.
type Service struct {
	directory *target.Directory
	schedules *scheduler.Service
	buses     []*bus
	rules     []*rule // of all buses, and those with a schedule
}

// New returns a service without buses. Its rules find targets in the directory; nil means an empty
// one. Rules with a schedule are added to schedules; nil means that they never run.
func New(directory *target.Directory, schedules *scheduler.Service) *Service {
	return &Service{directory: cmp.Or(directory, target.NewDirectory(nil, nil)), schedules: schedules}
}

// AddBus adds a bus without rules.
func (s *Service) AddBus(cfg BusConfig) {
	cfg.ID = cmp.Or(cfg.ID, cfg.Name)
	cfg.ARN = cmp.Or(cfg.ARN, target.ARN("events", "event-bus/"+cfg.Name))
	s.buses = append(s.buses, &bus{BusConfig: cfg})
}

// busNamed returns the bus with the name or the ARN that a rule or an entry uses, or nil. The
// region and the account of an ARN do not matter: a template may contain those of a real stack.
func (s *Service) busNamed(nameOrARN string) *bus {
	name := busName(nameOrARN)
	for _, b := range s.buses {
		if b.Name == name {
			return b
		}
	}
	return nil
}

// busNames lists the names of all buses, for a person to read.
func (s *Service) busNames() string {
	var names []string
	for _, b := range s.buses {
		names = append(names, strconv.Quote(b.Name))
	}
	return strings.Join(slices.Sorted(slices.Values(names)), ", ")
}

// Add adds the bus or the rule that a resource describes. A rule's bus and targets must have been
// added before. A rule that cannot be run as written is an error, because events would be lost
// silently.
func (s *Service) Add(r sam.Resource) error {
	if r.Type == "AWS::Events::EventBus" {
		s.AddBus(BusConfig{ID: r.ID(), Name: r.Name, ARN: r.ARN})
		return nil
	}
	p, err := sam.Decode[ruleProperties](r)
	if err != nil {
		return err
	}
	return s.addRule(r, p)
}

// The properties of rules that the emulator supports.
type (
	ruleProperties struct {
		EventBusName, ScheduleExpression, State string
		EventPattern                            *sam.Embedded[json.RawMessage]
		Targets                                 []targetProperties
	}

	targetProperties struct {
		Id, Arn          string
		Input, InputPath *string
		InputTransformer *struct {
			InputPathsMap map[string]string
			InputTemplate string
		}
		DeadLetterConfig struct {
			Arn  string
			Type string // set if SAM would create the queue
		}
	}
)

func (s *Service) addRule(resource sam.Resource, p ruleProperties) error {
	b := s.busNamed(p.EventBusName)
	switch partner := strings.HasPrefix(busName(p.EventBusName), "aws.partner/"); {
	case b == nil && partner:
		s.directory.Recorder.Warn("rule %s is on %s, a partner's bus, which only AWS has: nothing will reach it", resource.ID(), busName(p.EventBusName))
		return nil
	case b == nil:
		return fmt.Errorf("no template creates the bus %q; the buses are %s: name one of them in EventBusName, or run the template that creates it, too",
			busName(p.EventBusName), s.busNames())
	case p.EventBusName == "" && p.ScheduleExpression == "":
		s.directory.Recorder.Warn("rule %s has no EventBusName, so it is on the default bus, and gets no event of another one; the buses are %s",
			resource.ID(), s.busNames())
	}
	r := &rule{id: resource.ID(), name: resource.Name, arn: resource.ARN, bus: b, disabledByTemplate: p.State == "DISABLED"}
	r.disabled.Store(r.disabledByTemplate)
	for _, properties := range p.Targets {
		t, err := s.newTarget(r, properties)
		if err != nil {
			return fmt.Errorf("target %s: %w", properties.Id, err)
		}
		r.targets = append(r.targets, t)
	}
	s.rules = append(s.rules, r)
	if p.ScheduleExpression != "" {
		if err := s.schedule(r, p.ScheduleExpression); err != nil || p.EventPattern == nil {
			return err
		}
	}
	if p.EventPattern == nil {
		return errors.New("the rule has neither EventPattern nor ScheduleExpression")
	}
	var err error
	if r.pattern, err = pattern.Compile(p.EventPattern.Value); err == nil {
		b.rules = append(b.rules, r)
	}
	return err
}

func (s *Service) newTarget(r *rule, p targetProperties) (*ruleTarget, error) {
	spec := transform.Spec{Input: p.Input, InputPath: p.InputPath}
	if p.InputTransformer != nil {
		spec.PathsMap, spec.Template = p.InputTransformer.InputPathsMap, &p.InputTransformer.InputTemplate
	}
	compiled, err := transform.New(spec)
	if err != nil {
		return nil, err
	}
	found, err := s.directory.Find(p.Arn)
	if err != nil {
		return nil, err
	}
	t := &ruleTarget{Target: found, arn: p.Arn, transform: compiled}
	if p.DeadLetterConfig.Type != "" {
		s.directory.Recorder.Warn("rule %s: the dead-letter queue that SAM would make is not run locally", r.id)
	}
	if p.DeadLetterConfig.Arn == "" {
		return t, nil
	}
	if t.deadLetters, err = s.directory.Queue(p.DeadLetterConfig.Arn); err != nil {
		return nil, fmt.Errorf("dead-letter %w", err)
	}
	t.deadLetters.HoldDeadLetters()
	return t, nil
}

func (s *Service) schedule(r *rule, expression string) error {
	if s.schedules == nil {
		return nil
	}
	return s.schedules.AddRule(r.id, expression, func(at time.Time) {
		e := event{id: uuid.NewString(), Entry: Entry{
			Source: "aws.events", DetailType: "Scheduled Event", Time: at, Resources: []string{r.arn}, Detail: []byte("{}"),
		}}
		for _, t := range r.targets {
			if !r.disabled.Load() {
				s.deliver(r, t, e.envelope(), e)
			}
		}
	})
}

// BusConfig describes a bus.
type BusConfig struct {
	// ID is the bus's logical id in a template. Empty: its name.
	ID   string
	Name string
	// ARN is the bus's ARN. Empty: it is derived from the name.
	ARN string
	// Accept makes a valid entry fail, if it returns an error. It may be called concurrently.
	Accept func(Entry) *awsjson.Error
}

// bus is one event bus with its rules. It is immutable once all are added.
type bus struct {
	BusConfig
	rules []*rule
}

type rule struct {
	id, name, arn      string
	bus                *bus
	disabledByTemplate bool
	disabled           atomic.Bool
	pattern            *pattern.Pattern // nil for a rule with a schedule
	targets            []*ruleTarget
}

// ruleTarget delivers transformed events to one target of a rule.
type ruleTarget struct {
	target.Target
	arn         string
	transform   *transform.Transform
	deadLetters target.Queue // nil if the target has none
}

type event struct {
	Entry
	id string
}

// envelope returns the event as consumers receive it, with the detail's bytes unchanged. Format:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
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

// Targets returns the logical ids of what the rules of buses deliver to, without duplicates.
func (s *Service) Targets() []string {
	var ids []string
	for _, r := range s.rules {
		for _, t := range r.targets {
			if r.pattern != nil && !slices.Contains(ids, t.ID()) {
				ids = append(ids, t.ID())
			}
		}
	}
	return ids
}

func (s *Service) put(b *bus, e event) {
	envelope := e.envelope()
	step := activity.Step{Time: e.Time, EventID: activity.EventID(e.Detail), EventType: e.DetailType, Source: e.Source}
	record := func(kind activity.Kind, name, to string, envelope json.RawMessage) {
		step.Kind, step.Name, step.Target, step.Envelope = kind, name, to, envelope
		s.directory.Recorder.Record(step)
	}
	record(activity.Put, b.ID, "", envelope)
	matched := false
	for _, r := range b.rules {
		if r.disabled.Load() {
			continue
		}
		match, err := r.pattern.Match(envelope)
		if err != nil {
			s.directory.Recorder.Warn("rule %s could not read event %s: %v", r.id, e.id, err)
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

// deliver delivers the event to a target, or stores it in the target's dead-letter queue with the
// attributes that EventBridge sets:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
func (s *Service) deliver(r *rule, t *ruleTarget, envelope []byte, e event) {
	body, err := t.transform.Apply(envelope, transform.Meta{RuleARN: r.arn, RuleName: r.name, IngestionTime: e.Time})
	if err == nil {
		err = t.Deliver(body, e.TraceHeader)
	}
	if err == nil {
		return
	}
	kept := s.keep(r, t, envelope, err)
	s.directory.Recorder.Record(activity.Step{
		Kind: activity.Undelivered, EventID: activity.EventID(e.Detail), EventType: e.DetailType, Source: e.Source,
		Name: r.id, Target: t.ID(), Kept: kept, Err: err,
	})
}

// keep stores an event that could not be delivered, and returns the logical id of its queue; "" if
// the event is lost.
func (s *Service) keep(r *rule, t *ruleTarget, envelope []byte, failure error) string {
	if t.deadLetters == nil {
		return ""
	}
	err := t.deadLetters.Store(envelope, map[string]string{
		"RULE_ARN": r.arn, "TARGET_ARN": t.arn, "ERROR_CODE": "DELIVERY_FAILED", "ERROR_MESSAGE": failure.Error(),
	})
	if err != nil {
		s.directory.Recorder.Warn("rule %s: its dead-letter queue refused an event: %v", r.id, err)
		return ""
	}
	return t.deadLetters.ID()
}
