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
	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
	"github.com/meterbridge/meterbridge/internal/redrive"
	"github.com/meterbridge/meterbridge/internal/stack"
)

func TestParkedLettersGoBackToTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBed()
		s.park(t, "evt_1", meterType, "not_found")
		gaveUp := sqs.Message{Body: thin("evt_2", meterType), TraceHeader: "Root=1-2-3", GroupID: "acct_1"}
		send(t, s.dead, gaveUp)
		const garbage = "no JSON, but somebody's data"
		send(t, s.dead, sqs.Message{Body: garbage})

		counts := s.run(t, nil)
		if diff := cmp.Diff(redrive.Counts{Seen: 3, Redriven: 3}, counts); diff != "" {
			t.Errorf("counts -want +got:\n%s", diff)
		}
		sent := s.fetch.Receive(t.Context(), 10, 0, time.Minute)
		var got []string
		for _, m := range sent {
			got = append(got, m.Body)
			if len(m.Attributes) > 0 {
				t.Errorf("successor of %s has attributes %v, want none of its past", m.Body, m.Attributes)
			}
		}
		want := []string{thin("evt_1", meterType), thin("evt_2", meterType), garbage}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("queue -want +got:\n%s", diff)
		}
		if sent[1].TraceHeader != gaveUp.TraceHeader || sent[1].GroupID != gaveUp.GroupID {
			t.Errorf("trace %q, group %q; want those of the letter", sent[1].TraceHeader, sent[1].GroupID)
		}
		if left := s.dead.Stats(); left != (sqs.Stats{}) {
			t.Errorf("dead letters: %+v, want none", left)
		}
	})
}

// TestLettersOfRules: one for the fetcher's queue goes there as it is, since nobody else missed it;
// any other goes to the bus; and what only AWS may put on a bus stays.
func TestLettersOfRules(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBed()
		const partner = "aws.partner/stripe.com/ed_1"
		s.undelivered(t, thin("evt_queue", meterType), fetchARN)
		s.undelivered(t, envelope(partner, "evt_partner", meterType), fetchARN)
		s.undelivered(t, thin("evt_bus", meterType), lambdaARN)
		s.undelivered(t, envelope(partner, "evt_stuck", meterType), lambdaARN)
		s.undelivered(t, "no JSON", lambdaARN)
		s.undelivered(t, thin("evt_twin", meterType), "arn:aws:sqs:us-east-1:000000000000:not-fetch")
		s.undelivered(t, thin("evt_topic", meterType), "arn:aws:sns:us-east-1:000000000000:fetch")

		failed := map[string]error{}
		counts := s.run(t, &redrive.Options{Report: func(l redrive.Letter, _ redrive.Outcome, err error) {
			if err != nil {
				failed[l.EventID] = err
			}
		}})
		if diff := cmp.Diff(redrive.Counts{Seen: 7, Redriven: 5, Failed: 2}, counts); diff != "" {
			t.Errorf("counts -want +got:\n%s", diff)
		}
		want := []string{thin("evt_queue", meterType), envelope(partner, "evt_partner", meterType)}
		if diff := cmp.Diff(want, bodies(t, s.fetch)); diff != "" {
			t.Errorf("queue -want +got:\n%s", diff)
		}
		entry := eventbridge.Entry{
			Bus: busName, Source: "stripe.thin", DetailType: meterType, Resources: []string{"mtr_1"}, TraceHeader: "Root=1-2-3",
			Time: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC),
		}
		entries := []eventbridge.Entry{entry, entry, entry}
		for i, id := range []string{"evt_bus", "evt_twin", "evt_topic"} {
			entries[i].Detail = fmt.Appendf(nil, `{ "id":%q,"object":"v2.core.event","type":%q, "context":"acct_1" }`, id, meterType)
		}
		if diff := cmp.Diff(entries, s.bus); diff != "" {
			t.Errorf("bus -want +got:\n%s", diff)
		}
		if failed["evt_stuck"] == nil || failed[""] == nil {
			t.Errorf("failed: %v, want evt_stuck and the one without an event", failed)
		}
		if left := s.ruleDead.Stats(); left != (sqs.Stats{Visible: 2}) {
			t.Errorf("dead letters: %+v, want two, visible", left)
		}
	})
}

func TestLetterTells(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBed()
		tried := s.queues.AddQueue(sqs.Config{
			Name: "tried", ARN: "arn:aws:sqs:us-east-1:000000000000:tried", VisibilityTimeout: time.Second, MaxReceiveCount: 1, DeadLetter: s.dead,
		})
		send(t, tried, sqs.Message{Body: thin("evt_gave_up", pingType)})
		tried.Receive(t.Context(), 1, 0, sqs.Default)
		time.Sleep(2 * time.Second)
		tried.Receive(t.Context(), 1, 0, sqs.Default)
		s.park(t, "evt_parked", meterType, "not_found")
		s.undelivered(t, thin("evt_rule", meterType), lambdaARN)
		send(t, s.dead, sqs.Message{Body: `{"detail":1}`})

		var got []redrive.Letter
		s.run(t, &redrive.Options{Report: func(l redrive.Letter, _ redrive.Outcome, _ error) { got = append(got, l) }})
		at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
		want := []redrive.Letter{
			{EventID: "evt_gave_up", Type: pingType, Context: "acct_1", Reason: redrive.ReasonGaveUp, Attempts: 2, FirstSeen: at},
			{EventID: "evt_parked", Type: meterType, Context: "acct_1", Reason: "not_found", LastError: "no such event", Attempts: 5, FirstSeen: at},
			{Reason: redrive.ReasonUnknown},
			{EventID: "evt_rule", Type: meterType, Context: "acct_1", Reason: "NO_PERMISSIONS", LastError: "denied", Attempts: 3, FirstSeen: at},
		}
		ignored := cmp.Options{cmpopts.IgnoreFields(redrive.Letter{}, "MessageID"), cmpopts.IgnoreUnexported(redrive.Letter{})}
		if diff := cmp.Diff(want, got, ignored); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestFilter(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		opts redrive.Options
		want []string // events brought back
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
				s := newBed()
				s.park(t, "evt_1", meterType, "not_found")
				s.park(t, "evt_2", pingType, "not_found")
				s.park(t, "evt_3", meterType, "mismatch")
				s.park(t, "evt_4", pingType, "too_large")
				counts := s.run(t, &tt.opts)
				var want []string
				for _, id := range tt.want {
					want = append(want, map[string]string{"evt_1": thin(id, meterType), "evt_3": thin(id, meterType)}[id])
					if want[len(want)-1] == "" {
						want[len(want)-1] = thin(id, pingType)
					}
				}
				if diff := cmp.Diff(want, bodies(t, s.fetch)); diff != "" {
					t.Errorf("queue -want +got:\n%s", diff)
				}
				if left := s.dead.Stats(); left != (sqs.Stats{Visible: 4 - len(want)}) {
					t.Errorf("dead letters: %+v, want %d, visible at once", left, 4-len(want))
				}
				if counts.Seen != 4 || counts.Redriven != len(want) || counts.Redriven+counts.Skipped+counts.Matched != 4 {
					t.Errorf("counts: %+v", counts)
				}
			})
		})
	}
}

