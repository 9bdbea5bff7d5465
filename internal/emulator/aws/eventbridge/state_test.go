package eventbridge_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/target"
)

func TestDisabledRuleMatchesNothing(t *testing.T) {
	t.Parallel()
	r := newRules(t)
	for id, properties := range map[string]string{
		"A": `{"EventBusName": "meterbridge", "EventPattern": {"source": ["a"]}, "Targets": [{"Id": "s", "Arn": "SINK"}]}`,
		"B": `{"EventBusName": "meterbridge", "EventPattern": {"source": ["b"]}, "State": "DISABLED", "Targets": [{"Id": "s", "Arn": "SINK"}]}`,
		"C": `{"ScheduleExpression": "rate(1 hour)", "State": "DISABLED", "Targets": [{"Id": "s", "Arn": "SINK", "Input": "{}"}]}`,
	} {
		if err := r.add(t, id, properties); err != nil {
			t.Fatal(err)
		}
	}
	delivered := func() int {
		r.sink.bodies = nil
		r.put(t, "a", `{}`)
		r.put(t, "b", `{}`)
		r.schedules.RunAll()
		return len(r.sink.bodies)
	}
	if n := delivered(); n != 1 {
		t.Errorf("%d deliveries, want that of A only", n)
	}
	if _, err := r.DisableRule(t.Context(), &eventbridge.DisableRuleInput{Name: aws.String("A"), EventBusName: aws.String("meterbridge")}); err != nil {
		t.Error(err)
	}
	if n := delivered(); n != 0 {
		t.Errorf("%d deliveries, want none while A is disabled", n)
	}
	for name, bus := range map[string]*string{"A": aws.String("meterbridge"), "B": aws.String(target.ARN("events", "event-bus/meterbridge")), "C": nil} {
		if _, err := r.EnableRule(t.Context(), &eventbridge.EnableRuleInput{Name: &name, EventBusName: bus}); err != nil {
			t.Errorf("enable %s: %v", name, err)
		}
	}
	if n := delivered(); n != 3 {
		t.Errorf("%d deliveries, want all three", n)
	}
	if n := r.Switch("Sink", false); n != 3 || delivered() != 0 {
		t.Errorf("Switch = %d, want three rules, which deliver nothing", n)
	}
	if n := r.Switch("Sink", true); n != 3 || delivered() != 3 {
		t.Errorf("Switch = %d, want three rules, which deliver", n)
	}
	if n := r.Switch("Another", false); n != 0 {
		t.Errorf("Switch of a target without rules = %d", n)
	}
}

func TestUnknownRuleCannotBeDisabled(t *testing.T) {
	t.Parallel()
	r := newRules(t)
	if err := r.add(t, "A", `{"EventBusName": "meterbridge", "EventPattern": {"source": ["a"]}, "Targets": []}`); err != nil {
		t.Fatal(err)
	}
	for name, bus := range map[string]*string{"B": aws.String("meterbridge"), "A": nil} {
		_, err := r.DisableRule(t.Context(), &eventbridge.DisableRuleInput{Name: &name, EventBusName: bus})
		if _, ok := errors.AsType[*types.ResourceNotFoundException](err); !ok {
			t.Errorf("disable %s: %v, want ResourceNotFoundException", name, err)
		}
	}
}
