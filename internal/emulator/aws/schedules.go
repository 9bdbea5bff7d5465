package aws

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// schedule runs something at a steady rate of the stack's clock.
type schedule struct {
	logicalID string
	every     time.Duration
	run       func(at time.Time)
}

// wireSchedules makes the schedules of EventBridge Scheduler, those in functions' Events included.
func (s *Stack) wireSchedules() error {
	for _, r := range s.resources("AWS::Scheduler::Schedule") {
		p, err := decode[scheduleProperties](r)
		if err != nil {
			return err
		}
		if err := s.wireSchedule(r, p); err != nil {
			return fmt.Errorf("line %d: schedule %s: %w", r.Line, r.LogicalID, err)
		}
	}
	for _, f := range s.functionSchedules {
		r, p := f.resource()
		if err := s.wireSchedule(r, p); err != nil {
			return fmt.Errorf("function %s: event %s: %w", f.function.logicalID, f.event, err)
		}
	}
	return nil
}

// functionSchedule is a schedule that a function's Events describe.
type functionSchedule struct {
	function *function
	event    string
	scheduleEvent
}

// resource is what SAM generates for the event:
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-schedulev2.html
func (f functionSchedule) resource() (sam.Resource, scheduleProperties) {
	id := f.function.logicalID + f.event
	name := cmp.Or(f.Name, id)
	p := scheduleProperties{ScheduleExpression: f.ScheduleExpression, State: f.State}
	p.Target.Arn, p.Target.Input = f.function.arn, f.Input
	return sam.Resource{LogicalID: id, Type: "AWS::Scheduler::Schedule", Name: name, ARN: scheduleARN(name)}, p
}

func scheduleARN(name string) string {
	return "arn:aws:scheduler:" + region + ":" + account + ":schedule/default/" + name
}

func (s *Stack) wireSchedule(r sam.Resource, p scheduleProperties) error {
	every, ok, err := s.rate(r.LogicalID, p.ScheduleExpression, p.State)
	if err != nil || !ok {
		return err
	}
	to := &target{}
	if err := s.connect(to, p.Target.Arn); err != nil {
		return err
	}
	arn := scheduleARN(r.Name)
	s.schedules = append(s.schedules, schedule{r.LogicalID, every, func(at time.Time) {
		if err := to.deliver(scheduled(p.Target.Input, arn, at), ""); err != nil {
			s.warn("schedule %s could not reach %s: %v", r.LogicalID, to.logicalID, err)
		}
	}})
	return nil
}

// scheduled is what a target of EventBridge Scheduler receives: its input with the context attributes filled in, or an
// event that says when. See https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
func scheduled(input *string, arn string, at time.Time) []byte {
	time := at.UTC().Format(time.RFC3339)
	if input != nil {
		return []byte(strings.NewReplacer(
			"<aws.scheduler.schedule-arn>", arn, "<aws.scheduler.scheduled-time>", time,
			"<aws.scheduler.execution-id>", uuid.NewString(), "<aws.scheduler.attempt-number>", "1",
		).Replace(*input))
	}
	return quote(map[string]any{
		"version": "0", "id": uuid.NewString(), "detail-type": "Scheduled Event", "source": "aws.scheduler",
		"account": account, "time": time, "region": region, "resources": []string{arn}, "detail": "{}",
	})
}

// wireRuleSchedule makes a rule that has a schedule in place of a pattern.
func (s *Stack) wireRuleSchedule(r *rule, expression string) error {
	every, ok, err := s.rate(r.logicalID, expression, "")
	if err != nil || !ok {
		return err
	}
	s.schedules = append(s.schedules, schedule{r.logicalID, every, func(at time.Time) {
		e := event{
			id: uuid.NewString(), source: "aws.events", detailType: "Scheduled Event", account: account, region: region,
			time: at, resources: []string{r.arn}, detail: []byte("{}"),
		}
		for _, t := range r.targets {
			s.deliver(r, t, e.envelope(), e)
		}
	}})
	return nil
}

// rate returns the interval of a schedule, and false for one that is not to run.
func (s *Stack) rate(name, expression, state string) (time.Duration, bool, error) {
	if state == "DISABLED" {
		return 0, false, nil
	}
	if strings.HasPrefix(expression, "cron(") || strings.HasPrefix(expression, "at(") {
		s.warn("schedule %s: %s is not run locally, only rate(…) is", name, expression)
		return 0, false, nil
	}
	every, err := parseRate(expression)
	return every, err == nil, err
}

var rateExpression = regexp.MustCompile(`^rate\(([1-9][0-9]{0,6}) (minute|hour|day)(s?)\)$`)

// parseRate reads rate(value unit), whose unit is in the singular for 1 and in the plural else:
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#rate-based
func parseRate(expression string) (time.Duration, error) {
	parts := rateExpression.FindStringSubmatch(expression)
	if parts == nil || (parts[1] == "1") != (parts[3] == "") {
		return 0, fmt.Errorf("%q is no schedule: write it as rate(1 hour) or rate(15 minutes)", expression)
	}
	value, err := strconv.Atoi(parts[1])
	unit := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}[parts[2]]
	return time.Duration(value) * unit, err
}

// startSchedules lets every schedule run for as long as the stack does, for the first time after one interval. AWS runs a new
// one at once; here that would be in the way of what comes first.
func (s *Stack) startSchedules() {
	for _, schedule := range s.schedules {
		s.background.Go(func() {
			for s.clock.Sleep(s.stopped, schedule.every) == nil {
				schedule.run(s.clock.Now())
			}
		})
	}
}

// Scheduled tells whether there are schedules.
func (s *Stack) Scheduled() bool { return len(s.schedules) > 0 }

// RunSchedules runs the target of every schedule once, now, and returns the logical ids of the schedules. What the targets
// then do is not waited for: see Quiet.
func (s *Stack) RunSchedules() []string {
	var names []string
	for _, schedule := range s.schedules {
		schedule.run(s.clock.Now())
		names = append(names, schedule.logicalID)
	}
	return names
}
