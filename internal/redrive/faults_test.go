package redrive_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
	"github.com/meterbridge/meterbridge/internal/redrive"
	"github.com/meterbridge/meterbridge/internal/testbed"
)

// fail makes the chosen entries of a batch call fail and lets the others through.
func fail(operation string, chosen func(entry string) bool, senderFault bool) func(awsjson.Call, http.Handler) http.Handler {
	return func(c awsjson.Call, next http.Handler) http.Handler {
		if c.Operation != operation {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var request struct {
				QueueUrl string
				Entries  []json.RawMessage
			}
			decode(r.Body, &request)
			var failed []any
			request.Entries = slices.DeleteFunc(request.Entries, func(entry json.RawMessage) bool {
				if !chosen(string(entry)) {
					return false
				}
				var e struct{ Id string }
				decode(bytes.NewReader(entry), &e)
				failed = append(failed, map[string]any{"Id": e.Id, "Code": "InternalError", "Message": "no", "SenderFault": senderFault})
				return true
			})
			answer := map[string]any{}
			if len(request.Entries) > 0 {
				r.Body = io.NopCloser(bytes.NewReader(encode(request)))
				recorder := httptest.NewRecorder()
				next.ServeHTTP(recorder, r)
				decode(recorder.Body, &answer)
			}
			answer["Failed"] = failed
			w.Write(encode(answer))
		})
	}
}

func decode(r io.Reader, into any) {
	if err := json.NewDecoder(r).Decode(into); err != nil {
		panic(err)
	}
}

func encode(v any) []byte {
	encoded, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return encoded
}

// fill puts letters of all kinds into both queues and returns the ids of their events.
func (b bed) fill(t *testing.T) []string {
	t.Helper()
	var ids []string
	for i := range 13 {
		ids = append(ids, fmt.Sprintf("evt_parked_%d", i), fmt.Sprintf("evt_queue_%d", i), fmt.Sprintf("evt_bus_%d", i))
		b.park(t, ids[3*i], meterType, "not_found")
		b.undelivered(t, thin(ids[3*i+1], meterType), fetchARN)
		b.undelivered(t, thin(ids[3*i+2], meterType), lambdaARN)
	}
	return ids
}

// arrived returns how often each event arrived in the queue or on the bus.
func (b bed) arrived(t *testing.T) map[string]int {
	t.Helper()
	count := map[string]int{}
	add := func(detail string) {
		_, rest, _ := strings.Cut(detail, `"id":"evt_`)
		id, _, _ := strings.Cut(rest, `"`)
		count["evt_"+id]++
	}
	for _, body := range bodies(t, b.Queue) {
		add(body)
	}
	for _, entry := range b.Events() {
		add(string(entry.Detail))
	}
	return count
}

// cut makes at handle the nth call to AWS and, unless it is nil, after handle all later ones. It
// returns the number of calls.
func (b bed) cut(n int, at func(w http.ResponseWriter, r *http.Request, next http.Handler), after http.HandlerFunc) (calls *int) {
	calls = new(int)
	b.Intercept(func(_ awsjson.Call, next http.Handler) http.Handler {
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
	})
	return calls
}

// A run may be killed before or after any call. The next run sends the rest, and sends again at
// most the batch that was being sent, with the same event ids.
func TestKilledRunLosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dead := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
		for n, killed := 1, true; killed; n++ {
			for moment, at := range map[string]func(http.ResponseWriter, *http.Request, http.Handler){
				"before": func(w http.ResponseWriter, r *http.Request, _ http.Handler) { dead(w, r) },
				"after":  func(w http.ResponseWriter, r *http.Request, next http.Handler) { next.ServeHTTP(w, r); dead(w, r) },
			} {
				b := newBed(t)
				ids := b.fill(t)
				calls := b.cut(n, at, dead)
				_, err := b.redriver(t, nil).Run(t.Context())
				if killed = *calls >= n; !killed && err != nil {
					t.Errorf("not killed: %v", err)
				}
				b.Intercept(nil)
				time.Sleep(time.Hour) // all received letters are visible again
				b.run(t, nil)
				b.wantArrived(t, fmt.Sprintf("killed %s call %d", moment, n), ids, 10)
			}
		}
	})
}

