package sqs_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/clock"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
)

// polled gives a test a queue that a function polls, and its clock.
func polled(t *testing.T, cfg sqs.Config, f func(t *testing.T, c *clock.Clock, q *sqs.Queue)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(1)
		cfg.Name = "polled"
		q := sqs.NewQueue(cfg, c)
		q.Consume()
		f(t, c, q)
	})
}

// TestMessagesOfAPolledQueueAreWork: a visible message is in flight, one that is hidden is due when
// it becomes visible, and those of other queues are neither.
func TestMessagesOfAPolledQueueAreWork(t *testing.T) {
	polled(t, sqs.Config{VisibilityTimeout: 6 * time.Minute}, func(t *testing.T, c *clock.Clock, q *sqs.Queue) {
		other := sqs.NewQueue(sqs.Config{Name: "other"}, c)
		send(t, other, "nobody polls this")
		skipped := func(what string, want time.Duration, idle error) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			began := c.Now()
			if err := c.FastForward(ctx); !errors.Is(err, idle) {
				t.Errorf("%s: FastForward = %v, want %v", what, err, idle)
			}
			if got := c.Now().Sub(began); got != want {
				t.Errorf("%s: %v passed, want %v", what, got, want)
			}
		}
		skipped("an empty queue", 0, nil)
		send(t, q, "a")
		skipped("a visible message", time.Second, context.DeadlineExceeded)
		m := receive(t, q)
		skipped("a received message, until it is visible", 6*time.Minute+time.Second, context.DeadlineExceeded)
		if err := q.Delete(m.Receipt); err != nil {
			t.Fatal(err)
		}
		skipped("a deleted message", 0, nil)
		if _, err := q.SendAfter(sqs.Message{Body: "b"}, time.Minute); err != nil {
			t.Fatal(err)
		}
		skipped("a delayed message, until it is visible", time.Minute+time.Second, context.DeadlineExceeded)
		q.Purge()
		skipped("a purged queue", 0, nil)
		wantStats(t, other, sqs.Stats{Visible: 1})
	})
}

// TestTimeIsNotSkippedWhileAMessageIsHandedOver: a function gets exactly the time that it takes,
// through sends, delays, timeouts, redrives and batches that are not full.
func TestTimeIsNotSkippedWhileAMessageIsHandedOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(1)
		dead := sqs.NewQueue(sqs.Config{Name: "dead"}, c)
		q := sqs.NewQueue(sqs.Config{Name: "polled", VisibilityTimeout: time.Hour, DeadLetter: dead, MaxReceiveCount: 3}, c)
		for _, q := range []*sqs.Queue{dead, q} {
			q.Consume()
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		const functions, messages = 4, 100
		var pollers sync.WaitGroup
		var mu sync.Mutex
		buried := map[string]int{}
		invoke := func(handled []sqs.Message) {
			began, realBegan := c.Now(), time.Now()
			time.Sleep(time.Duration(len(handled)) * 100 * time.Millisecond)
			if got, want := c.Now().Sub(began), time.Since(realBegan); got != want {
				t.Errorf("%v passed on the clock during %v of work", got, want)
			}
		}
		for range functions {
			pollers.Go(func() {
				for ctx.Err() == nil {
					failed, done := q.Poll(ctx, 10, 30*time.Second)
					invoke(failed)
					for i, m := range failed {
						if i%2 == 0 {
							q.ChangeVisibility(m.Receipt, time.Duration(i)*time.Minute)
						}
					}
					done()
				}
			})
			pollers.Go(func() {
				for ctx.Err() == nil {
					letters, done := dead.Poll(ctx, 10, 0)
					invoke(letters)
					for _, m := range letters {
						mu.Lock()
						buried[m.Body]++
						mu.Unlock()
						dead.Delete(m.Receipt)
					}
					done()
				}
			})
		}
		began, realBegan := c.Now(), time.Now()
		for i := range messages {
			done := c.Work()
			if _, err := q.SendAfter(sqs.Message{Body: fmt.Sprint(i)}, time.Duration(i)*time.Second); err != nil {
				t.Error(err)
			}
			done()
		}
		if err := c.FastForward(t.Context()); err != nil {
			t.Fatal(err)
		}
		if passed, real := c.Now().Sub(began), time.Since(realBegan); passed < 3*time.Hour || real > time.Hour {
			t.Errorf("%v passed in %v, want three timeouts of an hour that were skipped", passed, real)
		}
		stop()
		pollers.Wait()
		for i := range messages {
			if got := buried[fmt.Sprint(i)]; got != 1 {
				t.Errorf("message %d was in the dead-letter queue %d times, want once", i, got)
			}
		}
	})
}

