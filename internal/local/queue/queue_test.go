package queue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/local/clock"
	"github.com/meterbridge/meterbridge/internal/local/queue"
)

// run gives each test a queue in a bubble of its own, where time passes only when everyone waits.
func run(t *testing.T, cfg queue.Config, f func(t *testing.T, q *queue.Queue)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg.Name = "fetch"
		f(t, queue.New(cfg, clock.New(1)))
	})
}

func send(t *testing.T, q *queue.Queue, body string) queue.Message {
	t.Helper()
	m, err := q.Send(queue.Message{Body: body})
	if err != nil {
		t.Fatalf("Send(%q): %v", body, err)
	}
	return m
}

// receive takes one message and fails the test if there is none.
func receive(t *testing.T, q *queue.Queue) queue.Message {
	t.Helper()
	messages := q.Receive(t.Context(), 1, 0, queue.Default)
	if len(messages) != 1 {
		t.Fatalf("Receive returned %d messages, want 1; stats %+v", len(messages), q.Stats())
	}
	return messages[0]
}

func wantStats(t *testing.T, q *queue.Queue, want queue.Stats) {
	t.Helper()
	if diff := cmp.Diff(want, q.Stats()); diff != "" {
		t.Errorf("Stats (-want +got):\n%s", diff)
	}
}

func bodies(messages []queue.Message) []string {
	var out []string
	for _, m := range messages {
		out = append(out, m.Body)
	}
	return out
}

func TestMessageRoundTrip(t *testing.T) {
	run(t, queue.Config{}, func(t *testing.T, q *queue.Queue) {
		sentAt := time.Now()
		in := queue.Message{
			Body: "hello", GroupID: "acct_1", TraceHeader: "Root=1-0-0",
			Attributes: map[string]queue.Attribute{"reason": {DataType: "String", StringValue: "not found"}},
			ID:         "chosen by the sender", ReceiveCount: 7, // both are the queue's to set
		}
		sent, err := q.Send(in)
		if err != nil {
			t.Fatalf("Send: %v", err)
		}
		time.Sleep(time.Second)
		got := receive(t, q)
		want := queue.Message{
			ID: sent.ID, Body: "hello", GroupID: "acct_1", TraceHeader: "Root=1-0-0", Attributes: in.Attributes,
			Receipt: got.Receipt, Sent: sentAt, FirstReceived: sentAt.Add(time.Second), ReceiveCount: 1,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("received message (-want +got):\n%s", diff)
		}
		if sent.ID == in.ID || got.Receipt == "" {
			t.Errorf("id %q, receipt %q: want both made by the queue", sent.ID, got.Receipt)
		}
	})
}

func TestVisibilityTimeout(t *testing.T) {
	run(t, queue.Config{VisibilityTimeout: 10 * time.Second}, func(t *testing.T, q *queue.Queue) {
		send(t, q, "a")
		first := receive(t, q)
		time.Sleep(10*time.Second - 1)
		wantStats(t, q, queue.Stats{InFlight: 1})
		time.Sleep(1)
		wantStats(t, q, queue.Stats{Visible: 1})

		second := receive(t, q)
		if second.ReceiveCount != 2 || !second.FirstReceived.Equal(first.FirstReceived) {
			t.Errorf("second receive: count %d, first received %v; want 2, %v", second.ReceiveCount, second.FirstReceived, first.FirstReceived)
		}
		if err := q.Delete(first.Receipt); err != nil {
			t.Errorf("Delete with an outdated receipt = %v, want nil", err)
		}
		wantStats(t, q, queue.Stats{InFlight: 1})
		if err := q.Delete(second.Receipt); err != nil {
			t.Errorf("Delete: %v", err)
		}
		wantStats(t, q, queue.Stats{})
		if err := q.Delete(second.Receipt); err != nil {
			t.Errorf("second Delete = %v, want nil: deleting is idempotent", err)
		}
	})
}

