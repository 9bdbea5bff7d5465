package redrive_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
	"github.com/meterbridge/meterbridge/internal/redrive"
)

// fill puts letters of all kinds into both queues and returns the ids of their events.
func (s *bed) fill(t *testing.T) []string {
	t.Helper()
	var ids []string
	for i := range 13 {
		ids = append(ids, fmt.Sprintf("evt_parked_%d", i), fmt.Sprintf("evt_queue_%d", i), fmt.Sprintf("evt_bus_%d", i))
		s.park(t, ids[3*i], meterType, "not_found")
		s.undelivered(t, thin(ids[3*i+1], meterType), fetchARN)
		s.undelivered(t, thin(ids[3*i+2], meterType), lambdaARN)
	}
	return ids
}

// arrived counts for each event how often it came to where it belongs.
func (s *bed) arrived(t *testing.T) map[string]int {
	t.Helper()
	count := map[string]int{}
	add := func(detail string) {
		_, rest, _ := strings.Cut(detail, `"id":"evt_`)
		id, _, _ := strings.Cut(rest, `"`)
		count["evt_"+id]++
	}
	for _, body := range bodies(t, s.fetch) {
		add(body)
	}
	for _, entry := range s.bus {
		add(string(entry.Detail))
	}
	return count
}

// cut makes the nth call of AWS, and then what it does, a test's business. It returns how many
// calls there were.
func (s *bed) cut(n int, at func(w http.ResponseWriter, r *http.Request, next http.Handler), after http.HandlerFunc) (calls *int) {
	calls = new(int)
	s.intercept = func(_ awsjson.Call, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			*calls++
			switch {
			case *calls == n:
				at(w, r, next)
			case *calls > n && after != nil:
				after(w, r)
			default:
				next.ServeHTTP(w, r)
			}
		})
	}
	return calls
}

// TestKilledAtEveryStep: a run that is killed before or after any call has lost nothing. The next
// run brings back the rest, and doubles no more than the one batch in hand, under the same event
// ids.
func TestKilledAtEveryStep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dead := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
		for n, killed := 1, true; killed; n++ {
			for moment, at := range map[string]func(http.ResponseWriter, *http.Request, http.Handler){
				"before": func(w http.ResponseWriter, r *http.Request, _ http.Handler) { dead(w, r) },
				"after":  func(w http.ResponseWriter, r *http.Request, next http.Handler) { next.ServeHTTP(w, r); dead(w, r) },
			} {
				s := newBed()
				ids := s.fill(t)
				calls := s.cut(n, at, dead)
				_, err := s.redriver(t, nil).Run(t.Context())
				if killed = *calls >= n; !killed && err != nil {
					t.Errorf("not killed: %v", err)
				}
				s.intercept = nil
				time.Sleep(time.Hour) // everything that was received is visible again
				s.run(t, nil)
				s.wantArrived(t, fmt.Sprintf("killed %s call %d", moment, n), ids, 10)
			}
		}
	})
}

// wantArrived checks that every event arrived, that at most so many did twice, and that no letter
// is left.
func (s *bed) wantArrived(t *testing.T, when string, ids []string, doubles int) {
	t.Helper()
	arrived := s.arrived(t)
	doubled := 0
	for _, id := range ids {
		if arrived[id] == 0 {
			t.Errorf("%s: %s is lost", when, id)
		}
		doubled += max(0, arrived[id]-1)
	}
	if doubled > doubles || len(arrived) != len(ids) {
		t.Errorf("%s: %d of %d events came twice, want at most %d", when, doubled, len(arrived), doubles)
	}
	if dead, rule := s.dead.Stats(), s.ruleDead.Stats(); dead != (sqs.Stats{}) || rule != (sqs.Stats{}) {
		t.Errorf("%s: left are %+v and %+v", when, dead, rule)
	}
}