// wantArrived checks that every event arrived, at most doubles of them twice, and that no letter is
// left.
func (b bed) wantArrived(t *testing.T, when string, ids []string, doubles int) {
	t.Helper()
	arrived := b.arrived(t)
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
	if dead, rule := b.DeadLetters.Stats(), b.RuleDeadLetters.Stats(); dead != (sqs.Stats{}) || rule != (sqs.Stats{}) {
		t.Errorf("%s: left are %+v and %+v", when, dead, rule)
	}
}

// An interrupted run completes its call. Each letter is then either sent or still a dead letter,
// visible to the next run, and never both.
func TestInterruptedRunLosesAndDuplicatesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for n, reached := 1, true; reached; n++ {
			b := newBed(t)
			ids := b.fill(t)
			ctx, cancel := context.WithCancel(t.Context())
			calls := b.cut(n, func(w http.ResponseWriter, r *http.Request, next http.Handler) { cancel(); next.ServeHTTP(w, r) }, nil)
			counts, err := b.redriver(t, nil).Run(ctx)
			reached = *calls >= n
			cancel()
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("call %d: %v, want %v", n, err, context.Canceled)
			}
			dead, rule := b.DeadLetters.Stats(), b.RuleDeadLetters.Stats()
			if dead.InFlight+rule.InFlight > 0 || counts.Redriven+dead.Visible+rule.Visible != len(ids) {
				t.Errorf("call %d: %+v, and letters %+v and %+v", n, counts, dead, rule)
			}
			b.Intercept(nil)
			b.run(t, nil)
			b.wantArrived(t, fmt.Sprintf("interrupted at call %d", n), ids, 0)
		}
	})
}

func TestLettersThatFailInABatchStay(t *testing.T) {
	t.Parallel()
	odd := func(entry string) bool {
		return strings.Contains(entry, `evt_1\"`) || strings.Contains(entry, `evt_3\"`)
	}
	for name, senderFault := range map[string]bool{"for now": false, "for good": true} {
		synctest.Test(t, func(t *testing.T) {
			b := newBed(t)
			for i := range 5 {
				b.park(t, fmt.Sprintf("evt_%d", i), meterType, "not_found")
			}
			b.Intercept(fail("SendMessageBatch", odd, senderFault))
			var failed []string
			counts, err := b.redriver(t, &redrive.Options{Report: func(l redrive.Letter, o redrive.Outcome, err error) {
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
			if left := b.DeadLetters.Stats(); left != (sqs.Stats{Visible: 2}) {
				t.Errorf("%s: dead letters: %+v, want two, visible", name, left)
			}
			b.Intercept(nil)
			b.run(t, nil)
			b.wantArrived(t, name, []string{"evt_0", "evt_1", "evt_2", "evt_3", "evt_4"}, 0)
		})
	}
}

// An entry that the answer does not mention stays a dead letter.
func TestUnconfirmedLetterStays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		b.park(t, "evt_0", meterType, "not_found")
		b.park(t, "evt_1", meterType, "not_found")
		b.Intercept(func(c awsjson.Call, next http.Handler) http.Handler {
			if c.Operation != "SendMessageBatch" {
				return next
			}
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Write([]byte(`{"Successful":[{"Id":"1"},{"Id":"7"},{"Id":"x"}],"Failed":[]}`))
			})
		})
		counts := b.run(t, nil)
		if diff := cmp.Diff(redrive.Counts{Seen: 2, Redriven: 1, Failed: 1}, counts); diff != "" {
			t.Errorf("counts -want +got:\n%s", diff)
		}
		if left := b.DeadLetters.Stats(); left != (sqs.Stats{Visible: 1}) {
			t.Errorf("dead letters: %+v, want one, visible", left)
		}
	})
}

