package guarantees_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// BenchmarkPipeline sends thin events through the whole stack, eight at a time as Stripe might
// deliver them: HTTP API, webhook process, bus, queue, fetcher process, sandbox, bus. One operation
// is one event, from its delivery to its full event.
func BenchmarkPipeline(b *testing.B) {
	h := newHarness(b, setup{})
	deliveries := make(chan []byte)
	var senders sync.WaitGroup
	for range 8 {
		senders.Go(func() {
			for body := range deliveries {
				if status := h.deliverSigned(body); status != http.StatusOK {
					b.Errorf("answered %d, want 200", status)
				}
			}
		})
	}
	var bodies [][]byte
	prepare := func() {
		bodies = append(bodies, h.sample("error_report_triggered", fmt.Sprintf("evt_test_bench_%d", len(bodies))).Thin)
	}
	for range 1000 {
		prepare()
	}
	sent, started := 0, time.Now()
	for b.Loop() {
		if sent == len(bodies) {
			prepare()
		}
		deliveries <- bodies[sent]
		sent++
	}
	close(deliveries)
	senders.Wait()
	h.waitIdle()
	emitted := 0
	for _, details := range h.put(full) {
		emitted += len(details)
	}
	if emitted != sent {
		b.Errorf("%d full events for %d thin ones", emitted, sent)
	}
	b.ReportMetric(float64(emitted)/time.Since(started).Seconds(), "events/s")
}