func TestDeleteAfterTheTimeoutStillCounts(t *testing.T) {
	run(t, queue.Config{}, func(t *testing.T, q *queue.Queue) {
		send(t, q, "a")
		send(t, q, "b")
		late := receive(t, q)
		time.Sleep(time.Minute)
		wantStats(t, q, queue.Stats{Visible: 2})
		if err := q.Delete(late.Receipt); err != nil {
			t.Fatalf("Delete: %v", err)
		}
		if got, want := bodies(q.Receive(t.Context(), 10, 0, queue.Default)), []string{"b"}; !slices.Equal(got, want) {
			t.Errorf("left after the late delete: %q, want %q", got, want)
		}
	})
}

func TestChangeVisibility(t *testing.T) {
	run(t, queue.Config{VisibilityTimeout: 30 * time.Second}, func(t *testing.T, q *queue.Queue) {
		send(t, q, "a")
		m := receive(t, q)
		if err := q.ChangeVisibility(m.Receipt, time.Hour); err != nil {
			t.Fatalf("ChangeVisibility to 1h: %v", err)
		}
		time.Sleep(time.Hour - 1)
		wantStats(t, q, queue.Stats{InFlight: 1})
		if err := q.ChangeVisibility(m.Receipt, 0); err != nil {
			t.Fatalf("ChangeVisibility to 0: %v", err)
		}
		wantStats(t, q, queue.Stats{Visible: 1})
		if err := q.ChangeVisibility(m.Receipt, time.Minute); !errors.Is(err, queue.ErrNotInFlight) {
			t.Errorf("ChangeVisibility of a visible message = %v, want %v", err, queue.ErrNotInFlight)
		}
	})
}

func TestVisibilityIsBoundedFromTheReceipt(t *testing.T) {
	run(t, queue.Config{}, func(t *testing.T, q *queue.Queue) {
		send(t, q, "a")
		m := receive(t, q)
		time.Sleep(time.Second)
		for _, tt := range []struct {
			d    time.Duration
			want error
		}{
			{queue.MaxVisibility - time.Second + 1, queue.ErrVisibility},
			{-1, queue.ErrVisibility},
			{queue.MaxVisibility - time.Second, nil},
		} {
			if err := q.ChangeVisibility(m.Receipt, tt.d); !errors.Is(err, tt.want) {
				t.Errorf("ChangeVisibility(%v) one second after the receipt = %v, want %v", tt.d, err, tt.want)
			}
		}
	})
}

func TestForeignReceipts(t *testing.T) {
	run(t, queue.Config{}, func(t *testing.T, q *queue.Queue) {
		other := queue.New(queue.Config{Name: "other"}, clock.New(1))
		send(t, other, "a")
		foreign := receive(t, other).Receipt
		for _, receipt := range []string{"", "%", "YSBiIGM=", "ZmV0Y2ggeCAx", "ZmV0Y2ggMSB4", foreign} {
			if err := q.Delete(receipt); !errors.Is(err, queue.ErrReceipt) {
				t.Errorf("Delete(%q) = %v, want %v", receipt, err, queue.ErrReceipt)
			}
			if err := q.ChangeVisibility(receipt, 0); !errors.Is(err, queue.ErrReceipt) {
				t.Errorf("ChangeVisibility(%q) = %v, want %v", receipt, err, queue.ErrReceipt)
			}
		}
	})
}

func TestDelay(t *testing.T) {
	run(t, queue.Config{Delay: time.Minute}, func(t *testing.T, q *queue.Queue) {
		send(t, q, "by the queue")
		for body, delay := range map[string]time.Duration{"at once": 0, "by the message": 2 * time.Minute} {
			if _, err := q.SendAfter(queue.Message{Body: body}, delay); err != nil {
				t.Fatalf("SendAfter(%q, %v): %v", body, delay, err)
			}
		}
		wantStats(t, q, queue.Stats{Visible: 1, Delayed: 2})
		time.Sleep(time.Minute)
		wantStats(t, q, queue.Stats{Visible: 2, Delayed: 1})
		time.Sleep(time.Minute)
		wantStats(t, q, queue.Stats{Visible: 3})
		if _, err := q.SendAfter(queue.Message{Body: "a"}, queue.MaxDelay+1); !errors.Is(err, queue.ErrDelay) {
			t.Errorf("SendAfter beyond 15 minutes = %v, want %v", err, queue.ErrDelay)
		}
	})
}

