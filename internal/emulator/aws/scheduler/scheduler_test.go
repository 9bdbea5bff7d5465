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

// TestNothingIsSkippedBeforeSchedulesWait: a clock that skips right after Start stops at the first
// run, however late the schedule's goroutine begins.
func TestNothingIsSkippedBeforeSchedulesWait(t *testing.T) {
	t.Parallel()
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			r, c := &recorder{}, clock.New(1)
			s := newService(r, c)
			if err := s.Add(schedule("EveryMinute", "rate(1 minute)", "minute")); err != nil {
				t.Fatal(err)
			}
			defer c.Work()()
			defer c.Skip()()
			s.Start()
			if err := c.Sleep(t.Context(), 150*time.Second); err != nil {
				t.Fatal(err)
			}
			s.Close()
			if got := r.count("minute"); got != 2 {
				t.Fatalf("%d runs in two and a half minutes, want 2", got)
			}
		})
	}
}

// TestRunAllRunsEnabledSchedules of every kind.
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
	if got := s.RunAll(); !slices.Equal(got, []string{"Rate", "Yearly", "NoInput"}) || s.Len() != 3 {
		t.Errorf("RunAll = %q, want Rate, Yearly and NoInput", got)
	}
	if len(r.bodies) != 3 || r.bodies[0] != "rate" || !strings.Contains(r.bodies[2], `"detail-type":"Scheduled Event"`) {
		t.Errorf("delivered %q, want the input, and an event where there is none", r.bodies)
	}
}

// TestSchedulesRunAtTheTimesOfTheirExpressions, in their time zones and between their dates.
func TestSchedulesRunAtTheTimesOfTheirExpressions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // begins at 2000-01-01T00:00:00Z, a Saturday
		r := &recorder{}
		s := newService(r, nil)
		const at = " <aws.scheduler.scheduled-time>"
		for _, resource := range []sam.Resource{
			schedule("Weekdays", "cron(30 9 ? * MON-FRI *)", "weekdays"+at),
			schedule("Zurich", "cron(0 12 3 * ? *)", "zurich"+at, "ScheduleExpressionTimezone", "Europe/Zurich"),
			schedule("Dated", "rate(1 day)", "dated"+at, "StartDate", "2000-01-02T06:00:00Z", "EndDate", "2000-01-03T06:00:00Z"),
			schedule("Since", "rate(3 days)", "since"+at, "StartDate", "1999-12-31T18:00:00.000Z"),
			schedule("Ancient", "rate(2 days)", "ancient"+at, "StartDate", "0001-01-01T12:00:00Z"),
			schedule("Once", "at(2000-01-02T03:04:05)", "once"+at, "ScheduleExpressionTimezone", "America/New_York", "EndDate", "1999-01-01T00:00:00Z"),
			schedule("Past", "at(1999-12-31T23:59:59)", "past"),
			schedule("Never", "cron(0 0 30 FEB ? *)", "never"),
			schedule("Ended", "rate(1 minute)", "ended", "EndDate", "1999-12-31T00:00:00Z"),
			schedule("Off", "cron(* * * * ? *)", "off", "State", "DISABLED"),
		} {
			if err := s.Add(resource); err != nil {
				t.Fatal(err)
			}
		}
		s.Start()
		time.Sleep(4 * 24 * time.Hour)
		s.Close()
		slices.Sort(r.bodies)
		want := []string{
			"ancient 2000-01-02T12:00:00Z", "ancient 2000-01-04T12:00:00Z", "dated 2000-01-02T06:00:00Z", "dated 2000-01-03T06:00:00Z", "once 2000-01-02T08:04:05Z", "since 2000-01-03T18:00:00Z",
			"weekdays 2000-01-03T09:30:00Z", "weekdays 2000-01-04T09:30:00Z", "zurich 2000-01-03T11:00:00Z",
		}
		if !slices.Equal(r.bodies, want) {
			t.Errorf("delivered %q, want %q", r.bodies, want)
		}
		var warned []string
		for _, step := range r.Steps(activity.Warned) {
			warned = append(warned, step.Text)
		}
		slices.Sort(warned)
		if want := []string{
			"schedule Ended: rate(1 minute) has no more runs", "schedule Never: cron(0 0 30 FEB ? *) has no more runs",
			"schedule Past: at(1999-12-31T23:59:59) has no more runs",
		}; !slices.Equal(warned, want) {
			t.Errorf("warned %q, want %q", warned, want)
		}
	})
}

