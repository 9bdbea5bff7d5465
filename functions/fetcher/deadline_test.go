package fetcher

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/telemetry"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// memory stands in for Stripe, the bus and the queues, in a bubble's time.
type memory struct {
	latency time.Duration // of Stripe's answers

	mu       sync.Mutex
	fetched  []time.Duration // since the beginning
	began    time.Time
	entries  []bus.Entry
	deferred []time.Duration
	parked   []string
}

func (m *memory) Fetch(ctx context.Context, thin *v2events.ThinEvent) (*v2events.Event, error) {
	m.mu.Lock()
	m.fetched = append(m.fetched, time.Since(m.began))
	m.mu.Unlock()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(m.latency):
		return &v2events.Event{ThinEvent: *thin}, nil
	}
}

func (m *memory) Put(_ context.Context, entries []bus.Entry) []error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries = append(m.entries, entries...)
	return make([]error, len(entries))
}

func (m *memory) Defer(_ context.Context, _ string, delay time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.deferred = append(m.deferred, delay)
	return nil
}

func (m *memory) Park(_ context.Context, body string, _ map[string]string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.parked = append(m.parked, body)
	return nil
}

func newMemoryFetcher(m *memory, perSecond float64) *Handler { return New(memoryParts(m, perSecond)) }

func memoryParts(m *memory, perSecond float64) Parts {
	m.began = time.Now()
	return Parts{
		Keyring: always{Clients{m, m}}, Bus: m, Queue: m, DeadLetters: m, Ledger: forgetful{}, RateLimit: perSecond,
		Now: time.Now, Random: func() float64 { return 0 },
		Log:     telemetry.NewLogger(io.Discard, slog.LevelInfo),
		Metrics: telemetry.NewMetrics(io.Discard, "bus", "fetcher", slog.LevelInfo, time.Now),
	}
}

// forgetful is a ledger that grants every claim.
type forgetful struct{}

func (forgetful) Claim(context.Context, ledger.Event, string, time.Time) (ledger.Claim, error) {
	return ledger.Claim{}, nil
}

func (forgetful) Settle(context.Context, ledger.Claim, ledger.Settlement) error { return nil }

func batchOf(n int) events.SQSEvent {
	var batch events.SQSEvent
	for i := range n {
		batch.Records = append(batch.Records, received(6, record(string(rune('a'+i)), thin("evt_1", "t"))))
	}
	return batch
}

func TestRequestsStartAtTheLimitedRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{latency: 300 * time.Millisecond}
		if _, err := newMemoryFetcher(m, 5).Handle(t.Context(), batchOf(10)); err != nil {
			t.Fatal(err)
		}
		for i, at := range m.fetched {
			if want := time.Duration(i) * 200 * time.Millisecond; at != want {
				t.Errorf("request %d began after %v, want %v", i, at, want)
			}
		}
		if len(m.entries) != 10 {
			t.Errorf("%d events emitted, want 10", len(m.entries))
		}
	})
}

func TestNothingStartsThatCannotFinish(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{latency: 5*time.Second - time.Millisecond} // just within one share
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		response, err := newMemoryFetcher(m, 1).Handle(ctx, batchOf(10))
		if err != nil {
			t.Fatal(err)
		}
		// Of 20 s the last 10 are for publishing and settling and the 5 before for the last fetch:
		// six begin, at 0 s to 5 s.
		if len(m.fetched) != 6 || slices.Max(m.fetched) != 5*time.Second || len(m.entries) != 6 {
			t.Errorf("fetches began at %v and %d events were emitted, want 6 until 5s, all emitted", m.fetched, len(m.entries))
		}
		if len(response.BatchItemFailures) != 4 {
			t.Errorf("%d failed items, want the 4 for which there was no time", len(response.BatchItemFailures))
		}
		if diff := cmp.Diff([]time.Duration{2 * time.Minute, 2 * time.Minute, 2 * time.Minute, 2 * time.Minute}, m.deferred); diff != "" {
			t.Errorf("deliveries without time wait as after three receives, not six: -want +got:\n%s", diff)
		}
	})
}

func TestSilentStripeEndsWithinTheInvocation(t *testing.T) {
	t.Parallel()
	for _, timeout := range []time.Duration{time.Minute, 2 * time.Second, time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			m := &memory{latency: time.Hour}
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			response, err := newMemoryFetcher(m, 0).Handle(ctx, batchOf(10))
			if err != nil || ctx.Err() != nil {
				t.Errorf("timeout %v: the handler returned %v with its context at %v, want an answer in time", timeout, err, ctx.Err())
			}
			if len(response.BatchItemFailures) != 10 || len(m.deferred) != 10 || len(m.fetched) != 10 {
				t.Errorf("timeout %v: %d items failed, %d deferred, %d fetches, want 10 of each", timeout, len(response.BatchItemFailures), len(m.deferred), len(m.fetched))
			}
		})
	}
}