func TestRetention(t *testing.T) {
	run(t, queue.Config{Retention: time.Hour, VisibilityTimeout: 2 * time.Hour}, func(t *testing.T, q *queue.Queue) {
		send(t, q, "in flight when its time ends")
		receive(t, q)
		send(t, q, "visible when its time ends")
		time.Sleep(time.Hour - 1)
		wantStats(t, q, queue.Stats{Visible: 1, InFlight: 1})
		time.Sleep(1)
		wantStats(t, q, queue.Stats{})
	})
}

func TestLongPoll(t *testing.T) {
	run(t, queue.Config{VisibilityTimeout: 5 * time.Second}, func(t *testing.T, q *queue.Queue) {
		poll := func(wait time.Duration) ([]string, time.Duration) {
			start := time.Now()
			return bodies(q.Receive(t.Context(), 10, wait, queue.Default)), time.Since(start)
		}
		if got, took := poll(20 * time.Second); got != nil || took != 20*time.Second {
			t.Errorf("poll of an empty queue = %q after %v, want none after 20s", got, took)
		}
		time.AfterFunc(3*time.Second, func() { send(t, q, "a") })
		if got, took := poll(20 * time.Second); !slices.Equal(got, []string{"a"}) || took != 3*time.Second {
			t.Errorf("poll = %q after %v, want the message sent after 3s", got, took)
		}
		if got, took := poll(20 * time.Second); !slices.Equal(got, []string{"a"}) || took != 5*time.Second {
			t.Errorf("poll = %q after %v, want the message back after its 5s in flight", got, took)
		}
	})
}

func TestShorterVisibilityWakesThePoll(t *testing.T) {
	run(t, queue.Config{VisibilityTimeout: time.Hour}, func(t *testing.T, q *queue.Queue) {
		send(t, q, "a")
		m := receive(t, q)
		time.AfterFunc(time.Second, func() {
			if err := q.ChangeVisibility(m.Receipt, 2*time.Second); err != nil {
				t.Errorf("ChangeVisibility: %v", err)
			}
		})
		start := time.Now()
		got := q.Receive(t.Context(), 1, 20*time.Second, queue.Default)
		if took := time.Since(start); len(got) != 1 || took != 3*time.Second {
			t.Errorf("poll = %q after %v, want the message after 3s", bodies(got), took)
		}
	})
}

func TestPollEndsWithItsContext(t *testing.T) {
	run(t, queue.Config{}, func(t *testing.T, q *queue.Queue) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got := q.Receive(ctx, 1, time.Hour, queue.Default); got != nil {
			t.Errorf("Receive = %q, want none", bodies(got))
		}
		send(t, q, "a")
		if got := q.Receive(ctx, 1, 0, queue.Default); got != nil {
			t.Errorf("Receive for a client that has gone = %q, want none", bodies(got))
		}
		wantStats(t, q, queue.Stats{Visible: 1})
	})
}

func TestRedrive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(1)
		dead := queue.New(queue.Config{Name: "dead"}, c)
		q := queue.New(queue.Config{
			Name: "fetch", ARN: "arn:aws:sqs:us-east-1:000000000000:fetch", DeadLetter: dead, MaxReceiveCount: 3,
		}, c)
		attributes := map[string]queue.Attribute{"k": {DataType: "String", StringValue: "v"}}
		sent, err := q.Send(queue.Message{Body: "a", Attributes: attributes})
		if err != nil {
			t.Fatalf("Send: %v", err)
		}
		for range 3 {
			m := receive(t, q)
			if err := q.ChangeVisibility(m.Receipt, 0); err != nil {
				t.Fatalf("ChangeVisibility: %v", err)
			}
		}
		wantStats(t, q, queue.Stats{})
		wantStats(t, dead, queue.Stats{Visible: 1})
		got := receive(t, dead)
		want := queue.Message{
			ID: sent.ID, Body: "a", Attributes: attributes, Receipt: got.Receipt, Sent: sent.Sent, FirstReceived: sent.Sent,
			ReceiveCount: 4, DeadLetterSource: "arn:aws:sqs:us-east-1:000000000000:fetch",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("message in the dead-letter queue (-want +got):\n%s", diff)
		}
	})
}