// TestMissedRunsAreLeftOut: a target that takes an hour does not get all the runs of that hour at
// once.
func TestMissedRunsAreLeftOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, runs := newService(&recorder{}, nil), 0
		if err := s.AddRule("Slow", "rate(1 minute)", func(time.Time) {
			if runs++; runs == 1 {
				time.Sleep(time.Hour)
			}
		}); err != nil {
			t.Fatal(err)
		}
		s.Start()
		time.Sleep(time.Hour + 3*time.Minute + time.Second)
		s.Close()
		if runs != 3 {
			t.Errorf("%d runs, want the slow one and one in each of two minutes", runs)
		}
	})
}

func TestUnusableScheduleIsAnError(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ expression, property, value, want string }{
		{"rate(1 day)", "ScheduleExpressionTimezone", "Europe/Zuric", "Europe/Zuric"},
		{"rate(1 day)", "ScheduleExpressionTimezone", "Local", "not a time zone"},
		{"rate(1 day)", "ScheduleExpressionTimezone", "../../etc/passwd", "not a time zone"},
		{"rate(1 day)", "StartDate", "tomorrow", "StartDate"},
		{"cron(0 0 * * ? *)", "EndDate", "2030-13-01T00:00:00Z", "EndDate"},
		{"at(2030-03-31T02:30:00)", "ScheduleExpressionTimezone", "Europe/Zurich", "skip this time"},
	} {
		err := newService(&recorder{}, nil).Add(schedule("S", tt.expression, "x", tt.property, tt.value))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s with %s %s: Add = %v, want an error with %q", tt.expression, tt.property, tt.value, err, tt.want)
		}
	}
	backwards := schedule("S", "rate(1 day)", "x", "StartDate", "2030-01-02T00:00:00Z", "EndDate", "2030-01-01T00:00:00Z")
	window := schedule("S", "rate(1 day)", "x")
	window.Properties["FlexibleTimeWindow"] = map[string]any{"Mode": "FLEXIBLE"}
	for want, resource := range map[string]sam.Resource{"EndDate is before StartDate": backwards, "MaximumWindowInMinutes": window} {
		if err := newService(&recorder{}, nil).Add(resource); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Add = %v, want an error with %q", err, want)
		}
	}
	err := newService(&recorder{}, nil).AddRule("S", "at(2030-01-01T00:00:00)", nil)
	if err == nil || !strings.Contains(err.Error(), "AWS::Scheduler::Schedule") {
		t.Errorf("a rule that runs once: %v, want an error that names AWS::Scheduler::Schedule", err)
	}
}

func TestTextThatIsNoScheduleIsAnError(t *testing.T) {
	t.Parallel()
	for _, expression := range []string{"rate(1 minutes)", "rate(2 minute)", "rate(0 minutes)", "rate(5 weeks)", "rate(-1 hours)", "rate(900000000 days)", "hourly", "", "cron", "cron(", "at()", "at(2030-01-01)", "at(2030-01-01T00:00:00Z)", "cron(0 0 * * ? *", "Rate(1 hour)"} {
		err := newService(&recorder{}, nil).Add(schedule("S", expression, "x"))
		if err == nil || !strings.Contains(err.Error(), expression) {
			t.Errorf("%q: Add = %v, want an error that quotes the expression", expression, err)
		}
	}
}
