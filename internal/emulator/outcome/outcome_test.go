package outcome_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/outcome"
)

func put(id, source string) activity.Step {
	return activity.Step{Kind: activity.Put, EventID: id, Source: source}
}

func matched(id, source, target string) activity.Step {
	return activity.Step{Kind: activity.Matched, EventID: id, Source: source, Target: target}
}

func parked(id string) activity.Step {
	return activity.Step{Kind: activity.Parked, EventID: id, Text: "not_found"}
}

func TestEachStoredEventHasOneOutcome(t *testing.T) {
	t.Parallel()
	tracker := outcome.NewTracker()
	tracker.SetFetchQueue("FetchQueue")
	for _, step := range []activity.Step{
		put("emitted", bus.SourceThin), matched("emitted", bus.SourceThin, "FetchQueue"), put("emitted", bus.SourceEvent),
		put("twice", bus.SourceThin), put("twice", bus.SourceEvent), put("twice", bus.SourceEvent),
		put("parked", bus.SourceThin), matched("parked", bus.SourceThin, "FetchQueue"), parked("parked"),
		put("reported", bus.SourceThin), matched("reported", bus.SourceThin, "FetchQueue"), {Kind: activity.Put, EventID: "reported", Source: bus.SourceFailure, Envelope: []byte(`{"detail":{"reason":"mismatch"}}`)},
		put("parked, then emitted", bus.SourceThin), parked("parked, then emitted"), put("parked, then emitted", bus.SourceEvent),
		put("ignored", bus.SourceThin), matched("ignored", bus.SourceThin, "OtherQueue"),
		matched("ignored", bus.SourceEvent, "FetchQueue"),
		put("lost", bus.SourceThin), matched("lost", bus.SourceThin, "FetchQueue"),
		put("not stored", bus.SourceEvent), {Kind: activity.Warned},
		put("snapshot", bus.SourceSnapshot),
		put("ignored, and a consumer failed", bus.SourceThin), {Kind: activity.Parked, EventID: "ignored, and a consumer failed", Target: "OtherQueue"},
		put("given up by SQS", bus.SourceThin), {Kind: activity.Parked, EventID: "given up by SQS", Target: "FetchQueue", Text: "received 3 times"},
	} {
		tracker.Observe(step)
	}
	want := outcome.Counts{
		Stored: 9, Snapshots: 1, Emitted: 3, Parked: 3, Ignored: 2, Lost: []string{"lost"},
		Reasons: map[string]int{"not_found": 1, "mismatch": 1, "received 3 times": 1},
	}
	if diff := cmp.Diff(want, tracker.Counts()); diff != "" {
		t.Errorf("Counts (-want +got):\n%s", diff)
	}
	if got, want := tracker.Ended(), 6; got != want {
		t.Errorf("Ended = %d, want %d: each of emitted, twice, parked, parked then emitted, given up, not stored once", got, want)
	}
	if diff := cmp.Diff(outcome.Event{Stored: true, Emitted: 2}, tracker.Event("twice")); diff != "" {
		t.Errorf("Event(twice) (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(outcome.Event{}, tracker.Event("unknown")); diff != "" {
		t.Errorf("Event(unknown) (-want +got):\n%s", diff)
	}
}