func TestRedriveWakesAPollOfTheDeadLetters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(1)
		dead := queue.New(queue.Config{Name: "dead"}, c)
		q := queue.New(queue.Config{Name: "fetch", DeadLetter: dead, MaxReceiveCount: 1, VisibilityTimeout: time.Second}, c)
		send(t, q, "a")
		receive(t, q)
		go q.Receive(t.Context(), 1, 5*time.Second, queue.Default) // SQS redrives when somebody asks
		start := time.Now()
		got := dead.Receive(t.Context(), 1, time.Minute, queue.Default)
		if took := time.Since(start); len(got) != 1 || took != time.Second {
			t.Errorf("dead letters: %q after %v, want the message after 1s", bodies(got), took)
		}
	})
}

func TestDuplicateIsTheSameMessageTwice(t *testing.T) {
	cfg := queue.Config{Duplicate: func(m queue.Message) bool { return m.Body == "twice" }}
	run(t, cfg, func(t *testing.T, q *queue.Queue) {
		sent := send(t, q, "twice")
		send(t, q, "once")
		got := q.Receive(t.Context(), 10, 0, queue.Default)
		if want := []string{"twice", "twice", "once"}; !slices.Equal(bodies(got), want) {
			t.Fatalf("received %q, want %q", bodies(got), want)
		}
		if got[0].ID != sent.ID || got[1].ID != sent.ID || got[0].Receipt == got[1].Receipt {
			t.Errorf("copies %+v and %+v: want one id and two receipts", got[0], got[1])
		}
	})
}

func TestPickReorders(t *testing.T) {
	last := func(n int) int { return n - 1 }
	run(t, queue.Config{Pick: last}, func(t *testing.T, q *queue.Queue) {
		for _, body := range []string{"a", "b", "c"} {
			send(t, q, body)
		}
		got := bodies(q.Receive(t.Context(), 10, 0, queue.Default))
		if want := []string{"c", "b", "a"}; !slices.Equal(got, want) {
			t.Errorf("received %q, want %q", got, want)
		}
	})
}

func TestOrderAndLimit(t *testing.T) {
	run(t, queue.Config{}, func(t *testing.T, q *queue.Queue) {
		for _, body := range []string{"a", "b", "c"} {
			send(t, q, body)
		}
		if got, want := bodies(q.Receive(t.Context(), 2, 0, queue.Default)), []string{"a", "b"}; !slices.Equal(got, want) {
			t.Errorf("received %q, want %q", got, want)
		}
		wantStats(t, q, queue.Stats{Visible: 1, InFlight: 2})
	})
}

func TestPurge(t *testing.T) {
	run(t, queue.Config{}, func(t *testing.T, q *queue.Queue) {
		send(t, q, "in flight")
		receive(t, q)
		send(t, q, "visible")
		q.Purge()
		wantStats(t, q, queue.Stats{})
		send(t, q, "after")
		if got := receive(t, q).Body; got != "after" {
			t.Errorf("received %q after the purge, want %q", got, "after")
		}
	})
}

// TestConcurrentConsumers has every message deleted exactly once by consumers that race for it, while senders still send.
func TestConcurrentConsumers(t *testing.T) {
	run(t, queue.Config{}, func(t *testing.T, q *queue.Queue) {
		const messages, consumers = 500, 8
		var mu sync.Mutex
		seen := map[string]int{}
		var wg sync.WaitGroup
		for range consumers {
			wg.Go(func() {
				for {
					batch := q.Receive(t.Context(), 10, time.Second, queue.Default)
					if len(batch) == 0 {
						return
					}
					for _, m := range batch {
						mu.Lock()
						seen[m.Body]++
						mu.Unlock()
						if err := q.Delete(m.Receipt); err != nil {
							t.Errorf("Delete: %v", err)
						}
					}
				}
			})
		}
		for i := range messages {
			send(t, q, fmt.Sprint(i))
		}
		wg.Wait()
		for i := range messages {
			if got := seen[fmt.Sprint(i)]; got != 1 {
				t.Errorf("message %d was received %d times, want once", i, got)
			}
		}
		wantStats(t, q, queue.Stats{})
	})
}
