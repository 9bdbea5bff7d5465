package sqs_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/clock"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
)

// run gives each test a queue in a separate bubble, where time passes only while all goroutines
// wait.
func run(t *testing.T, cfg sqs.Config, f func(t *testing.T, q *sqs.Queue)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg.Name = "fetch"
		f(t, sqs.NewQueue(cfg, clock.New(1)))
	})
}

func send(t *testing.T, q *sqs.Queue, body string) sqs.Message {
	t.Helper()
	m, err := q.Send(sqs.Message{Body: body})
	if err != nil {
		t.Fatalf("Send(%q): %v", body, err)
	}
	return m
}

// receive receives one message and fails the test if there is none.
func receive(t *testing.T, q *sqs.Queue) sqs.Message {
	t.Helper()
	messages := q.Receive(t.Context(), 1, 0, sqs.Default)
	if len(messages) != 1 {
		t.Fatalf("Receive returned %d messages, want 1; stats %+v", len(messages), q.Stats())
	}
	return messages[0]
}

func wantStats(t *testing.T, q *sqs.Queue, want sqs.Stats) {
	t.Helper()
	if diff := cmp.Diff(want, q.Stats()); diff != "" {
		t.Errorf("Stats (-want +got):\n%s", diff)
	}
}

func bodies(messages []sqs.Message) []string {
	var out []string
	for _, m := range messages {
		out = append(out, m.Body)
	}
	return out
}

func TestMessageRoundTrip(t *testing.T) {
	run(t, sqs.Config{}, func(t *testing.T, q *sqs.Queue) {
		sentAt := time.Now()
		in := sqs.Message{
			Body: "hello", GroupID: "acct_1", TraceHeader: "Root=1-0-0",
			Attributes: map[string]sqs.Attribute{"reason": {DataType: "String", StringValue: "not found"}},
			ID:         "chosen by the sender", ReceiveCount: 7, // both are the queue's to set
		}
		sent, err := q.Send(in)
		if err != nil {
			t.Fatalf("Send: %v", err)
		}
		time.Sleep(time.Second)
		got := receive(t, q)
		want := sqs.Message{
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

func TestDelayedMessageIsNotReceived(t *testing.T) {
	run(t, sqs.Config{Delay: time.Minute}, func(t *testing.T, q *sqs.Queue) {
		send(t, q, "by the queue")
		for body, delay := range map[string]time.Duration{"at once": 0, "by the message": 2 * time.Minute} {
			if _, err := q.SendAfter(sqs.Message{Body: body}, delay); err != nil {
				t.Fatalf("SendAfter(%q, %v): %v", body, delay, err)
			}
		}
		wantStats(t, q, sqs.Stats{Visible: 1, Delayed: 2})
		time.Sleep(time.Minute)
		wantStats(t, q, sqs.Stats{Visible: 2, Delayed: 1})
		time.Sleep(time.Minute)
		wantStats(t, q, sqs.Stats{Visible: 3})
		if _, err := q.SendAfter(sqs.Message{Body: "a"}, sqs.MaxDelay+1); !errors.Is(err, sqs.ErrDelay) {
			t.Errorf("SendAfter beyond 15 minutes = %v, want %v", err, sqs.ErrDelay)
		}
	})
}

func TestMessageExpiresAfterItsRetention(t *testing.T) {
	var expired []string
	cfg := sqs.Config{Retention: time.Hour, VisibilityTimeout: 2 * time.Hour, Expired: func(m sqs.Message) { expired = append(expired, m.Body) }}
	run(t, cfg, func(t *testing.T, q *sqs.Queue) {
		send(t, q, "in flight when its time ends")
		receive(t, q)
		send(t, q, "visible when its time ends")
		time.Sleep(time.Hour - time.Nanosecond)
		wantStats(t, q, sqs.Stats{Visible: 1, InFlight: 1})
		time.Sleep(time.Nanosecond)
		wantStats(t, q, sqs.Stats{})
		slices.Sort(expired) // both expire at once
		if want := []string{"in flight when its time ends", "visible when its time ends"}; !slices.Equal(expired, want) {
			t.Errorf("reported as expired: %q, want %q", expired, want)
		}
	})
}

// TestHiddenUntilIsTheEndOfTheTimeout, also of one that was changed, and zero once the receipt is of
// no use.
func TestHiddenUntilIsTheEndOfTheTimeout(t *testing.T) {
	run(t, sqs.Config{VisibilityTimeout: time.Minute}, func(t *testing.T, q *sqs.Queue) {
		send(t, q, "a")
		start, receipt := time.Now(), receive(t, q).Receipt
		if got := q.HiddenUntil(receipt).Sub(start); got != time.Minute {
			t.Errorf("hidden for %v, want the queue's minute", got)
		}
		if err := q.ChangeVisibility(receipt, time.Hour); err != nil {
			t.Fatal(err)
		}
		if got := q.HiddenUntil(receipt).Sub(start); got != time.Hour {
			t.Errorf("hidden for %v, want the hour that was set", got)
		}
		time.Sleep(time.Hour)
		for _, receipt := range []string{receipt, "nonsense"} {
			if got := q.HiddenUntil(receipt); !got.IsZero() {
				t.Errorf("hidden until %v, want zero", got)
			}
		}
	})
}

func TestMessageMovesToTheDeadLetterQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(1)
		dead := sqs.NewQueue(sqs.Config{Name: "dead"}, c)
		q := sqs.NewQueue(sqs.Config{
			Name: "fetch", ARN: "arn:aws:sqs:us-east-1:000000000000:fetch", DeadLetter: dead, MaxReceiveCount: 3,
		}, c)
		attributes := map[string]sqs.Attribute{"k": {DataType: "String", StringValue: "v"}}
		sent, err := q.Send(sqs.Message{Body: "a", Attributes: attributes})
		if err != nil {
			t.Fatalf("Send: %v", err)
		}
		for range 3 {
			m := receive(t, q)
			if err := q.ChangeVisibility(m.Receipt, 0); err != nil {
				t.Fatalf("ChangeVisibility: %v", err)
			}
		}
		wantStats(t, q, sqs.Stats{})
		wantStats(t, dead, sqs.Stats{Visible: 1})
		got := receive(t, dead)
		want := sqs.Message{
			ID: sent.ID, Body: "a", Attributes: attributes, Receipt: got.Receipt, Sent: sent.Sent, FirstReceived: sent.Sent,
			ReceiveCount: 4, DeadLetterSource: "arn:aws:sqs:us-east-1:000000000000:fetch",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("message in the dead-letter queue (-want +got):\n%s", diff)
		}
	})
}

func TestRedriveWakesAReceiveOnTheDeadLetterQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(1)
		dead := sqs.NewQueue(sqs.Config{Name: "dead"}, c)
		q := sqs.NewQueue(sqs.Config{Name: "fetch", DeadLetter: dead, MaxReceiveCount: 1, VisibilityTimeout: time.Second}, c)
		send(t, q, "a")
		receive(t, q)
		go q.Receive(t.Context(), 1, 5*time.Second, sqs.Default) // SQS redrives at the next receive
		start := time.Now()
		got := dead.Receive(t.Context(), 1, time.Minute, sqs.Default)
		if took := time.Since(start); len(got) != 1 || took != time.Second {
			t.Errorf("dead letters: %q after %v, want the message after 1s", bodies(got), took)
		}
	})
}

