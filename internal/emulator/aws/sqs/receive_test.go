package sqs_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/clock"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
)

func TestReceivedMessageIsHiddenUntilItsTimeout(t *testing.T) {
	run(t, sqs.Config{VisibilityTimeout: 10 * time.Second}, func(t *testing.T, q *sqs.Queue) {
		send(t, q, "a")
		first := receive(t, q)
		time.Sleep(10*time.Second - time.Nanosecond)
		wantStats(t, q, sqs.Stats{InFlight: 1})
		time.Sleep(time.Nanosecond)
		wantStats(t, q, sqs.Stats{Visible: 1})

		second := receive(t, q)
		if second.ReceiveCount != 2 || !second.FirstReceived.Equal(first.FirstReceived) {
			t.Errorf("second receive: count %d, first received %v; want 2, %v", second.ReceiveCount, second.FirstReceived, first.FirstReceived)
		}
		if err := q.Delete(first.Receipt); err != nil {
			t.Errorf("Delete with an outdated receipt = %v, want nil", err)
		}
		wantStats(t, q, sqs.Stats{InFlight: 1})
		if err := q.Delete(second.Receipt); err != nil {
			t.Errorf("Delete: %v", err)
		}
		wantStats(t, q, sqs.Stats{})
		if err := q.Delete(second.Receipt); err != nil {
			t.Errorf("second Delete = %v, want nil: deleting is idempotent", err)
		}
	})
}

func TestDeleteWorksAfterTheTimeout(t *testing.T) {
	run(t, sqs.Config{}, func(t *testing.T, q *sqs.Queue) {
		send(t, q, "a")
		send(t, q, "b")
		late := receive(t, q)
		time.Sleep(time.Minute)
		wantStats(t, q, sqs.Stats{Visible: 2})
		if err := q.Delete(late.Receipt); err != nil {
			t.Fatalf("Delete: %v", err)
		}
		if got, want := bodies(q.Receive(t.Context(), 10, 0, sqs.Default)), []string{"b"}; !slices.Equal(got, want) {
			t.Errorf("left after the late delete: %q, want %q", got, want)
		}
	})
}

func TestChangeVisibilityMovesTheTimeout(t *testing.T) {
	run(t, sqs.Config{VisibilityTimeout: 30 * time.Second}, func(t *testing.T, q *sqs.Queue) {
		send(t, q, "a")
		m := receive(t, q)
		if err := q.ChangeVisibility(m.Receipt, time.Hour); err != nil {
			t.Fatalf("ChangeVisibility to 1h: %v", err)
		}
		time.Sleep(time.Hour - time.Nanosecond)
		wantStats(t, q, sqs.Stats{InFlight: 1})
		if err := q.ChangeVisibility(m.Receipt, 0); err != nil {
			t.Fatalf("ChangeVisibility to 0: %v", err)
		}
		wantStats(t, q, sqs.Stats{Visible: 1})
		if err := q.ChangeVisibility(m.Receipt, time.Minute); !errors.Is(err, sqs.ErrNotInFlight) {
			t.Errorf("ChangeVisibility of a visible message = %v, want %v", err, sqs.ErrNotInFlight)
		}
	})
}

func TestVisibilityIsLimitedFromTheReceive(t *testing.T) {
	run(t, sqs.Config{}, func(t *testing.T, q *sqs.Queue) {
		send(t, q, "a")
		m := receive(t, q)
		time.Sleep(time.Second)
		for _, tt := range []struct {
			d    time.Duration
			want error
		}{
			{sqs.MaxVisibility - time.Second + 1, sqs.ErrVisibility},
			{-1, sqs.ErrVisibility},
			{sqs.MaxVisibility - time.Second, nil},
		} {
			if err := q.ChangeVisibility(m.Receipt, tt.d); !errors.Is(err, tt.want) {
				t.Errorf("ChangeVisibility(%v) one second after the receipt = %v, want %v", tt.d, err, tt.want)
			}
		}
	})
}

func TestForeignReceiptsAreRefused(t *testing.T) {
	run(t, sqs.Config{}, func(t *testing.T, q *sqs.Queue) {
		other := sqs.NewQueue(sqs.Config{Name: "other"}, clock.New(1))
		send(t, other, "a")
		foreign := receive(t, other).Receipt
		for _, receipt := range []string{"", "%", "YSBiIGM=", "ZmV0Y2ggeCAx", "ZmV0Y2ggMSB4", foreign} {
			if err := q.Delete(receipt); !errors.Is(err, sqs.ErrReceipt) {
				t.Errorf("Delete(%q) = %v, want %v", receipt, err, sqs.ErrReceipt)
			}
			if err := q.ChangeVisibility(receipt, 0); !errors.Is(err, sqs.ErrReceipt) {
				t.Errorf("ChangeVisibility(%q) = %v, want %v", receipt, err, sqs.ErrReceipt)
			}
		}
	})
}

func TestReceiveWaitsForAMessage(t *testing.T) {
	run(t, sqs.Config{VisibilityTimeout: 5 * time.Second}, func(t *testing.T, q *sqs.Queue) {
		poll := func(wait time.Duration) ([]string, time.Duration) {
			start := time.Now()
			return bodies(q.Receive(t.Context(), 10, wait, sqs.Default)), time.Since(start)
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

func TestShorterVisibilityWakesAReceive(t *testing.T) {
	run(t, sqs.Config{VisibilityTimeout: time.Hour}, func(t *testing.T, q *sqs.Queue) {
		send(t, q, "a")
		m := receive(t, q)
		time.AfterFunc(time.Second, func() {
			if err := q.ChangeVisibility(m.Receipt, 2*time.Second); err != nil {
				t.Errorf("ChangeVisibility: %v", err)
			}
		})
		start := time.Now()
		got := q.Receive(t.Context(), 1, 20*time.Second, sqs.Default)
		if took := time.Since(start); len(got) != 1 || took != 3*time.Second {
			t.Errorf("poll = %q after %v, want the message after 3s", bodies(got), took)
		}
	})
}

func TestReceiveEndsWithItsContext(t *testing.T) {
	run(t, sqs.Config{}, func(t *testing.T, q *sqs.Queue) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got := q.Receive(ctx, 1, time.Hour, sqs.Default); got != nil {
			t.Errorf("Receive = %q, want none", bodies(got))
		}
		send(t, q, "a")
		if got := q.Receive(ctx, 1, 0, sqs.Default); got != nil {
			t.Errorf("Receive for a client that has gone = %q, want none", bodies(got))
		}
		wantStats(t, q, sqs.Stats{Visible: 1})
	})
}

// TestTimesFollowACompressedClock: hours pass in seconds, and messages have the clock's times.
func TestTimesFollowACompressedClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(3600)
		q := sqs.NewQueue(sqs.Config{Name: "fetch", VisibilityTimeout: 6 * time.Hour}, c)
		sent := send(t, q, "a")
		receive(t, q)
		start := time.Now()
		got := q.Receive(t.Context(), 1, 7*time.Hour, sqs.Default)
		if took := time.Since(start); len(got) != 1 || took != 6*time.Second {
			t.Fatalf("poll = %q after %v of real time, want the message after 6s", bodies(got), took)
		}
		if passed := c.Now().Sub(sent.Sent); passed != 6*time.Hour {
			t.Errorf("%v have passed since %v, want 6h", passed, sent.Sent)
		}
	})
}
