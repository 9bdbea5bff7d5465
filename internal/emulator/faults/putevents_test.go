package faults_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"github.com/meterbridge/meterbridge/internal/emulator/faults"
)

// send puts events on the bus and returns the event id or the error code of each.
func (c *cloud) send(t *testing.T, ids ...string) ([]string, error) {
	t.Helper()
	var entries []types.PutEventsRequestEntry
	for _, id := range ids {
		entries = append(entries, types.PutEventsRequestEntry{
			Source: aws.String("stripe.event"), DetailType: aws.String("x"), Detail: aws.String(`{"id":"` + id + `"}`),
		})
	}
	output, err := eventbridge.NewFromConfig(c.config).PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: entries})
	if err != nil {
		return nil, err
	}
	var results []string
	failed := 0
	for _, entry := range output.Entries {
		results = append(results, c.names[aws.ToString(entry.EventId)]+aws.ToString(entry.ErrorCode))
		if entry.ErrorCode != nil {
			failed++
		}
	}
	if int(output.FailedEntryCount) != failed {
		t.Errorf("FailedEntryCount %d with %d failures", output.FailedEntryCount, failed)
	}
	return results, nil
}

// code returns the code of an API error, or "".
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

func TestFailedPutEventsPutsNothing(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{faults.EventsThrottle: "ThrottlingException", faults.Events500: "InternalException"} {
		i, w := always(t, name)
		c := newCloud(t, i)
		i.Start(noTarget())
		if _, err := c.send(t, "evt_1", "evt_2"); code(err) != want {
			t.Errorf("%s: PutEvents = %v, want %s", name, err, want)
		}
		if got := c.stored(); len(got) != 0 {
			t.Errorf("%s: stored %q, want nothing", name, got)
		}
		if steps := w.steps; len(steps) != 1 || !cmp.Equal(steps[0].Batch, []string{"evt_1", "evt_2"}) || steps[0].Source != "stripe.event" {
			t.Errorf("%s: reported %+v, want both events and their source", name, steps)
		}
	}
}

// TestLostAnswerHappensAfterThePut checks that the events are on the bus although the caller gets no
// answer.
func TestLostAnswerHappensAfterThePut(t *testing.T) {
	t.Parallel()
	i, _ := always(t, faults.EventsLost)
	c := newCloud(t, i)
	i.Start(noTarget())
	if results, err := c.send(t, "evt_1"); err == nil || code(err) != "" {
		t.Errorf("PutEvents = %q, %v; want an error of the connection", results, err)
	}
	if diff := cmp.Diff([]string{"evt_1"}, c.stored()); diff != "" {
		t.Errorf("stored, -want +got:\n%s", diff)
	}
}

// TestPartialFailureKeepsTheOrderOfResults checks that each result is at the index of its entry,
// and that failed entries are not on the bus.
func TestPartialFailureKeepsTheOrderOfResults(t *testing.T) {
	t.Parallel()
	w := &recorder{}
	i, err := faults.New(&faults.Options{Names: []string{faults.EventsPartial}, Share: 0.5, Seed: 3, Observer: w})
	if err != nil {
		t.Fatal(err)
	}
	c := newCloud(t, i)
	i.Start(noTarget())
	ids := []string{"evt_0", "evt_1", "evt_2", "evt_3", "evt_4", "evt_5", "evt_6", "evt_7", "evt_8", "evt_9"}
	results, err := c.send(t, ids...)
	if err != nil {
		t.Fatal(err)
	}
	var stored, struck []string
	for n, id := range ids {
		switch results[n] {
		case "stored " + id:
			stored = append(stored, id)
		case "ThrottlingException", "InternalFailure":
			struck = append(struck, id)
		default:
			t.Errorf("%s: result %q", id, results[n])
		}
	}
	if diff := cmp.Diff(stored, c.stored()); diff != "" || len(stored) == 0 {
		t.Errorf("on the bus, -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(struck, w.steps[0].Batch); diff != "" || len(struck) == 0 {
		t.Errorf("reported, -want +got:\n%s", diff)
	}
}

func TestAllEntriesCanFail(t *testing.T) {
	t.Parallel()
	i, _ := always(t, faults.EventsPartial)
	c := newCloud(t, i)
	i.Start(noTarget())
	results, err := c.send(t, "evt_1", "evt_2")
	if err != nil || len(results) != 2 || len(c.stored()) != 0 {
		t.Errorf("PutEvents = %q, %v with %q stored; want two failures", results, err, c.stored())
	}
}

// TestKillHappensBeforeOrAfterThePut checks that the function that processes the event is killed, and
// that both moments occur.
func TestKillHappensBeforeOrAfterThePut(t *testing.T) {
	t.Parallel()
	i, _ := always(t, faults.FunctionKill)
	c := newCloud(t, i)
	var payload atomic.Pointer[[]byte]
	setPayload := func(text string) { b := []byte(text); payload.Store(&b) }
	i.Start(faults.Target{Kill: func(match func([]byte) bool) bool { return match(*payload.Load()) }})
	for n := range 20 {
		id := "evt_" + string(rune('a'+n))
		setPayload(`{"Records":[{"body":"` + id + `"}]}`)
		if results, err := c.send(t, id); err == nil {
			t.Errorf("%s: PutEvents = %q, want no answer: its caller is dead", id, results)
		}
	}
	if n := len(c.stored()); n == 0 || n == 20 {
		t.Errorf("%d of 20 callers died after their events were put, want some and not all", n)
	}
	setPayload("something else")
	if results, err := c.send(t, "evt_z"); err != nil || !cmp.Equal(results, []string{"stored evt_z"}) {
		t.Errorf("with no instance to kill: PutEvents = %q, %v", results, err)
	}
}
