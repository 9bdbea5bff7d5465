package aws

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/pattern"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/transform"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
)

// wireRules makes the buses and every rule on them. A rule that can not be run as written is an error: skipping it would
// turn into events that silently go nowhere.
func (s *Stack) wireRules() error {
	for _, r := range s.resources("AWS::Events::EventBus") {
		s.buses[r.LogicalID] = &bus{name: r.Name, arn: r.ARN, logicalID: r.LogicalID}
	}
	for _, r := range s.resources("AWS::Events::Rule") {
		p, err := decode[ruleProperties](r)
		if err != nil {
			return err
		}
		if err := s.wireRule(r, p); err != nil {
			return fmt.Errorf("line %d: rule %s: %w", r.Line, r.LogicalID, err)
		}
	}
	for _, f := range s.functionRules {
		if f.DeadLetterConfig.Type != "" {
			s.warn("function %s: event %s: the dead-letter queue that SAM would make is not run locally", f.function.logicalID, f.event)
		}
		r, p := f.resource()
		if err := s.wireRule(r, p); err != nil {
			return fmt.Errorf("function %s: event %s: %w", f.function.logicalID, f.event, err)
		}
	}
	return nil
}

// functionRule is a rule that a function's Events describe.
type functionRule struct {
	function *function
	event    string
	busEvent
}

// resource is what SAM generates for the event:
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-generated-resources-function.html
func (f functionRule) resource() (sam.Resource, ruleProperties) {
	id := f.function.logicalID + f.event
	name := cmp.Or(f.RuleName, stackName+"-"+id)
	r := sam.Resource{
		LogicalID: id, Type: "AWS::Events::Rule", Name: name,
		ARN: "arn:aws:events:" + region + ":" + account + ":rule/" + f.EventBusName + "/" + name,
	}
	target := targetProperties{Id: id, Arn: f.function.arn, Input: f.Input, InputPath: f.InputPath, InputTransformer: f.InputTransformer}
	target.DeadLetterConfig.Arn = f.DeadLetterConfig.Arn
	return r, ruleProperties{EventBusName: f.EventBusName, ScheduleExpression: f.Schedule, EventPattern: f.Pattern, State: f.State, Targets: []targetProperties{target}}
}

func (s *Stack) wireRule(r sam.Resource, p ruleProperties) error {
	switch {
	case p.State == "DISABLED":
		return nil
	case p.ScheduleExpression != "":
		made, err := s.newRule(r, p)
		if err != nil {
			return err
		}
		return s.wireRuleSchedule(made, p.ScheduleExpression)
	}
	b := s.busByName(p.EventBusName)
	if b == nil {
		s.warn("rule %s is on bus %q, which is not in the template: nothing will reach it", r.LogicalID, cmp.Or(p.EventBusName, "default"))
		return nil
	}
	compiled, err := pattern.Compile(p.EventPattern)
	if err != nil {
		return err
	}
	made, err := s.newRule(r, p)
	if err != nil {
		return err
	}
	made.pattern = compiled
	b.rules = append(b.rules, made)
	return nil
}

// newRule makes a rule with its targets and without a pattern.
func (s *Stack) newRule(r sam.Resource, p ruleProperties) (*rule, error) {
	made := &rule{name: r.Name, arn: r.ARN, logicalID: r.LogicalID}
	for _, t := range p.Targets {
		target, err := s.newTarget(t)
		if err != nil {
			return nil, fmt.Errorf("target %s: %w", t.Id, err)
		}
		made.targets = append(made.targets, target)
	}
	return made, nil
}

func (s *Stack) newTarget(p targetProperties) (*target, error) {
	spec := transform.Spec{Input: p.Input, InputPath: p.InputPath}
	if p.InputTransformer != nil {
		spec.PathsMap, spec.Template = p.InputTransformer.InputPathsMap, &p.InputTransformer.InputTemplate
	}
	compiled, err := transform.New(spec)
	if err != nil {
		return nil, err
	}
	t := &target{transform: compiled, arn: p.Arn}
	if err := s.connect(t, p.Arn); err != nil {
		return nil, err
	}
	if p.DeadLetterConfig.Arn != "" {
		if t.deadLetter = s.queueByARN(p.DeadLetterConfig.Arn); t.deadLetter == nil {
			return nil, fmt.Errorf("dead-letter queue %s is not in the template", p.DeadLetterConfig.Arn)
		}
		t.deadLetter.parking = true
	}
	return t, nil
}

// connect finds the resource with the ARN. A service that is not run here takes the events as if it had them, with a warning.
func (s *Stack) connect(t *target, arn string) error {
	if q := s.queueByARN(arn); q != nil {
		t.logicalID = q.logicalID
		t.deliver = func(body []byte, trace string) error {
			_, err := q.Send(sqs.Message{Body: string(body), TraceHeader: trace})
			return err
		}
		return nil
	}
	for _, f := range s.functions {
		if f.arn == arn {
			t.logicalID = f.logicalID
			t.deliver = func(body []byte, _ string) error { f.invokeAsync(body); return nil }
			return nil
		}
	}
	service := strings.Split(arn+":::", ":")[2]
	if service == "sqs" || service == "lambda" {
		return fmt.Errorf("%s is not in the template", arn)
	}
	s.warn("target %s: %s is not run locally: what is delivered there ends there", arn, service)
	t.logicalID = arn
	t.deliver = func([]byte, string) error { return nil }
	return nil
}

// busByName finds a bus by the name or the ARN that a rule or an entry may use.
func (s *Stack) busByName(name string) *bus {
	for _, b := range s.buses {
		if b.name == name || b.arn == name {
			return b
		}
	}
	return nil
}
