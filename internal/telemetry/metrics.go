package telemetry

import (
	"encoding/json"
	"io"
	"log/slog"
	"time"
)

// Namespace is the CloudWatch namespace of all metrics.
const Namespace = "Meterbridge"

// The dimensions of the metrics. The last two take their values from constants in the code, never from an event, so that
// the number of metrics, which are billed one by one, is bounded.
const (
	DimensionBus     = "Bus"     // which stack: several in one account must not count together
	DimensionService = "Service" // which function
	DimensionReason  = "Reason"  // why
	DimensionCode    = "Code"    // Stripe's error code, or "other"
)

// A Metric is the name of a metric. The template's alarms and dashboard use these names.
type Metric string

// The metrics of the webhook. All count requests, but for SecretStale.
const (
	Stored           Metric = "Stored"           // answered 200: the event is on the bus
	SignatureInvalid Metric = "SignatureInvalid" // not authentic, by reason
	RequestRefused   Metric = "RequestRefused"   // no delivery of Stripe's at all, by reason
	NotAnEvent       Metric = "NotAnEvent"       // authentic, but not an event
	NotStored        Metric = "NotStored"        // answered 503: Stripe will deliver again
	SecretStale      Metric = "SecretStale"      // looks at a secret that failed while an old value served on; fetcher too
)

// The metrics of the fetcher.
const (
	Emitted           Metric = "Emitted"           // full events on the bus
	Duplicate         Metric = "Duplicate"         // deliveries of events that were emitted or parked before
	Parked            Metric = "Parked"            // events given up, by reason
	Deferred          Metric = "Deferred"          // deliveries to be tried again later, by reason
	StripeLatency     Metric = "StripeLatency"     // milliseconds of each request to Stripe
	StripeRateLimited Metric = "StripeRateLimited" // requests that Stripe refused with 429
	StripeAuthError   Metric = "StripeAuthError"   // requests that Stripe refused with 401 or 403, or that had no key
	MeterErrors       Metric = "MeterErrors"       // usage that Stripe refused, as emitted reports say, by code
	SideEffectFailed  Metric = "SideEffectFailed"  // calls of SQS or EventBridge that failed beside the event's own way, by reason
)

// The metrics of the reconciler.
const (
	Listed              Metric = "Listed"              // events that Stripe listed
	Missing             Metric = "Missing"             // of them, those that nobody had brought: now on the bus
	ReconcileRefused    Metric = "ReconcileRefused"    // of the missing, those that no bus will carry
	ReconcileFailed     Metric = "ReconcileFailed"     // accounts that could not be compared to the end, by reason
	ReconcileUnfinished Metric = "ReconcileUnfinished" // accounts for which time ran out; the next run goes on
	ReconcileLag        Metric = "ReconcileLag"        // milliseconds up to now that are not compared yet, of each account
)

// Metrics writes metrics of one service. It is safe for concurrent use if its writer is.
type Metrics struct {
	w       io.Writer
	bus     string
	service string
	level   string
	now     func() time.Time
}

// NewMetrics returns Metrics for a service of the stack with that bus, which logs at level. Lambda's level filter takes a
// line without a level for INFO and drops it where only warnings are wanted, so every line claims the level that just
// passes. https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
func NewMetrics(w io.Writer, bus, service string, level slog.Level, now func() time.Time) *Metrics {
	return &Metrics{w: w, bus: bus, service: service, level: level.String(), now: now}
}

// Count adds n to a metric; zero writes nothing.
func (m *Metrics) Count(metric Metric, n int) {
	if n != 0 {
		m.write(metric, "Count", n, "", "")
	}
}

// CountReason adds n to a metric as a whole and under a reason, which must be one of few; zero writes nothing.
func (m *Metrics) CountReason(metric Metric, reason string, n int) {
	if n != 0 {
		m.write(metric, "Count", n, DimensionReason, reason)
	}
}

// CountCode adds n to a metric as a whole and under a code, which must be one of few; zero writes nothing.
func (m *Metrics) CountCode(metric Metric, code string, n int64) {
	if n != 0 {
		m.write(metric, "Count", n, DimensionCode, code)
	}
}

// OnError returns a function that logs an error as a warning with that message and counts it.
func (m *Metrics) OnError(log *slog.Logger, metric Metric, message string) func(error) {
	return func(err error) {
		log.Warn(message, slog.String("error", err.Error()))
		m.Count(metric, 1)
	}
}

// maxValues is how many values one line may hold.
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

// directive tells CloudWatch which members of a line are metrics and dimensions.
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

// write writes a metric, as a whole and, if there is a value for it, under one more dimension.
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
	// A metric that cannot be written must not fail the event that it counts.
	_ = json.NewEncoder(m.w).Encode(line)
}