// A fault that is not caused by a letter would make every letter fail.
func TestRunStopsIfNothingIsAccepted(t *testing.T) {
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
			b := newBed(t)
			for i := range 30 {
				b.park(t, fmt.Sprintf("evt_%d", i), meterType, "not_found")
			}
			b.Intercept(intercept)
			counts, err := b.redriver(t, nil).Run(t.Context())
			if diff := cmp.Diff(redrive.Counts{Seen: 10, Failed: 10}, counts); diff != "" || err == nil {
				t.Errorf("%s: error %v, want one; counts -want +got:\n%s", name, err, diff)
			}
			if left := b.DeadLetters.Stats(); left != (sqs.Stats{Visible: 30}) {
				t.Errorf("%s: dead letters: %+v, want 30, visible", name, left)
			}
		})
	}
}

// Letters that can never be redriven do not hold up the others.
func TestRunContinuesPastLettersThatAreRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		b.Refuse("InvalidArgument", testbed.DetailType("bad.type"))
		for i := range 12 {
			b.undelivered(t, thin(fmt.Sprintf("evt_bad_%d", i), "bad.type"), lambdaARN)
		}
		b.undelivered(t, thin("evt_good", meterType), lambdaARN)
		counts := b.run(t, nil)
		if diff := cmp.Diff(redrive.Counts{Seen: 13, Redriven: 1, Failed: 12}, counts); diff != "" {
			t.Errorf("counts -want +got:\n%s", diff)
		}
	})
}

// A letter that SQS delivers again after its copy was confirmed is deleted, not sent.
func TestSentLetterIsDeletedNotSentAgain(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		failures  int
		undeleted int
	}{"once": {1, 0}, "repeatedly": {3, 1}} {
		synctest.Test(t, func(t *testing.T) {
			b := newBed(t)
			b.park(t, "evt_1", meterType, "not_found")
			left := tt.failures
			b.Intercept(fail("DeleteMessageBatch", func(string) bool { left--; return left >= 0 }, false))
			counts := b.run(t, nil)
			if counts.Redriven != 1 || counts.Undeleted != tt.undeleted {
				t.Errorf("%s: %+v, want %d undeleted", name, counts, tt.undeleted)
			}
			if got := b.DeadLetters.Stats(); got != (sqs.Stats{InFlight: tt.undeleted}) {
				t.Errorf("%s: dead letters %+v", name, got)
			}
		})
	}
}

// SQS may redeliver a deleted message.
func TestDeletedLetterThatReappearsIsNotSentAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		for i := range 25 {
			b.park(t, fmt.Sprintf("evt_%d", i), meterType, "not_found")
		}
		// SQS confirms one deletion that it has not made, and the message is received again during
		// the run.
		lied := false
		b.Intercept(func(c awsjson.Call, next http.Handler) http.Handler {
			if c.Operation != "DeleteMessageBatch" || lied {
				return next
			}
			lied = true
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Write([]byte(`{"Successful":[{"Id":"0"}],"Failed":[]}`))
			})
		})
		counts := b.run(t, &redrive.Options{Rate: 0.02})
		if diff := cmp.Diff(redrive.Counts{Seen: 25, Redriven: 25}, counts); diff != "" {
			t.Errorf("counts -want +got:\n%s", diff)
		}
		if arrived := b.arrived(t); len(arrived) != 25 || arrived["evt_0"] != 1 {
			t.Errorf("arrived: %v, want each of 25 once", arrived)
		}
		if left := b.DeadLetters.Stats(); left != (sqs.Stats{}) {
			t.Errorf("dead letters: %+v, want none", left)
		}
	})
}

func TestBatchesStayWithinTheSizeOfACall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		for i := range 5 {
			send(t, b.DeadLetters, sqs.Message{Body: fmt.Sprint(i) + strings.Repeat(" ", 400<<10)})
		}
		counts := b.run(t, nil)
		if diff := cmp.Diff(redrive.Counts{Seen: 5, Redriven: 5}, counts); diff != "" {
			t.Errorf("counts -want +got:\n%s", diff)
		}
	})
}