func TestDuplicateIsTheSameMessageTwice(t *testing.T) {
	cfg := sqs.Config{Duplicate: func(m sqs.Message) bool { return m.Body == "twice" }}
	run(t, cfg, func(t *testing.T, q *sqs.Queue) {
		sent := send(t, q, "twice")
		send(t, q, "once")
		got := q.Receive(t.Context(), 10, 0, sqs.Default)
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
	run(t, sqs.Config{Pick: last}, func(t *testing.T, q *sqs.Queue) {
		for _, body := range []string{"a", "b", "c"} {
			send(t, q, body)
		}
		got := bodies(q.Receive(t.Context(), 10, 0, sqs.Default))
		if want := []string{"c", "b", "a"}; !slices.Equal(got, want) {
			t.Errorf("received %q, want %q", got, want)
		}
	})
}

func TestOldestMessagesAreReceivedFirst(t *testing.T) {
	run(t, sqs.Config{}, func(t *testing.T, q *sqs.Queue) {
		for _, body := range []string{"a", "b", "c"} {
			send(t, q, body)
		}
		if got, want := bodies(q.Receive(t.Context(), 2, 0, sqs.Default)), []string{"a", "b"}; !slices.Equal(got, want) {
			t.Errorf("received %q, want %q", got, want)
		}
		wantStats(t, q, sqs.Stats{Visible: 1, InFlight: 2})
	})
}

func TestPurgeDeletesEverything(t *testing.T) {
	run(t, sqs.Config{}, func(t *testing.T, q *sqs.Queue) {
		send(t, q, "in flight")
		receive(t, q)
		send(t, q, "visible")
		q.Purge()
		wantStats(t, q, sqs.Stats{})
		send(t, q, "after")
		if got := receive(t, q).Body; got != "after" {
			t.Errorf("received %q after the purge, want %q", got, "after")
		}
	})
}

// TestConcurrentConsumersShareTheMessages: each message is deleted once by consumers that compete
// for it while senders still send.
func TestConcurrentConsumersShareTheMessages(t *testing.T) {
	run(t, sqs.Config{}, func(t *testing.T, q *sqs.Queue) {
		const messages, consumers = 500, 8
		var mu sync.Mutex
		seen := map[string]int{}
		var wg sync.WaitGroup
		for range consumers {
			wg.Go(func() {
				for {
					batch := q.Receive(t.Context(), 10, time.Second, sqs.Default)
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
		wantStats(t, q, sqs.Stats{})
	})
}
