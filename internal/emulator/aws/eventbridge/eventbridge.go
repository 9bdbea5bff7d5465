// Package eventbridge is EventBridge in memory: event buses, their rules, and the PutEvents operation.
//
// [New] returns a [Service] whose rules deliver to a directory of targets. When PutEvents answers, each event has been delivered to
// the targets of every rule that matches it.
package eventbridge

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/clock"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/pattern"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/transform"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/scheduler"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/target"
)

// Options change how a service is made. The zero value is the default.
type Options struct {
	// Clock gives events without a time theirs, and counts each PutEvents as work. Nil: real time.
	Clock *clock.Clock
	// Recorder is told what becomes of each event. Nil: steps are discarded.
	Recorder *activity.Recorder
	// Scheduler runs the rules that have a schedule. Nil: they never run.
	Scheduler *scheduler.Service
}

// Service is a set of buses and rules. It is safe for concurrent use once the last one is added.
type Service struct {
	directory *target.Directory
	clock     *clock.Clock
	recorder  *activity.Recorder
	scheduler *scheduler.Service
	buses     []*bus
}

// New returns a service without buses, whose rules deliver to the targets of the directory. A nil directory is an empty one.
func New(directory *target.Directory, opts *Options) *Service {
	if opts == nil {
		opts = &Options{}
	}
	return &Service{
		directory: cmp.Or(directory, target.NewDirectory(nil)), clock: cmp.Or(opts.Clock, clock.New(1)),
		recorder: opts.Recorder, scheduler: opts.Scheduler,
	}
}

// AddBus adds a bus without rules.
func (s *Service) AddBus(cfg BusConfig) {
	cfg.ID = cmp.Or(cfg.ID, cfg.Name)
	cfg.ARN = cmp.Or(cfg.ARN, target.ARN("events", "event-bus/"+cfg.Name))
	s.buses = append(s.buses, &bus{BusConfig: cfg})
}

// busNamed returns the bus with the name or the ARN that a rule or an entry uses, or nil.
func (s *Service) busNamed(name string) *bus {
	for _, b := range s.buses {
		if b.Name == name || b.ARN == name {
			return b
		}
	}
	return nil
}

// Add adds the bus or the rule that an AWS::Events::EventBus or AWS::Events::Rule describes. A rule comes after its bus and its
// targets. One that cannot be run as written is an error: without it, events would be lost silently.
func (s *Service) Add(r sam.Resource) error {
	if r.Type == "AWS::Events::EventBus" {
		s.AddBus(BusConfig{ID: r.LogicalID, Name: r.Name, ARN: r.ARN})
		return nil
	}
	p, err := sam.Decode[ruleProperties](r)
	if err != nil {
		return err
	}
	return s.addRule(r, p)
}

// The properties of rules that the emulator acts on.
type (
	ruleProperties struct {
		EventBusName, ScheduleExpression, State string
		EventPattern                            json.RawMessage
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
			Type string // of the queue that SAM would make
		}
	}
)

func (s *Service) addRule(resource sam.Resource, p ruleProperties) error {
	if p.State == "DISABLED" {
		return nil
	}
	r := &rule{id: resource.LogicalID, name: resource.Name, arn: resource.ARN}
	b := s.busNamed(p.EventBusName)
	if p.ScheduleExpression == "" && b == nil {
		s.recorder.Warn("rule %s is on bus %q, which is not in the template: nothing will reach it", r.id, cmp.Or(p.EventBusName, "default"))
		return nil
	}
	for _, properties := range p.Targets {
		t, err := s.newTarget(r, properties)
		if err != nil {
			return fmt.Errorf("target %s: %w", properties.Id, err)
		}
		r.targets = append(r.targets, t)
	}
	if p.ScheduleExpression != "" {
		return s.schedule(r, p.ScheduleExpression)
	}
	var err error
	if r.pattern, err = pattern.Compile(p.EventPattern); err == nil {
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
		s.recorder.Warn("rule %s: the dead-letter queue that SAM would make is not run locally", r.id)
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

// schedule runs a rule that has a schedule in place of a pattern.
func (s *Service) schedule(r *rule, expression string) error {
	if s.scheduler == nil {
		return nil
	}
	return s.scheduler.Every(r.id, expression, func(at time.Time) {
		e := event{id: uuid.NewString(), Entry: Entry{
			Source: "aws.events", DetailType: "Scheduled Event", Time: at, Resources: []string{r.arn}, Detail: []byte("{}"),
		}}
		for _, t := range r.targets {
			s.deliver(r, t, e.envelope(), e)
		}
	})
}