// TestInterruptedAtEveryStep: a run that is told to end finishes its step. Each letter is then
// either at its place or still a dead letter, visible to the next run, and none is both.
func TestInterruptedAtEveryStep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for n, reached := 1, true; reached; n++ {
			s := newBed()
			ids := s.fill(t)
			ctx, cancel := context.WithCancel(t.Context())
			calls := s.cut(n, func(w http.ResponseWriter, r *http.Request, next http.Handler) { cancel(); next.ServeHTTP(w, r) }, nil)
			counts, err := s.redriver(t, nil).Run(ctx)
			reached = *calls >= n
			cancel()
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("call %d: %v, want %v", n, err, context.Canceled)
			}
			dead, rule := s.dead.Stats(), s.ruleDead.Stats()
			if dead.InFlight+rule.InFlight > 0 || counts.Redriven+dead.Visible+rule.Visible != len(ids) {
				t.Errorf("call %d: %+v, and letters %+v and %+v", n, counts, dead, rule)
			}
			s.intercept = nil
			s.run(t, nil)
			s.wantArrived(t, fmt.Sprintf("interrupted at call %d", n), ids, 0)
		}
	})
}

func TestPartialFailures(t *testing.T) {
	t.Parallel()
	odd := func(entry string) bool {
		return strings.Contains(entry, `evt_1\"`) || strings.Contains(entry, `evt_3\"`)
	}
	for name, senderFault := range map[string]bool{"for now": false, "for good": true} {
		synctest.Test(t, func(t *testing.T) {
			s := newBed()
			for i := range 5 {
				s.park(t, fmt.Sprintf("evt_%d", i), meterType, "not_found")
			}
			s.intercept = fail("SendMessageBatch", odd, senderFault)
			var failed []string
			counts, err := s.redriver(t, &redrive.Options{Report: func(l redrive.Letter, o redrive.Outcome, err error) {
				if o == redrive.Failed && err != nil {
					failed = append(failed, l.EventID)
				}
			}}).Run(t.Context())
			if diff := cmp.Diff(redrive.Counts{Seen: 5, Redriven: 3, Failed: 2}, counts); diff != "" || err != nil {
				t.Errorf("%s: error %v, counts -want +got:\n%s", name, err, diff)
			}
			if !slices.Equal(failed, []string{"evt_1", "evt_3"}) {
				t.Errorf("%s: failed %q", name, failed)
			}
			if left := s.dead.Stats(); left != (sqs.Stats{Visible: 2}) {
				t.Errorf("%s: dead letters: %+v, want two, visible", name, left)
			}
			s.intercept = nil
			s.run(t, nil)
			s.wantArrived(t, name, []string{"evt_0", "evt_1", "evt_2", "evt_3", "evt_4"}, 0)
		})
	}
}

// TestSilenceIsNoConfirmation: an entry that an answer does not mention stays a dead letter.
func TestSilenceIsNoConfirmation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBed()
		s.park(t, "evt_0", meterType, "not_found")
		s.park(t, "evt_1", meterType, "not_found")
		s.intercept = func(c awsjson.Call, next http.Handler) http.Handler {
			if c.Operation != "SendMessageBatch" {
				return next
			}
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Write([]byte(`{"Successful":[{"Id":"1"},{"Id":"7"},{"Id":"x"}],"Failed":[]}`))
			})
		}
		counts := s.run(t, nil)
		if diff := cmp.Diff(redrive.Counts{Seen: 2, Redriven: 1, Failed: 1}, counts); diff != "" {
			t.Errorf("counts -want +got:\n%s", diff)
		}
		if left := s.dead.Stats(); left != (sqs.Stats{Visible: 1}) {
			t.Errorf("dead letters: %+v, want one, visible", left)
		}
	})
}

