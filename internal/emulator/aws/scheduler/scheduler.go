// Package scheduler emulates EventBridge Scheduler: it delivers to a target at a fixed rate, at the
// times of a cron expression, or once.
//
// A [Service] runs the schedules of a template ([Service.Add]) and those of EventBridge's rules
// ([Service.AddRule]).
package scheduler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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
	id, expression string
	times          timetable
	run            func(at time.Time)
}

// New returns a service without schedules. It finds targets in the directory; nil means an empty
// one.
func New(directory *target.Directory) *Service {
	return &Service{directory: cmp.Or(directory, target.NewDirectory(nil, nil)), stop: func() {}}
}

// properties are the properties of an AWS::Scheduler::Schedule that the emulator supports.
type properties struct {
	ScheduleExpression, ScheduleExpressionTimezone string
	StartDate, EndDate, State                      string
	FlexibleTimeWindow                             struct {
		Mode                   string
		MaximumWindowInMinutes sam.Number
	}
	Target struct {
		Arn   string
		Input *string
	}
}

// Add adds the schedule of an AWS::Scheduler::Schedule. One that is disabled is only checked.
func (s *Service) Add(r sam.Resource) error {
	p, err := sam.Decode[properties](r)
	if err != nil {
		return err
	}
	times, err := p.times()
	if err != nil || p.State == "DISABLED" {
		return err
	}
	to, err := s.directory.Find(p.Target.Arn)
	if err != nil {
		return err
	}
	s.schedules = append(s.schedules, schedule{r.ID(), p.ScheduleExpression, times, func(at time.Time) {
		if err := to.Deliver(payload(p.Target.Input, r.ARN, at), ""); err != nil {
			s.directory.Recorder.Warn("schedule %s could not reach %s: %v", r.ID(), to.ID(), err)
		}
	}})
	return nil
}

// times returns when the schedule runs. A flexible time window always begins: the schedule runs at
// its start.
func (p properties) times() (timetable, error) {
	const longest = 1440
	if window := p.FlexibleTimeWindow; window.Mode == "FLEXIBLE" && !(window.MaximumWindowInMinutes >= 1 && window.MaximumWindowInMinutes <= longest) {
		return nil, fmt.Errorf("FlexibleTimeWindow: MaximumWindowInMinutes has to be between 1 and %d", longest)
	}
	zone, err := parseZone(p.ScheduleExpressionTimezone)
	if err != nil {
		return nil, err
	}
	start, startErr := parseDate("StartDate", p.StartDate)
	end, endErr := parseDate("EndDate", p.EndDate)
	if err := errors.Join(startErr, endErr); err != nil {
		return nil, err
	}
	if !end.IsZero() && end.Before(start) {
		return nil, errors.New("EndDate is before StartDate")
	}
	times, err := parse(p.ScheduleExpression, zone)
	if _, isOnce := times.(once); err != nil || isOnce { // which ignores the dates
		return times, err
	}
	return bounded{times, start, end}, nil
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

// AddRule adds the schedule of a rule, rate(…) or cron(…) in UTC, which calls run.
func (s *Service) AddRule(id, expression string, run func(at time.Time)) error {
	times, err := parse(expression, time.UTC)
	if err != nil {
		return err
	}
	if _, isOnce := times.(once); isOnce {
		return fmt.Errorf("%s: rules run at a rate(…) or at the times of a cron(…); use an AWS::Scheduler::Schedule", expression)
	}
	s.schedules = append(s.schedules, schedule{id, expression, times, run})
	return nil
}

// Start runs every schedule until Close. One at a rate runs first after one interval. AWS runs it at
// once; here that would interfere with the first events. The clock does not skip for the sake of a
// schedule, because there can always be a next one, but runs those on its way to what is due.
func (s *Service) Start() {
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	for _, schedule := range s.schedules {
		done := s.directory.Clock.Work()
		s.running.Go(func() {
			defer done()
			s.run(ctx, schedule)
		})
	}
}

// run runs a schedule until ctx ends, and counts as work. Runs that are missed, because the machine
// slept or the target was slow, are left out.
func (s *Service) run(ctx context.Context, schedule schedule) {
	c := s.directory.Clock
	began := c.Now()
	next := schedule.times.next(began, began)
	if next.IsZero() {
		s.directory.Recorder.Warn("schedule %s: %s has no more runs", schedule.id, schedule.expression)
	}
	for !next.IsZero() && c.Wait(ctx, next, clock.Passing, nil) == nil {
		schedule.run(next)
		if now := c.Now(); schedule.times.next(next, began).Before(now) {
			next = now
		}
		next = schedule.times.next(next, began)
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