// TestEndsAmongManyThatStay: letters that are not wanted are handed out once, not over and over,
// even when the run takes longer than they stay hidden.
func TestEndsAmongManyThatStay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBed()
		for i := range 300 {
			s.park(t, fmt.Sprintf("evt_%d", i), meterType, []string{"not_found", "mismatch"}[i%2])
		}
		started := time.Now()
		counts := s.run(t, &redrive.Options{Filter: redrive.Filter{Reasons: []string{"mismatch"}}, Rate: 0.1})
		if diff := cmp.Diff(redrive.Counts{Seen: 300, Redriven: 150, Skipped: 150}, counts); diff != "" {
			t.Errorf("counts -want +got:\n%s", diff)
		}
		// One letter goes at once, each of the others ten seconds after the one before.
		if took := time.Since(started); took < 149*10*time.Second || took > time.Hour {
			t.Errorf("took %v, want the time of 149 letters and little more", took)
		}
		if left := s.dead.Stats(); left != (sqs.Stats{Visible: 150}) {
			t.Errorf("dead letters: %+v, want 150, visible", left)
		}
	})
}

// TestEndsThoughLettersShowUpAgain: going through the queue takes so long that what was hidden
// first is back before the last has been seen.
func TestEndsThoughLettersShowUpAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBed()
		for i := range 300 {
			s.park(t, fmt.Sprintf("evt_%d", i), meterType, "not_found")
		}
		s.intercept = func(c awsjson.Call, next http.Handler) http.Handler {
			if c.Operation == "ReceiveMessage" {
				time.Sleep(20 * time.Second)
			}
			return next
		}
		started := time.Now()
		counts := s.run(t, &redrive.Options{Filter: redrive.Filter{Reasons: []string{"mismatch"}}})
		if took := time.Since(started); took > time.Hour {
			t.Errorf("took %v, want two rounds at most", took)
		}
		if diff := cmp.Diff(redrive.Counts{Seen: 300, Skipped: 300}, counts); diff != "" {
			t.Errorf("counts -want +got:\n%s", diff)
		}
	})
}

func TestRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBed()
		for i := range 25 {
			s.park(t, fmt.Sprintf("evt_%d", i), meterType, "not_found")
		}
		var at []time.Duration
		started := time.Now()
		s.run(t, &redrive.Options{Rate: 5, Report: func(redrive.Letter, redrive.Outcome, error) { at = append(at, time.Since(started)) }})
		for second := range 5 {
			want := time.Duration(second) * time.Second
			if got := at[second*5 : second*5+5]; slices.Min(got) != want || slices.Max(got) != want {
				t.Errorf("letters %d to %d after %v, want %v", second*5, second*5+4, got, want)
			}
		}
	})
}

// TestReturnedLettersStay: the fetcher may park a successor while the run is still on. Without a
// memory, the two would go round for ever.
func TestReturnedLettersStay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBed()
		s.park(t, "evt_1", meterType, "malformed")
		s.park(t, "evt_2", meterType, "malformed")
		counts := s.run(t, &redrive.Options{Report: func(l redrive.Letter, o redrive.Outcome, _ error) {
			if o == redrive.Redriven {
				s.park(t, l.EventID, meterType, "malformed")
			}
		}})
		if diff := cmp.Diff(redrive.Counts{Seen: 4, Redriven: 2, Returned: 2}, counts); diff != "" {
			t.Errorf("counts -want +got:\n%s", diff)
		}
		if left := s.dead.Stats(); left != (sqs.Stats{Visible: 2}) {
			t.Errorf("dead letters: %+v, want the two that came back, visible", left)
		}
	})
}

func TestPending(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBed()
		s.park(t, "evt_1", meterType, "not_found")
		s.undelivered(t, thin("evt_2", meterType), fetchARN)
		if n, err := s.redriver(t, nil).Pending(t.Context()); n != 2 || err != nil {
			t.Errorf("Pending = %d, %v; want 2", n, err)
		}
	})
}

func TestNewRefuses(t *testing.T) {
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
		if _, err := redrive.New(newBed().service(), where, &opts); !errors.Is(err, redrive.ErrOptions) {
			t.Errorf("%s: %v, want %v", name, err, redrive.ErrOptions)
		}
	}
}