func TestPollWaitsForAFullBatchOrTheEndOfItsWindow(t *testing.T) {
	polled(t, sqs.Config{VisibilityTimeout: time.Hour}, func(t *testing.T, c *clock.Clock, q *sqs.Queue) {
		for _, tt := range []struct {
			name   string
			sends  []time.Duration
			window time.Duration
			want   int
			after  time.Duration
		}{
			{"a full batch", []time.Duration{1, 1, 1, 1}, time.Minute, 3, 1},
			{"a batch that fills up", []time.Duration{1, time.Second, time.Minute}, time.Hour, 3, time.Minute},
			{"the end of the window", []time.Duration{time.Minute, time.Minute + 1, 3 * time.Minute}, time.Minute, 2, 2 * time.Minute},
			{"no window", []time.Duration{time.Minute, time.Minute + 1}, 0, 1, time.Minute},
		} {
			began := time.Now()
			for _, after := range tt.sends {
				time.AfterFunc(after, func() { send(t, q, "m") })
			}
			messages, done := q.Poll(t.Context(), 3, tt.window)
			if took := time.Since(began); len(messages) != tt.want || took != tt.after {
				t.Errorf("%s: %d messages after %v, want %d after %v", tt.name, len(messages), took, tt.want, tt.after)
			}
			done()
			time.Sleep(time.Hour)
			q.Purge()
		}
	})
}

// TestWindowIsSkipped: the messages that wait for a full batch are due at its end.
func TestWindowIsSkipped(t *testing.T) {
	polled(t, sqs.Config{}, func(t *testing.T, c *clock.Clock, q *sqs.Queue) {
		send(t, q, "m")
		defer c.Skip()()
		began, realBegan := c.Now(), time.Now()
		messages, done := q.Poll(t.Context(), 3, 10*time.Second)
		defer done()
		if passed, real := c.Now().Sub(began), time.Since(realBegan); len(messages) != 1 || passed != 10*time.Second || real != 0 {
			t.Errorf("%d messages after %v, which took %v; want one after the window, which is skipped", len(messages), passed, real)
		}
	})
}

func TestPollEndsWithItsContext(t *testing.T) {
	polled(t, sqs.Config{}, func(t *testing.T, c *clock.Clock, q *sqs.Queue) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		messages, done := q.Poll(ctx, 1, time.Minute)
		if len(messages) != 0 {
			t.Errorf("Poll = %q, want none", bodies(messages))
		}
		done()
		if err := c.WaitIdle(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestSkippedTimeWakesAReceive on a queue that no function polls.
func TestSkippedTimeWakesAReceive(t *testing.T) {
	polled(t, sqs.Config{VisibilityTimeout: time.Hour}, func(t *testing.T, c *clock.Clock, q *sqs.Queue) {
		other := sqs.NewQueue(sqs.Config{Name: "other"}, c)
		if _, err := other.SendAfter(sqs.Message{Body: "b"}, 10*time.Minute); err != nil {
			t.Fatal(err)
		}
		send(t, q, "a")
		receive(t, q)
		received := make(chan []sqs.Message)
		go func() { received <- other.Receive(t.Context(), 1, 20*time.Minute, sqs.Default) }()
		synctest.Wait()
		began := time.Now()
		stop := c.Skip()
		if got := bodies(<-received); !slices.Equal(got, []string{"b"}) || time.Since(began) != 0 {
			t.Errorf("received %q after %v of real time, want b at once", got, time.Since(began))
		}
		stop()
	})
}
