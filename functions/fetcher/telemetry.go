package fetcher

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/meterbridge/meterbridge/internal/telemetry"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// record writes one line about each delivery. The last one with a verdict also has the metrics of
// the batch for this verdict, and the last one of all those for no verdict in particular.
func (h *Handler) record(ctx context.Context, deliveries []*delivery) {
	lasts := make(map[verdict]int)
	counts := make(map[verdict]int)
	for i, d := range deliveries {
		lasts[d.verdict] = i
		counts[d.verdict]++
	}
	for i, d := range deliveries {
		var samples []telemetry.Sample
		if v := d.verdict; lasts[v] == i {
			samples = append(samples, telemetry.CountReason(v.outcome.metric(), v.reason, counts[v]))
		}
		if i == len(deliveries)-1 {
			samples = append(samples, batchSamples(deliveries, counts)...)
		}
		h.log(ctx, d, samples)
	}
}

// log writes one line about a delivery, with samples.
func (h *Handler) log(ctx context.Context, d *delivery, samples []telemetry.Sample) {
	thin := d.event()
	attrs := []slog.Attr{
		slog.String("outcome", string(d.verdict.outcome)),
		telemetry.ID("event_id", thin.ID),
		telemetry.ID("event_type", thin.Type),
	}
	if thin.Context != "" {
		attrs = append(attrs, telemetry.ID("context", thin.Context))
	}
	if d.verdict.outcome != emitted || d.receives > 1 {
		attrs = append(attrs, slog.String("message_id", d.message.MessageId), slog.Int("attempt", d.receives))
	}
	if d.latency != 0 {
		attrs = append(attrs, slog.Int64("latency_ms", d.latency.Milliseconds()))
	}
	level := slog.LevelInfo
	if d.err != nil && d.verdict.outcome != duplicate {
		if d.verdict.reason != reasonHeld {
			level = slog.LevelWarn
		}
		attrs = append(attrs, slog.String("reason", d.verdict.reason), slog.String("error", clip(d.err.Error(), maxLastError)))
	}
	if _, limit := classify(d.err); d.verdict.outcome == deferred && limit.tries > 0 {
		attrs = append(attrs, slog.Int("tries", d.tries()), slog.Int("max_tries", limit.tries))
	}
	if d.verdict.outcome == parked {
		level = slog.LevelError
	}
	h.parts.Metrics.Log(ctx, h.parts.Log, level, "delivery", attrs, samples...)
}

// sideEffect logs and counts a failure that does not change the verdict: a message that could not
// be deferred is redelivered when its visibility timeout ends, and a missing ledger record loses no
// event. An announcement is given up only if the bus will never accept it, or has refused it for 13
// days.
func (h *Handler) sideEffect(ctx context.Context, d *delivery, what string, err error) {
	if err == nil {
		return
	}
	h.parts.Metrics.Log(ctx, h.parts.Log, slog.LevelWarn, "side effect failed", []slog.Attr{
		slog.String("reason", what), telemetry.ID("event_id", d.event().ID), slog.String("error", clip(err.Error(), maxLastError)),
	}, telemetry.CountReason(telemetry.SideEffectFailed, what, 1))
}

// batchSamples are the metrics of a batch that do not depend on one verdict.
func batchSamples(deliveries []*delivery, verdicts map[verdict]int) []telemetry.Sample {
	var latencies []time.Duration
	for _, d := range deliveries {
		if d.latency != 0 {
			latencies = append(latencies, d.latency)
		}
	}
	failed := func(reason string) int {
		return verdicts[verdict{deferred, reason}] + verdicts[verdict{parked, reason}]
	}
	samples := append(telemetry.Durations(telemetry.StripeLatency, latencies...),
		telemetry.Count(telemetry.DeferredReceives, failing(deliveries)),
		telemetry.Count(telemetry.StripeRateLimited, failed(reasonRateLimited)),
		telemetry.Count(telemetry.StripeAuthError, failed(reasonAuth)))
	refused := refusals(deliveries)
	for _, code := range slices.Sorted(maps.Keys(refused)) {
		samples = append(samples, telemetry.CountCode(telemetry.MeterErrors, string(code), refused[code]))
	}
	return samples
}

// failing returns how often the message was received that has failed most often among those that are
// deferred now. It leaves out messages that wait for another delivery or for time.
func failing(deliveries []*delivery) int {
	most := 0
	for _, d := range deliveries {
		if v := d.verdict; v.outcome == deferred && v.reason != reasonHeld && v.reason != reasonNoTime {
			most = max(most, d.receives)
		}
	}
	return most
}

// otherCode replaces every code that this version does not know: Stripe may add codes, but each
// value of a metric's dimension costs money.
const otherCode v2events.MeterErrorCode = "other"

// refusals adds up, by code, the usage that Stripe refused according to the emitted reports.
func refusals(deliveries []*delivery) map[v2events.MeterErrorCode]int64 {
	refused := make(map[v2events.MeterErrorCode]int64)
	for _, d := range deliveries {
		if d.verdict.outcome != emitted || d.report == nil {
			continue
		}
		for _, group := range d.report.Reason.ErrorTypes {
			code := group.Code
			if !code.Known() {
				code = otherCode
			}
			refused[code] += max(group.ErrorCount, 0) // a negative count is a mismatch
		}
	}
	return refused
}

// notice reports emitted events whose data differs from the schema that Stripe publishes, at most
// once per event type and day: if Stripe changes what it sends, every event of the type differs.
func (h *Handler) notice(ctx context.Context, deliveries []*delivery) {
	for _, d := range deliveries {
		if d.verdict.outcome != emitted || d.mismatch == nil || !h.notices.first(d.full.Type, h.parts.Now()) {
			continue
		}
		h.parts.Metrics.Log(ctx, h.parts.Log, slog.LevelWarn, "schema mismatch", []slog.Attr{
			telemetry.ID("event_id", d.full.ID), telemetry.ID("event_type", d.full.Type),
			slog.String("error", clip(d.mismatch.Error(), maxLastError)),
		}, telemetry.Count(telemetry.SchemaMismatch, 1))
	}
}

// notices remembers for which event types a notice was given, and on which day. There are as many
// types as meterReport knows.
type notices struct {
	mu   sync.Mutex
	days map[string]string
}

// first reports whether this is the first notice for the type on now's day in UTC.
func (n *notices) first(eventType string, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	day := now.UTC().Format(time.DateOnly)
	if n.days[eventType] == day {
		return false
	}
	if n.days == nil {
		n.days = make(map[string]string)
	}
	n.days[eventType] = day
	return true
}

func (o outcome) metric() telemetry.Metric {
	switch o {
	case emitted:
		return telemetry.Emitted
	case duplicate:
		return telemetry.Duplicate
	case parked:
		return telemetry.Parked
	}
	return telemetry.Deferred
}
