package outcome_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/outcome"
)

// invoked is one attempt of a function that a rule invokes; a failure has a reason.
func invoked(name, reason string) activity.Step {
	s := activity.Step{Kind: activity.Invoked, Name: name, Count: 1, Attempt: 1, Attempts: 3}
	if reason != "" {
		s.Err = errors.New(reason)
	}
	return s
}

// TestConsumersAreCountedByWhatTheyDidWithTheirDeliveries: functions, queues that one polls, and
// queues that nobody does.
func TestConsumersAreCountedByWhatTheyDidWithTheirDeliveries(t *testing.T) {
	t.Parallel()
	batch := activity.Step{Kind: activity.Invoked, Name: "Reader", Target: "Orders", Count: 3, Failed: 1}
	deliver := func(target string, n int) (steps []activity.Step) {
		for range n {
			steps = append(steps, activity.Step{Kind: activity.Matched, Name: "Rule", Target: target})
		}
		return steps
	}
	for name, tt := range map[string]struct {
		steps []activity.Step
		want  outcome.Consumer
	}{
		"nothing": {nil, outcome.Consumer{}},
		"processed, one after a failure": {
			append(deliver("C", 2), invoked("C", ""), invoked("C", "x"), invoked("C", "")), outcome.Consumer{Delivered: 2, OK: 2, Failed: 1},
		},
		"not finished": {append(deliver("C", 2), invoked("C", "x")), outcome.Consumer{Delivered: 2, Failed: 1}},
		"dropped": {
			append(deliver("C", 1), invoked("C", "x"), invoked("C", "x"), activity.Step{Kind: activity.GaveUp, Name: "C", EventID: "evt_1", Attempt: 2}),
			outcome.Consumer{Delivered: 1, Dropped: 1, Failed: 2, Events: []string{"evt_1"}},
		},
		"dropped, and kept": {
			append(deliver("C", 1), invoked("C", "x"), activity.Step{Kind: activity.GaveUp, Name: "C", EventID: "evt_1", Kept: "Failures"}),
			outcome.Consumer{Delivered: 1, Dropped: 1, Failed: 1, Kept: map[string]int{"Failures": 1}, Events: []string{"evt_1"}},
		},
		"not delivered": {
			append(deliver("C", 1), activity.Step{Kind: activity.Undelivered, Name: "Rule", Target: "C", EventID: "evt_1"}),
			outcome.Consumer{Delivered: 1, Dropped: 1, Events: []string{"evt_1"}},
		},
		"not delivered, and kept": {
			append(deliver("C", 1), activity.Step{Kind: activity.Parked, Name: "Undelivered", Target: "C", EventID: "evt_1"},
				activity.Step{Kind: activity.Undelivered, Name: "Rule", Target: "C", EventID: "evt_1", Kept: "Undelivered"}),
			outcome.Consumer{Delivered: 1, Dropped: 1, Kept: map[string]int{"Undelivered": 1}, Events: []string{"evt_1"}},
		},
		"invoked by a schedule only": {[]activity.Step{{Kind: activity.Invoked, Name: "Other", Attempt: 1}}, outcome.Consumer{}},
	} {
		wantConsumer(t, name, tt.steps, outcome.Target{Name: "C", Answers: true}, tt.want)
	}
	for name, tt := range map[string]struct {
		steps []activity.Step
		want  outcome.Consumer
	}{
		"in the queue": {deliver("Orders", 2), outcome.Consumer{Delivered: 2}},
		"two of three processed": {
			append(deliver("Orders", 3), batch, activity.Step{Kind: activity.Returned, Name: "Reader", Target: "Orders"}),
			outcome.Consumer{Delivered: 3, OK: 2, Failed: 1},
		},
		"given up by SQS": {
			append(deliver("Orders", 3), batch, activity.Step{Kind: activity.Parked, Name: "Dead", Target: "Orders", EventID: "evt_1"}),
			outcome.Consumer{Delivered: 3, OK: 2, Dropped: 1, Kept: map[string]int{"Dead": 1}, Events: []string{"evt_1"}},
		},
		"expired after a failure": {
			append(deliver("Orders", 1), activity.Step{Kind: activity.Returned, Target: "Orders"}, activity.Step{Kind: activity.Expired, Name: "Orders", EventID: "evt_1"}),
			outcome.Consumer{Delivered: 1, Dropped: 1, Failed: 1, Events: []string{"evt_1"}},
		},
		"left out by a filter": {
			append(deliver("Orders", 1), activity.Step{Kind: activity.Filtered, Name: "Reader", Target: "Orders"}), outcome.Consumer{Delivered: 1, Filtered: 1},
		},
	} {
		wantConsumer(t, name, tt.steps, outcome.Target{Name: "Orders", Answers: true}, tt.want)
	}
	stored := append(deliver("Orders", 3), activity.Step{Kind: activity.Undelivered, Target: "Orders"}, activity.Step{Kind: activity.Expired, Name: "Orders"})
	wantConsumer(t, "nobody polls it", stored, outcome.Target{Name: "Orders"}, outcome.Consumer{Delivered: 3, OK: 2, Dropped: 1})
}

// wantConsumer checks the state of one consumer after given steps, beside the fetch queue.
func wantConsumer(t *testing.T, name string, steps []activity.Step, target outcome.Target, want outcome.Consumer) {
	t.Helper()
	tracker := outcome.NewTracker()
	tracker.SetFetchQueue("FetchQueue")
	for _, s := range append(steps, activity.Step{Kind: activity.Matched, Target: "FetchQueue"}) {
		tracker.Observe(s)
	}
	want.Name = target.Name
	if want.Kept == nil {
		want.Kept = map[string]int{}
	}
	got := tracker.Consumers([]outcome.Target{{Name: "FetchQueue", Answers: true}, target})
	if diff := cmp.Diff([]outcome.Consumer{want}, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
	if open := want.Delivered - want.OK - want.Filtered - want.Dropped; got[0].Open() != open {
		t.Errorf("%s: %d open, want %d", name, got[0].Open(), open)
	}
}

// TestOnlyTheFirstDroppedEventsAreNamed, so that a long run needs no more memory than a short one.
func TestOnlyTheFirstDroppedEventsAreNamed(t *testing.T) {
	t.Parallel()
	tracker := outcome.NewTracker()
	for range 1000 {
		tracker.Observe(activity.Step{Kind: activity.GaveUp, Name: "C", EventID: "evt_1"})
	}
	if got := tracker.Consumers([]outcome.Target{{Name: "C", Answers: true}})[0]; got.Dropped != 1000 || len(got.Events) != 20 {
		t.Errorf("%d dropped, %d named; want 1000 and 20", got.Dropped, len(got.Events))
	}
}
