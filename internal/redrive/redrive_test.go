package redrive_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/clock"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
	"github.com/meterbridge/meterbridge/internal/redrive"
	"github.com/meterbridge/meterbridge/internal/stack"
	"github.com/meterbridge/meterbridge/internal/testbed"
)

const (
	meterType = testbed.MeterType
	pingType  = "v2.core.event_destination.ping"
	fetchARN  = "arn:aws:sqs:us-east-1:000000000000:fetch"
	lambdaARN = "arn:aws:lambda:us-east-1:000000000000:function:alerts"
)

// bed is the emulated queues and bus that letters come from and go to. Each test runs in a synctest
// bubble.
type bed struct{ *testbed.Bed }

func newBed(t *testing.T) bed { return bed{testbed.New(t, nil)} }

func (b bed) addresses() stack.Addresses {
	return stack.Addresses{
		Bus: testbed.BusName, FetchQueue: b.Queue.Config().URL, DeadLetters: b.DeadLetters.Config().URL, RuleDeadLetters: b.RuleDeadLetters.Config().URL,
	}
}

func (b bed) redriver(t *testing.T, opts *redrive.Options) *redrive.Redriver {
	t.Helper()
	r, err := redrive.New(b.AWS, b.addresses(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (b bed) run(t *testing.T, opts *redrive.Options) redrive.Counts {
	t.Helper()
	counts, err := b.redriver(t, opts).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return counts
}

// envelope returns a thin event as a rule delivers it.
func envelope(source, id, eventType string) string {
	return testbed.Delivered(source, eventType, testbed.Thin(id, eventType))
}

func thin(id, eventType string) string { return envelope("stripe.thin", id, eventType) }

func attributes(pairs ...string) map[string]sqs.Attribute {
	a := map[string]sqs.Attribute{}
	for i := 0; i < len(pairs); i += 2 {
		a[pairs[i]] = sqs.Attribute{DataType: "String", StringValue: pairs[i+1]}
	}
	return a
}

// park sends a letter as the fetcher does.
func (b bed) park(t *testing.T, id, eventType, reason string) {
	t.Helper()
	send(t, b.DeadLetters, sqs.Message{Body: thin(id, eventType), Attributes: attributes(
		"event_id", id, "type", eventType, "reason", reason, "status", "404", "attempts", "5",
		"first_seen", "2026-11-22T08:00:00Z", "last_error", "no such event",
	)})
}

// undelivered sends a letter as EventBridge does for a rule.
func (b bed) undelivered(t *testing.T, body, target string) {
	t.Helper()
	send(t, b.RuleDeadLetters, sqs.Message{Body: body, TraceHeader: "Root=1-2-3", Attributes: attributes(
		"RULE_ARN", "arn:aws:events:us-east-1:000000000000:rule/meterbridge/r", "TARGET_ARN", target,
		"ERROR_CODE", "NO_PERMISSIONS", "ERROR_MESSAGE", "denied", "RETRY_ATTEMPTS", "3",
	)})
}

func send(t *testing.T, q *sqs.Queue, m sqs.Message) {
	t.Helper()
	if _, err := q.Send(m); err != nil {
		t.Fatal(err)
	}
}

// bodies removes all visible messages of a queue and returns their bodies.
func bodies(t *testing.T, q *sqs.Queue) []string {
	t.Helper()
	var found []string
	for {
		messages := q.Receive(t.Context(), 10, 0, sqs.Default)
		if len(messages) == 0 {
			return found
		}
		for _, m := range messages {
			found = append(found, m.Body)
			if err := q.Delete(m.Receipt); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestParkedLettersGoBackToTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		b.park(t, "evt_1", meterType, "not_found")
		gaveUp := sqs.Message{Body: thin("evt_2", meterType), TraceHeader: "Root=1-2-3", GroupID: "acct_1"}
		send(t, b.DeadLetters, gaveUp)
		const garbage = "not JSON, but somebody's data"
		send(t, b.DeadLetters, sqs.Message{Body: garbage})

		counts := b.run(t, nil)
		if diff := cmp.Diff(redrive.Counts{Seen: 3, Redriven: 3}, counts); diff != "" {
			t.Errorf("counts -want +got:\n%s", diff)
		}
		sent := b.Queue.Receive(t.Context(), 10, 0, time.Minute)
		var got []string
		for _, m := range sent {
			got = append(got, m.Body)
			if len(m.Attributes) > 0 {
				t.Errorf("successor of %s has attributes %v, want none", m.Body, m.Attributes)
			}
		}
		want := []string{thin("evt_1", meterType), thin("evt_2", meterType), garbage}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("queue -want +got:\n%s", diff)
		}
		if sent[1].TraceHeader != gaveUp.TraceHeader || sent[1].GroupID != gaveUp.GroupID {
			t.Errorf("trace %q, group %q; want those of the letter", sent[1].TraceHeader, sent[1].GroupID)
		}
		if left := b.DeadLetters.Stats(); left != (sqs.Stats{}) {
			t.Errorf("dead letters: %+v, want none", left)
		}
	})
}

// A letter for the fetcher's queue goes there unchanged, since no other target failed. Any other
// goes to the bus, except for events that only AWS may put there.
func TestLetterOfARuleGoesToItsQueueOrTheBus(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		const partner = "aws.partner/stripe.com/ed_1"
		b.undelivered(t, thin("evt_queue", meterType), fetchARN)
		b.undelivered(t, envelope(partner, "evt_partner", meterType), fetchARN)
		b.undelivered(t, thin("evt_bus", meterType), lambdaARN)
		b.undelivered(t, envelope(partner, "evt_stuck", meterType), lambdaARN)
		b.undelivered(t, "no JSON", lambdaARN)
		b.undelivered(t, thin("evt_twin", meterType), "arn:aws:sqs:us-east-1:000000000000:not-fetch")
		b.undelivered(t, thin("evt_topic", meterType), "arn:aws:sns:us-east-1:000000000000:fetch")

		failed := map[string]error{}
		counts := b.run(t, &redrive.Options{Report: func(l redrive.Letter, _ redrive.Outcome, err error) {
			if err != nil {
				failed[l.EventID] = err
			}
		}})
		if diff := cmp.Diff(redrive.Counts{Seen: 7, Redriven: 5, Failed: 2}, counts); diff != "" {
			t.Errorf("counts -want +got:\n%s", diff)
		}
		want := []string{thin("evt_queue", meterType), envelope(partner, "evt_partner", meterType)}
		if diff := cmp.Diff(want, bodies(t, b.Queue)); diff != "" {
			t.Errorf("queue -want +got:\n%s", diff)
		}
		entry := eventbridge.Entry{
			Bus: testbed.BusName, Source: "stripe.thin", DetailType: meterType, Resources: []string{"mtr_1"}, TraceHeader: "Root=1-2-3",
			Time: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC),
		}
		entries := []eventbridge.Entry{entry, entry, entry}
		for i, id := range []string{"evt_bus", "evt_twin", "evt_topic"} {
			entries[i].Detail = []byte(testbed.Thin(id, meterType))
		}
		if diff := cmp.Diff(entries, b.Events()); diff != "" {
			t.Errorf("bus -want +got:\n%s", diff)
		}
		if failed["evt_stuck"] == nil || failed[""] == nil {
			t.Errorf("failed: %v, want evt_stuck and the one without an event", failed)
		}
		if left := b.RuleDeadLetters.Stats(); left != (sqs.Stats{Visible: 2}) {
			t.Errorf("dead letters: %+v, want two, visible", left)
		}
	})
}

func TestLetterHasReasonAttemptsAndTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		tried := sqs.NewQueue(sqs.Config{
			Name: "tried", ARN: "arn:aws:sqs:us-east-1:000000000000:tried", VisibilityTimeout: time.Second, MaxReceiveCount: 1, DeadLetter: b.DeadLetters,
		}, clock.New(1))
		send(t, tried, sqs.Message{Body: thin("evt_gave_up", pingType)})
		tried.Receive(t.Context(), 1, 0, sqs.Default)
		time.Sleep(2 * time.Second)
		tried.Receive(t.Context(), 1, 0, sqs.Default)
		b.park(t, "evt_parked", meterType, "not_found")
		b.undelivered(t, thin("evt_rule", meterType), lambdaARN)
		send(t, b.DeadLetters, sqs.Message{Body: `{"detail":1}`})

		var got []redrive.Letter
		b.run(t, &redrive.Options{Report: func(l redrive.Letter, _ redrive.Outcome, _ error) { got = append(got, l) }})
		at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
		want := []redrive.Letter{
			{EventID: "evt_gave_up", Type: pingType, Context: "acct_1/acct_2", Reason: redrive.ReasonGaveUp, Attempts: 2, FirstSeen: at},
			{EventID: "evt_parked", Type: meterType, Context: "acct_1/acct_2", Reason: "not_found", LastError: "no such event", Attempts: 5, FirstSeen: at},
			{Reason: redrive.ReasonUnknown},
			{EventID: "evt_rule", Type: meterType, Context: "acct_1/acct_2", Reason: "NO_PERMISSIONS", LastError: "denied", Attempts: 3, FirstSeen: at},
		}
		ignored := cmp.Options{cmpopts.IgnoreFields(redrive.Letter{}, "MessageID"), cmpopts.IgnoreUnexported(redrive.Letter{})}
		if diff := cmp.Diff(want, got, ignored); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestFilterAndLimitSelectLetters(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		opts redrive.Options
		want []string // events redriven
	}{
		"everything": {redrive.Options{}, []string{"evt_1", "evt_2", "evt_3", "evt_4"}},
		"type":       {redrive.Options{Filter: redrive.Filter{Types: []string{pingType}}}, []string{"evt_2", "evt_4"}},
		"reasons":    {redrive.Options{Filter: redrive.Filter{Reasons: []string{"mismatch", "too_large"}}}, []string{"evt_3", "evt_4"}},
		"events":     {redrive.Options{Filter: redrive.Filter{Events: []string{"evt_1"}}}, []string{"evt_1"}},
		"all of it":  {redrive.Options{Filter: redrive.Filter{Types: []string{pingType}, Reasons: []string{"not_found"}}}, []string{"evt_2"}},
		"limit":      {redrive.Options{Limit: 3}, []string{"evt_1", "evt_2", "evt_3"}},
		"none":       {redrive.Options{Filter: redrive.Filter{Events: []string{"evt"}}}, nil},
		"dry run":    {redrive.Options{DryRun: true}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBed(t)
				b.park(t, "evt_1", meterType, "not_found")
				b.park(t, "evt_2", pingType, "not_found")
				b.park(t, "evt_3", meterType, "mismatch")
				b.park(t, "evt_4", pingType, "too_large")
				counts := b.run(t, &tt.opts)
				var want []string
				for _, id := range tt.want {
					want = append(want, map[string]string{"evt_1": thin(id, meterType), "evt_3": thin(id, meterType)}[id])
					if want[len(want)-1] == "" {
						want[len(want)-1] = thin(id, pingType)
					}
				}
				if diff := cmp.Diff(want, bodies(t, b.Queue)); diff != "" {
					t.Errorf("queue -want +got:\n%s", diff)
				}
				if left := b.DeadLetters.Stats(); left != (sqs.Stats{Visible: 4 - len(want)}) {
					t.Errorf("dead letters: %+v, want %d, visible at once", left, 4-len(want))
				}
				if counts.Seen != 4 || counts.Redriven != len(want) || counts.Redriven+counts.Skipped+counts.Matched != 4 {
					t.Errorf("counts: %+v", counts)
				}
			})
		})
	}
}