// TestStopsWhenNothingIsTaken: a fault that is not the letters' would fail each of them.
func TestStopsWhenNothingIsTaken(t *testing.T) {
	t.Parallel()
	every := func(string) bool { return true }
	for name, intercept := range map[string]func(awsjson.Call, http.Handler) http.Handler{
		"entries fail": fail("SendMessageBatch", every, false),
		"call fails": func(c awsjson.Call, next http.Handler) http.Handler {
			if c.Operation != "SendMessageBatch" {
				return next
			}
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				c.Fail(w, &awsjson.Error{Status: http.StatusForbidden, Code: "AccessDenied", Message: "not you"})
			})
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newBed()
			for i := range 30 {
				s.park(t, fmt.Sprintf("evt_%d", i), meterType, "not_found")
			}
			s.intercept = intercept
			counts, err := s.redriver(t, nil).Run(t.Context())
			if diff := cmp.Diff(redrive.Counts{Seen: 10, Failed: 10}, counts); diff != "" || err == nil {
				t.Errorf("%s: error %v, want one; counts -want +got:\n%s", name, err, diff)
			}
			if left := s.dead.Stats(); left != (sqs.Stats{Visible: 30}) {
				t.Errorf("%s: dead letters: %+v, want 30, visible", name, left)
			}
		})
	}
}

// TestOwnFaultsDoNotStop: letters that can never be brought back do not keep those behind them.
func TestOwnFaultsDoNotStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBed()
		s.refuse["bad.type"] = "InvalidArgument"
		for i := range 12 {
			s.undelivered(t, thin(fmt.Sprintf("evt_bad_%d", i), "bad.type"), lambdaARN)
		}
		s.undelivered(t, thin("evt_good", meterType), lambdaARN)
		counts := s.run(t, nil)
		if diff := cmp.Diff(redrive.Counts{Seen: 13, Redriven: 1, Failed: 12}, counts); diff != "" {
			t.Errorf("counts -want +got:\n%s", diff)
		}
	})
}

// TestDeletesAgain: a letter that SQS hands out once more after its successor was confirmed is
// deleted, not sent.
func TestDeletesAgain(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		failures  int
		undeleted int
	}{"once": {1, 0}, "for long": {3, 1}} {
		synctest.Test(t, func(t *testing.T) {
			s := newBed()
			s.park(t, "evt_1", meterType, "not_found")
			left := tt.failures
			s.intercept = fail("DeleteMessageBatch", func(string) bool { left--; return left >= 0 }, false)
			counts := s.run(t, nil)
			if counts.Redriven != 1 || counts.Undeleted != tt.undeleted {
				t.Errorf("%s: %+v, want %d undeleted", name, counts, tt.undeleted)
			}
			if got := s.dead.Stats(); got != (sqs.Stats{InFlight: tt.undeleted}) {
				t.Errorf("%s: dead letters %+v", name, got)
			}
		})
	}
}

// TestDuplicatesOfTheQueue: SQS may hand out a message that was deleted.
func TestDuplicatesOfTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBed()
		for i := range 25 {
			s.park(t, fmt.Sprintf("evt_%d", i), meterType, "not_found")
		}
		// One receipt is not deleted at first, though SQS says so, and its message shows up during
		// the run.
		lied := false
		s.intercept = func(c awsjson.Call, next http.Handler) http.Handler {
			if c.Operation != "DeleteMessageBatch" || lied {
				return next
			}
			lied = true
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Write([]byte(`{"Successful":[{"Id":"0"}],"Failed":[]}`))
			})
		}
		counts := s.run(t, &redrive.Options{Rate: 0.02})
		if diff := cmp.Diff(redrive.Counts{Seen: 25, Redriven: 25}, counts); diff != "" {
			t.Errorf("counts -want +got:\n%s", diff)
		}
		if arrived := s.arrived(t); len(arrived) != 25 || arrived["evt_0"] != 1 {
			t.Errorf("arrived: %v, want each of 25 once", arrived)
		}
		if left := s.dead.Stats(); left != (sqs.Stats{}) {
			t.Errorf("dead letters: %+v, want none", left)
		}
	})
}

func TestBatchesKeepToTheSizeOfACall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBed()
		for i := range 5 {
			send(t, s.dead, sqs.Message{Body: fmt.Sprint(i) + strings.Repeat(" ", 400<<10)})
		}
		counts := s.run(t, nil)
		if diff := cmp.Diff(redrive.Counts{Seen: 5, Redriven: 5}, counts); diff != "" {
			t.Errorf("counts -want +got:\n%s", diff)
		}
	})
}
