// Package scheduler emulates EventBridge Scheduler: it delivers to a target at a fixed rate.
//
// A [Service] runs the schedules of a template ([Service.Add]) and those of other services
// ([Service.Every]), such as EventBridge's rules.
package scheduler

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/clock"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/target"
)

// Service is a set of schedules. Once the last one is added it is safe for concurrent use.
type Service struct {
	directory *target.Directory
	schedules []schedule

	stop    context.CancelFunc
	running sync.WaitGroup
}

type schedule struct {
	id    string
	every time.Duration
	run   func(at time.Time)
}

// New returns a service without schedules. It finds targets in the directory; nil means an empty
// one.
func New(directory *target.Directory) *Service {
	return &Service{directory: cmp.Or(directory, target.NewDirectory(nil, nil)), stop: func() {}}
}

// properties are the properties of an AWS::Scheduler::Schedule that the emulator supports.
type properties struct {
	ScheduleExpression, State string
	Target                    struct {
		Arn   string
		Input *string
	}
}

// Add adds the schedule of an AWS::Scheduler::Schedule, unless it is disabled.
func (s *Service) Add(r sam.Resource) error {
	p, err := sam.Decode[properties](r)
	if err != nil || p.State == "DISABLED" {
		return err
	}
	to, err := s.directory.Find(p.Target.Arn)
	if err != nil {
		return err
	}
	return s.Every(r.ID(), p.ScheduleExpression, func(at time.Time) {
		if err := to.Deliver(payload(p.Target.Input, r.ARN, at), ""); err != nil {
			s.directory.Recorder.Warn("schedule %s could not reach %s: %v", r.ID(), to.ID(), err)
		}
	})
}

// payload returns the target's payload: its input with the context attributes filled in, or an
// event with the time. See
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
func payload(input *string, arn string, at time.Time) []byte {
	time := at.UTC().Format(time.RFC3339)
	if input != nil {
		return []byte(strings.NewReplacer(
			"<aws.scheduler.schedule-arn>", arn, "<aws.scheduler.scheduled-time>", time,
			"<aws.scheduler.execution-id>", uuid.NewString(), "<aws.scheduler.attempt-number>", "1",
		).Replace(*input))
	}
	return awsjson.Marshal(map[string]any{
		"version": "0", "id": uuid.NewString(), "detail-type": "Scheduled Event", "source": "aws.scheduler",
		"account": target.Account, "time": time, "region": target.Region, "resources": []string{arn}, "detail": "{}",
	})
}

// Every adds a schedule that calls run at the rate of an expression. An expression that is valid on
// AWS but not emulated, cron(…) or at(…), causes a warning and is left out.
func (s *Service) Every(id, expression string, run func(at time.Time)) error {
	if strings.HasPrefix(expression, "cron(") || strings.HasPrefix(expression, "at(") {
		s.directory.Recorder.Warn("schedule %s: %s is not run locally, only rate(…) is", id, expression)
		return nil
	}
	every, err := parseRate(expression)
	if err == nil {
		s.schedules = append(s.schedules, schedule{id, every, run})
	}
	return err
}

var rateExpression = regexp.MustCompile(`^rate\(([1-9][0-9]{0,6}) (minute|hour|day)(s?)\)$`)

// parseRate reads rate(value unit), whose unit is in the singular for 1 and otherwise in the
// plural: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#rate-based
func parseRate(expression string) (time.Duration, error) {
	parts := rateExpression.FindStringSubmatch(expression)
	if parts == nil || (parts[1] == "1") != (parts[3] == "") {
		return 0, fmt.Errorf("%q is not a schedule: write it as rate(1 hour) or rate(15 minutes)", expression)
	}
	value, err := strconv.Atoi(parts[1])
	unit := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}[parts[2]]
	return time.Duration(value) * unit, err
}

// Start runs every schedule until Close, first after one interval. AWS runs a new schedule at once;
// here that would interfere with the first events. The clock does not skip for the sake of a
// schedule, because there is always a next one, but runs those on its way to what is due.
func (s *Service) Start() {
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	for _, schedule := range s.schedules {
		s.running.Go(func() {
			c := s.directory.Clock
			defer c.Work()()
			for next := c.Now().Add(schedule.every); c.Wait(ctx, next, clock.Passing, nil) == nil; next = next.Add(schedule.every) {
				schedule.run(next)
			}
		})
	}
}

// Close stops all schedules and waits until none is running.
func (s *Service) Close() {
	s.stop()
	s.running.Wait()
}

// Len returns the number of schedules.
func (s *Service) Len() int { return len(s.schedules) }

// RunAll runs every schedule now and returns their logical ids, without waiting for the targets.
func (s *Service) RunAll() []string {
	var ids []string
	for _, schedule := range s.schedules {
		schedule.run(s.directory.Clock.Now())
		ids = append(ids, schedule.id)
	}
	return ids
}
