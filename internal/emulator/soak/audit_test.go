package soak

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/faults"
	"github.com/meterbridge/meterbridge/internal/ledger"
)

func put(source, id string) activity.Step {
	return activity.Step{Kind: activity.Put, Source: source, EventID: id}
}

func logged(line string) activity.Step { return activity.Step{Kind: activity.Logged, Text: line} }

// TestReportCountsWhatHappened checks the report about one event after given steps.
func TestReportCountsWhatHappened(t *testing.T) {
	t.Parallel()
	p, id := onePlanned(t)
	batch := []string{"evt_other", id}
	emitted := put(bus.SourceEvent, id)
	for name, tt := range map[string]struct {
		steps []activity.Step
		want  Report
	}{
		"no steps": {nil, Report{Lost: 1}},
		"answered, not stored": {
			[]activity.Step{{Kind: activity.Answered, EventID: id, Status: 200}, put(bus.SourceThin, id), emitted}, Report{Lost: 1},
		},
		"stored, then answered": {
			[]activity.Step{put(bus.SourceThin, id), {Kind: activity.Answered, EventID: id, Status: 200}, emitted}, Report{Emitted: 1},
		},
		"stored and lost":       {[]activity.Step{put(bus.SourceThin, id)}, Report{Lost: 1}},
		"emitted":               {[]activity.Step{put(bus.SourceThin, id), emitted}, Report{Emitted: 1}},
		"parked":                {[]activity.Step{{Kind: activity.Parked, EventID: id, Name: "DeadLetters", Text: "not_found"}}, Report{Parked: 1}},
		"parked, then redriven": {[]activity.Step{{Kind: activity.Parked, EventID: id}, emitted}, Report{Emitted: 1}},
		"doubled":               {[]activity.Step{emitted, emitted}, Report{Emitted: 1, Doubled: 1, Unexplained: 1}},
		"thin twice":            {[]activity.Step{put(bus.SourceThin, id), put(bus.SourceThin, id), emitted}, Report{Emitted: 1}},
		"doubled by a crash": {
			[]activity.Step{emitted, {Kind: activity.Invoked, Name: "F", Batch: batch, Err: errors.New("killed")}, emitted},
			Report{Emitted: 1, Doubled: 1, Explained: map[string]int{"crash": 1}},
		},
		"emitted three times, one crash": {
			[]activity.Step{emitted, {Kind: activity.Invoked, Name: "F", Batch: batch, Err: errors.New("killed")}, emitted, emitted},
			Report{Emitted: 1, Doubled: 1, Unexplained: 1},
		},
		"doubled in a batch that was answered": {
			[]activity.Step{emitted, {Kind: activity.Invoked, Name: "F", Batch: batch, Failed: 1}, emitted},
			Report{Emitted: 1, Doubled: 1, Unexplained: 1},
		},
		"doubled by a lost answer": {
			[]activity.Step{emitted, {Kind: activity.Faulted, Name: faults.EventsLost, Source: bus.SourceEvent, Batch: batch}, emitted},
			Report{Emitted: 1, Doubled: 1, Explained: map[string]int{"lost answer": 1}},
		},
		"doubled after a lost answer to the webhook": {
			[]activity.Step{{Kind: activity.Faulted, Name: faults.EventsLost, Source: bus.SourceThin, Batch: batch}, emitted, emitted},
			Report{Emitted: 1, Doubled: 1, Unexplained: 1},
		},
		"doubled after a fault that explains nothing": {
			[]activity.Step{{Kind: activity.Faulted, Name: faults.EventsPartial, Source: bus.SourceEvent, Batch: batch}, emitted, emitted},
			Report{Emitted: 1, Doubled: 1, Unexplained: 1},
		},
		"doubled by a late answer": {
			[]activity.Step{emitted, logged(`{"reason":"not_stored","event_id":"` + id + `","error":"x: context deadline exceeded"}`), emitted},
			Report{Emitted: 1, Doubled: 1, Explained: map[string]int{"lost answer": 1}},
		},
		"doubled although EventBridge refused the entry": {
			[]activity.Step{emitted, logged(`{"reason":"not_stored","event_id":"` + id + `","error":"ThrottlingException"}`), emitted},
			Report{Emitted: 1, Doubled: 1, Unexplained: 1},
		},
		"doubled without a record": {
			[]activity.Step{emitted, logged(`{"message":"side effect failed","reason":"ledger","event_id":"` + id + `","error":"throttled"}`), emitted},
			Report{Emitted: 1, Doubled: 1, Explained: map[string]int{"no record": 1}},
		},
		"doubled after another delivery held the claim": {
			[]activity.Step{emitted, logged(`{"message":"side effect failed","reason":"ledger","event_id":"` + id + `","error":"` + ledger.ErrLost.Error() + `"}`), emitted},
			Report{Emitted: 1, Doubled: 1, Unexplained: 1},
		},
		"forged": {[]activity.Step{emitted, put(bus.SourceThin, forgedPrefix+"1")}, Report{Emitted: 1, ForgedAccepted: 1}},
	} {
		a := newAudit()
		for _, step := range tt.steps {
			a.Observe(step)
		}
		got := *a.report(p, results{})
		bad := tt.want.Lost+tt.want.Unexplained+tt.want.ForgedAccepted > 0
		if (got.Err() != nil) != bad {
			t.Errorf("%s: Err = %v, want one: %t", name, got.Err(), bad)
		}
		if (len(got.Troubles) > 0) != (tt.want.Lost+tt.want.Unexplained > 0) {
			t.Errorf("%s: troubles %v", name, got.Troubles)
		}
		tt.want.Sent = 1
		got.Injected, got.Troubles = nil, nil
		if len(got.Explained) == 0 {
			got.Explained = nil
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

// TestTroubleIncludesTheHistory checks that an unexplained double is reported with all its steps.
func TestTroubleIncludesTheHistory(t *testing.T) {
	t.Parallel()
	p, id := onePlanned(t)
	a := newAudit()
	for _, step := range []activity.Step{
		put(bus.SourceThin, id), {Kind: activity.Answered, EventID: id, Status: 200},
		{Kind: activity.Faulted, Name: faults.Stripe500, Text: "GET /v2/core/events/" + id, Batch: []string{id}},
		put(bus.SourceEvent, id), put(bus.SourceEvent, id),
	} {
		a.Observe(step)
	}
	r := a.report(p, results{})
	want := id + " was emitted 2 times: stored → answered 200 → stripe-500 at GET /v2/core/events/… → emitted → emitted"
	if len(r.Troubles) != 1 || r.Troubles[0].String() != want {
		t.Errorf("troubles %v, want %s", r.Troubles, want)
	}
	if want := "soak sent=1 refused=0 accepted=0 emitted=1 parked=0 lost=0 doubled=1 forged_accepted=0 seconds=0.0"; r.String() != want {
		t.Errorf("line %q, want %q", r, want)
	}
}
