package telemetry

import (
	"encoding/json"
	"io"
	"log/slog"
	"time"
)

// Namespace is the CloudWatch namespace of all metrics.
const Namespace = "Meterbridge"

// The dimensions of the metrics. The values of the last two are constants in the code, never taken
// from an event, because each combination is billed as a metric.
const (
	DimensionBus     = "Bus"     // which stack, so that several in one account are counted apart
	DimensionService = "Service" // which function
	DimensionReason  = "Reason"  // a reason code
	DimensionCode    = "Code"    // Stripe's error code, or "other"
)

// A Metric is the name of a metric. The template's alarms and dashboard use these names.
type Metric string

// The metrics of the webhook. All but the last two count requests.
const (
	Stored             Metric = "Stored"             // answered 200: the event is on the bus
	SignatureInvalid   Metric = "SignatureInvalid"   // not authentic, by reason
	RequestRefused     Metric = "RequestRefused"     // not a delivery from Stripe, by reason
	NotAnEvent         Metric = "NotAnEvent"         // authentic, but not an event
	TooLarge           Metric = "TooLarge"           // authentic, but larger than EventBridge accepts: answered 413
	NotStored          Metric = "NotStored"          // answered 503: Stripe will redeliver
	PreviousSecretUsed Metric = "PreviousSecretUsed" // authentic by the previous signing secret only
	SecretStale        Metric = "SecretStale"        // failed reads of a secret after which an old value is kept; all functions
	SecretUnusable     Metric = "SecretUnusable"     // reads of a secret that cannot be one, by reason: which secret; all functions
)

// The metrics of the fetcher.
const (
	Emitted           Metric = "Emitted"           // full events on the bus
	Duplicate         Metric = "Duplicate"         // deliveries of events that were emitted or parked before
	Parked            Metric = "Parked"            // events given up, by reason
	Deferred          Metric = "Deferred"          // deliveries to be retried later, by reason
	DeferredReceives  Metric = "DeferredReceives"  // of a batch: the most receives of a deferred message, unless it only waits for its turn
	StripeLatency     Metric = "StripeLatency"     // milliseconds of each request to Stripe
	StripeRateLimited Metric = "StripeRateLimited" // requests that Stripe refused with 429
	StripeAuthError   Metric = "StripeAuthError"   // requests that Stripe refused with 401 or 403, or that had no key
	MeterErrors       Metric = "MeterErrors"       // usage that Stripe refused according to emitted reports, by code
	SchemaMismatch    Metric = "SchemaMismatch"    // emitted events that differ from their published schema, at most one per type and day
	SideEffectFailed  Metric = "SideEffectFailed"  // failed calls of AWS that do not change what becomes of the event, by reason
)

// The metrics of the reconciler.
const (
	Listed              Metric = "Listed"              // events that Stripe listed
	Missing             Metric = "Missing"             // of the listed, unknown to the ledger: now on the bus
	ReconcileRefused    Metric = "ReconcileRefused"    // missing events that no bus will ever accept
	Republished         Metric = "Republished"         // events that earlier runs put on the bus and this one put there again
	Unfetched           Metric = "Unfetched"           // lower bound of the events that a run put on the bus and the ledger still does not know
	ReconcileFailed     Metric = "ReconcileFailed"     // streams that could not be compared to their end, by reason
	ReconcileUnfinished Metric = "ReconcileUnfinished" // streams for which time ran out; the next run continues
	ReconcileLag        Metric = "ReconcileLag"        // milliseconds since the time up to which a stream has been compared
)

// Metrics writes the metrics of one service. It is safe for concurrent use if its writer is.
type Metrics struct {
	w       io.Writer
	bus     string
	service string
	level   string
	now     func() time.Time
}

// NewMetrics returns Metrics for a service of the stack with that bus, which logs at level.
// Lambda's level filter treats a line without a level as INFO and drops it if only warnings are
// wanted, so every line has the lowest level that passes.
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
func NewMetrics(w io.Writer, bus, service string, level slog.Level, now func() time.Time) *Metrics {
	return &Metrics{w: w, bus: bus, service: service, level: level.String(), now: now}
}

// Count adds n to a metric. If n is zero it writes nothing.
func (m *Metrics) Count(metric Metric, n int) {
	if n != 0 {
		m.write(metric, "Count", n, "", "")
	}
}

// CountReason adds n to a metric, both in total and under a reason, which must be a constant. If n
// is zero it writes nothing.
func (m *Metrics) CountReason(metric Metric, reason string, n int) {
	if n != 0 {
		m.write(metric, "Count", n, DimensionReason, reason)
	}
}

// CountCode adds n to a metric, both in total and under a code, which must be a constant. If n is
// zero it writes nothing.
func (m *Metrics) CountCode(metric Metric, code string, n int64) {
	if n != 0 {
		m.write(metric, "Count", n, DimensionCode, code)
	}
}

// OnError returns a function that logs an error as a warning with that message and counts it, in
// total and, unless reason is "", under the reason.
func (m *Metrics) OnError(log *slog.Logger, metric Metric, reason, message string) func(error) {
	return func(err error) {
		log.Warn(message, slog.String("error", err.Error()))
		m.CountReason(metric, reason, 1)
	}
}

// maxValues is the largest number of values in one line.
const maxValues = 100

// Observe adds durations to a metric in milliseconds.
func (m *Metrics) Observe(metric Metric, durations []time.Duration) {
	for len(durations) > 0 {
		n := min(len(durations), maxValues)
		values := make([]float64, 0, n)
		for _, d := range durations[:n] {
			values = append(values, float64(d)/float64(time.Millisecond))
		}
		m.write(metric, "Milliseconds", values, "", "")
		durations = durations[n:]
	}
}

// A directive names the members of a line that are metrics and dimensions.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
type directive struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []definition
}

type definition struct {
	Name Metric
	Unit string
}

// write writes a metric, in total and, if value is not empty, also under one more dimension.
func (m *Metrics) write(metric Metric, unit string, values any, dimension, value string) {
	now := m.now()
	dimensions := [][]string{{DimensionBus, DimensionService}}
	line := map[string]any{
		"level": m.level, "timestamp": now.UTC().Format(time.RFC3339Nano),
		DimensionBus: m.bus, DimensionService: m.service, string(metric): values,
	}
	if value != "" {
		line[dimension] = value
		dimensions = append(dimensions, []string{DimensionBus, DimensionService, dimension})
	}
	line["_aws"] = map[string]any{
		"Timestamp":         now.UnixMilli(),
		"CloudWatchMetrics": []directive{{Namespace, dimensions, []definition{{metric, unit}}}},
	}
	// An event must not fail because a metric about it cannot be written.
	_ = json.NewEncoder(m.w).Encode(line)
}
