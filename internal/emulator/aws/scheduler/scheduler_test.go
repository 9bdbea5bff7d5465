package scheduler_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/clock"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/scheduler"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/target"
)

// recorder is a target that keeps its deliveries, and the steps that were reported.
type recorder struct {
	activity.History
	mu     sync.Mutex
	bodies []string
}

const recorderARN = "arn:aws:lambda:us-east-1:000000000000:function:recorder"

func (r *recorder) ID() string { return "Recorder" }

func (r *recorder) Deliver(body []byte, _ string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bodies = append(r.bodies, string(body))
	return nil
}

func (r *recorder) count(part string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(r.bodies), func(body string) bool { return !strings.Contains(body, part) }))
}

// newService returns a service whose schedules deliver to the recorder. A nil clock is real time.
func newService(r *recorder, c *clock.Clock) *scheduler.Service {
	directory := target.NewDirectory(c, &r.History)
	directory.Add(recorderARN, r)
	return scheduler.New(directory)
}

// schedule is a schedule for the recorder. More properties are given as pairs.
func schedule(id, expression, input string, pairs ...string) sam.Resource {
	properties := map[string]any{
		"ScheduleExpression": expression, "Target": map[string]any{"Arn": recorderARN, "Input": input},
	}
	for pair := range slices.Chunk(pairs, 2) {
		properties[pair[0]] = pair[1]
	}
	return sam.Resource{LogicalID: id, ARN: "arn:" + id, Properties: properties}
}

// TestSchedulesRunAtTheirRate by the clock, on which an hour takes a minute here.
func TestSchedulesRunAtTheirRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, c := &recorder{}, clock.New(60)
		s := newService(r, c)
		for _, resource := range []sam.Resource{
			schedule("EveryMinute", "rate(1 minute)", "minute <aws.scheduler.scheduled-time> <aws.scheduler.schedule-arn>"),
			schedule("EveryTwoHours", "rate(2 hours)", "hours"),
			schedule("EveryThreeDays", "rate(3 days)", "days"),
			schedule("Off", "rate(1 minute)", "off", "State", "DISABLED"),
		} {
			if err := s.Add(resource); err != nil {
				t.Fatal(err)
			}
		}
		started := c.Now()
		s.Start()
		time.Sleep(4*time.Minute + time.Second/2)
		s.Close()
		for input, want := range map[string]int{"minute": 240, "hours": 2, "days": 0, "off": 0} {
			if got := r.count(input); got != want {
				t.Errorf("%s ran %d times in four hours, want %d", input, got, want)
			}
		}
		want := "minute " + started.Add(time.Minute).UTC().Format(time.RFC3339) + " arn:EveryMinute"
		if got := r.bodies[0]; got != want {
			t.Errorf("first input %q, want %q", got, want)
		}
	})
}

// TestRunAllRunsEnabledSchedules, and warns once of a schedule that is not emulated.
func TestRunAllRunsEnabledSchedules(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	s := newService(r, nil)
	for _, resource := range []sam.Resource{
		schedule("Rate", "rate(1 minute)", "rate"), schedule("Off", "rate(1 minute)", "off", "State", "DISABLED"),
		schedule("Yearly", "cron(0 0 1 1 ? *)", "yearly"),
		{LogicalID: "NoInput", Properties: map[string]any{"ScheduleExpression": "rate(1 day)", "Target": map[string]any{"Arn": recorderARN}}},
	} {
		if err := s.Add(resource); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.RunAll(); !slices.Equal(got, []string{"Rate", "NoInput"}) || s.Len() != 2 {
		t.Errorf("RunAll = %q, want Rate and NoInput", got)
	}
	if len(r.bodies) != 2 || r.bodies[0] != "rate" || !strings.Contains(r.bodies[1], `"detail-type":"Scheduled Event"`) {
		t.Errorf("delivered %q, want the input, and an event where there is none", r.bodies)
	}
	if steps := r.Steps(); len(steps) != 1 || !strings.Contains(steps[0].Text, "cron(0 0 1 1 ? *)") {
		t.Errorf("steps %+v, want one warning, of the cron expression", steps)
	}
}

func TestExpressionThatIsNotARateIsAnError(t *testing.T) {
	t.Parallel()
	for _, expression := range []string{"rate(1 minutes)", "rate(2 minute)", "rate(0 minutes)", "rate(5 weeks)", "rate(-1 hours)", "hourly", ""} {
		err := newService(&recorder{}, nil).Add(schedule("S", expression, "x"))
		if err == nil || !strings.Contains(err.Error(), expression) {
			t.Errorf("%q: Add = %v, want an error that quotes the expression", expression, err)
		}
	}
}