// Letters that are not selected are read once, even if the run takes longer than they stay hidden.
func TestRunEndsThoughManyLettersStay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		for i := range 300 {
			b.park(t, fmt.Sprintf("evt_%d", i), meterType, []string{"not_found", "mismatch"}[i%2])
		}
		started := time.Now()
		counts := b.run(t, &redrive.Options{Filter: redrive.Filter{Reasons: []string{"mismatch"}}, Rate: 0.1})
		if diff := cmp.Diff(redrive.Counts{Seen: 300, Redriven: 150, Skipped: 150}, counts); diff != "" {
			t.Errorf("counts -want +got:\n%s", diff)
		}
		// One letter goes at once, each of the others ten seconds after the one before.
		if took := time.Since(started); took < 149*10*time.Second || took > time.Hour {
			t.Errorf("took %v, want the time of 149 letters and little more", took)
		}
		if left := b.DeadLetters.Stats(); left != (sqs.Stats{Visible: 150}) {
			t.Errorf("dead letters: %+v, want 150, visible", left)
		}
	})
}

// Reading the queue takes so long that the first letters are visible again before the last has been
// read.
func TestRunEndsThoughHiddenLettersBecomeVisible(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		for i := range 300 {
			b.park(t, fmt.Sprintf("evt_%d", i), meterType, "not_found")
		}
		b.Intercept(func(c awsjson.Call, next http.Handler) http.Handler {
			if c.Operation == "ReceiveMessage" {
				time.Sleep(20 * time.Second)
			}
			return next
		})
		started := time.Now()
		counts := b.run(t, &redrive.Options{Filter: redrive.Filter{Reasons: []string{"mismatch"}}})
		if took := time.Since(started); took > time.Hour {
			t.Errorf("took %v, want at most two passes", took)
		}
		if diff := cmp.Diff(redrive.Counts{Seen: 300, Skipped: 300}, counts); diff != "" {
			t.Errorf("counts -want +got:\n%s", diff)
		}
	})
}

func TestRunKeepsToItsRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		for i := range 25 {
			b.park(t, fmt.Sprintf("evt_%d", i), meterType, "not_found")
		}
		var at []time.Duration
		started := time.Now()
		b.run(t, &redrive.Options{Rate: 5, Report: func(redrive.Letter, redrive.Outcome, error) { at = append(at, time.Since(started)) }})
		for second := range 5 {
			want := time.Duration(second) * time.Second
			if got := at[second*5 : second*5+5]; slices.Min(got) != want || slices.Max(got) != want {
				t.Errorf("letters %d to %d after %v, want %v", second*5, second*5+4, got, want)
			}
		}
	})
}

// The fetcher may park a copy again during the run. The two would otherwise be sent and parked
// forever.
func TestReturnedLettersStay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		b.park(t, "evt_1", meterType, "malformed")
		b.park(t, "evt_2", meterType, "malformed")
		counts := b.run(t, &redrive.Options{Report: func(l redrive.Letter, o redrive.Outcome, _ error) {
			if o == redrive.Redriven {
				b.park(t, l.EventID, meterType, "malformed")
			}
		}})
		if diff := cmp.Diff(redrive.Counts{Seen: 4, Redriven: 2, Returned: 2}, counts); diff != "" {
			t.Errorf("counts -want +got:\n%s", diff)
		}
		if left := b.DeadLetters.Stats(); left != (sqs.Stats{Visible: 2}) {
			t.Errorf("dead letters: %+v, want the two that failed again, visible", left)
		}
	})
}

// TestCountHasBothQueues, and letters that are hidden: those of a lost answer are not gone.
func TestCountHasBothQueues(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		b.park(t, "evt_1", meterType, "not_found")
		b.DeadLetters.Receive(t.Context(), 1, 0, time.Minute)
		b.park(t, "evt_2", meterType, "not_found")
		b.undelivered(t, thin("evt_3", meterType), fetchARN)
		if visible, all, err := b.redriver(t, nil).Count(t.Context()); visible != 2 || all != 3 || err != nil {
			t.Errorf("Count = %d, %d, %v; want 2 and 3", visible, all, err)
		}
	})
}

func TestUnusableOptionsAreRefused(t *testing.T) {
	t.Parallel()
	all := stack.Addresses{Bus: "b", FetchQueue: "https://q.test/1/f", DeadLetters: "https://q.test/1/d", RuleDeadLetters: "https://q.test/1/r"}
	for name, change := range map[string]func(*stack.Addresses, *redrive.Options){
		"no dead letters": func(s *stack.Addresses, _ *redrive.Options) { s.DeadLetters, s.RuleDeadLetters = "", "" },
		"no queue":        func(s *stack.Addresses, _ *redrive.Options) { s.FetchQueue = "" },
		"no bus":          func(s *stack.Addresses, _ *redrive.Options) { s.Bus = "" },
		"negative rate":   func(_ *stack.Addresses, o *redrive.Options) { o.Rate = -1 },
		"tiny rate":       func(_ *stack.Addresses, o *redrive.Options) { o.Rate = redrive.MinRate / 2 },
		"negative limit":  func(_ *stack.Addresses, o *redrive.Options) { o.Limit = -1 },
	} {
		where, opts := all, redrive.Options{}
		change(&where, &opts)
		if _, err := redrive.New(testbed.New(t, nil).AWS, where, &opts); !errors.Is(err, redrive.ErrOptions) {
			t.Errorf("%s: %v, want %v", name, err, redrive.ErrOptions)
		}
	}
}
