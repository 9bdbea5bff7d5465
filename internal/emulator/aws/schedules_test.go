package aws_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
)

// scheduledFunction is a template of one function, a copy of this binary, with schedules to be filled in.
const scheduledFunction = `
Transform: AWS::Serverless-2016-10-31
Resources:
  EchoFunction:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: makefile}
    Properties:
      CodeUri: .
      Timeout: 20
      Events:
        InSAM:
          Type: ScheduleV2
          Properties: {ScheduleExpression: rate(1 minute), Input: '{"id":"evt_test_sam","at":"<aws.scheduler.scheduled-time>"}'}
        AsRule:
          Type: Schedule
          Properties: {Schedule: rate(2 minutes), Input: '{"id":"evt_test_samrule"}'}
        Off:
          Type: ScheduleV2
          Properties: {ScheduleExpression: rate(1 minute), State: DISABLED, Input: '{"id":"evt_test_off"}'}
        Yearly:
          Type: ScheduleV2
          Properties: {ScheduleExpression: "cron(0 0 1 1 ? *)"}
  InCloudFormation:
    Type: AWS::Scheduler::Schedule
    Properties:
      ScheduleExpression: rate(3 days)
      FlexibleTimeWindow: {Mode: "OFF"}
      Target: {Arn: !GetAtt EchoFunction.Arn, RoleArn: x, Input: '{"id":"evt_test_cloudformation"}'}
  Rule:
    Type: AWS::Events::Rule
    Properties:
      ScheduleExpression: rate(1 hour)
      Targets: [{Id: Echo, Arn: !GetAtt EchoFunction.Arn, Input: '{"id":"evt_test_rule"}'}]
`

// openScheduled runs scheduledFunction after a replacement in it.
func openScheduled(t *testing.T, change func(*aws.Options), replace ...string) (*harness, error) {
	t.Helper()
	h := &harness{t: t}
	options := aws.Options{
		Template: copies(t, strings.NewReplacer(replace...).Replace(scheduledFunction)), Listen: "127.0.0.1:0",
		Observer: activity.ObserverFunc(h.observe),
	}
	if change != nil {
		change(&options)
	}
	stack, err := aws.Open(t.Context(), options)
	h.stack = stack
	if err == nil {
		t.Cleanup(h.stack.Close)
	}
	return h, err
}

// TestSchedulesRunOnTheClock: a minute of a clock that is 6,000 times as fast is ten milliseconds.
func TestSchedulesRunOnTheClock(t *testing.T) {
	t.Parallel()
	h, err := openScheduled(t, func(o *aws.Options) { o.ClockFactor = 6000 })
	if err != nil {
		t.Fatal(err)
	}
	h.await("both of the function's schedules ran twice", func() bool {
		log := h.log()
		return strings.Count(log, `"evt_test_sam"`) >= 2 && strings.Count(log, `"evt_test_samrule"`) >= 2
	})
	if log := h.log(); strings.Contains(log, "evt_test_off") || strings.Contains(log, "evt_test_cloudformation") {
		t.Errorf("a schedule ran that was not due:\n%s", log)
	}
}

// TestRunSchedules runs every schedule that is on, and warns once of the one that it can not run.
func TestRunSchedules(t *testing.T) {
	t.Parallel()
	h, err := openScheduled(t, func(o *aws.Options) { o.Unscheduled = true })
	if err != nil {
		t.Fatal(err)
	}
	if got := h.stack.RunSchedules(); len(got) != 4 {
		t.Errorf("RunSchedules = %q, want four", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := h.stack.Quiet(ctx); err != nil {
		t.Fatal(err)
	}
	h.await("the last lines of the log", func() bool { return strings.Count(h.log(), " got ") == 4 })
	for _, id := range []string{"evt_test_sam", "evt_test_samrule", "evt_test_cloudformation", "evt_test_rule"} {
		if !strings.Contains(h.log(), `"`+id+`"`) {
			t.Errorf("%s did not run:\n%s", id, h.log())
		}
	}
	warnings := h.all(activity.Warned)
	if len(warnings) != 1 || !strings.Contains(warnings[0].Text, "cron(0 0 1 1 ? *)") {
		t.Errorf("warnings %+v, want one, of the cron expression", warnings)
	}
}

func TestScheduleThatIsNoneIsAnError(t *testing.T) {
	t.Parallel()
	for _, expression := range []string{"rate(1 minutes)", "rate(2 minute)", "rate(0 minutes)", "rate(5 weeks)", "rate(-1 hours)", "hourly"} {
		_, err := openScheduled(t, nil, "rate(3 days)", `"`+expression+`"`)
		if err == nil || !strings.Contains(err.Error(), "InCloudFormation") || !strings.Contains(err.Error(), expression) {
			t.Errorf("%s: Open = %v, want an error that names InCloudFormation and the expression", expression, err)
		}
	}
}
