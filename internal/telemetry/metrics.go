package telemetry

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"slices"
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

// A Sample is what a line says of one metric. The zero value says nothing.
type Sample struct {
	metric           Metric
	unit             string
	value            any
	dimension, label string // of the metric in part; empty if it is counted only in total
}

// Count returns a sample that adds n to a metric. If n is zero it says nothing.
func Count(metric Metric, n int) Sample { return count(metric, int64(n), "", "") }

// CountReason returns a sample that adds n to a metric, both in total and, unless reason is empty,
// under the reason, which must be a constant. If n is zero it says nothing.
func CountReason(metric Metric, reason string, n int) Sample {
	return count(metric, int64(n), DimensionReason, reason)
}

// CountCode returns a sample that adds n to a metric, both in total and under a code, which must be
// a constant. If n is zero it says nothing.
func CountCode(metric Metric, code string, n int64) Sample {
	return count(metric, n, DimensionCode, code)
}

func count(metric Metric, n int64, dimension, label string) Sample {
	switch {
	case n == 0:
		return Sample{}
	case label == "":
		dimension = ""
	}
	return Sample{metric, "Count", n, dimension, label}
}

// maxValues is the largest number of values of a metric in one line.
const maxValues = 100

// Durations returns samples that add durations to a metric, in milliseconds.
func Durations(metric Metric, durations ...time.Duration) []Sample {
	var samples []Sample
	for some := range slices.Chunk(durations, maxValues) {
		values := make([]float64, 0, len(some))
		for _, d := range some {
			values = append(values, float64(d.Round(time.Microsecond))/float64(time.Millisecond))
		}
		samples = append(samples, Sample{metric: metric, unit: "Milliseconds", value: values})
	}
	return samples
}

// Add writes samples, in as few lines as possible.
func (m *Metrics) Add(samples ...Sample) {
	if m.w == io.Discard { // encoding lines for nobody takes most of the time
		return
	}
	for _, line := range lines(samples) {
		m.write(line)
	}
}

// Log writes a log line that also contains samples: one line costs less than two. Samples that do
// not fit into one line, or all if the logger does not log at this level, are written alone.
func (m *Metrics) Log(ctx context.Context, log *slog.Logger, level slog.Level, message string, attrs []slog.Attr, samples ...Sample) {
	if !log.Enabled(ctx, level) {
		m.Add(samples...)
		return
	}
	rest := lines(samples)
	if len(rest) > 0 {
		for _, member := range m.members(rest[0]) {
			attrs = append(attrs, slog.Any(member.name, member.value))
		}
		rest = rest[1:]
	}
	log.LogAttrs(ctx, level, message, attrs...)
	for _, line := range rest {
		m.write(line)
	}
}

// OnError returns a function that logs an error as a warning with that message and counts it, in
// total and, unless reason is "", under the reason.
func (m *Metrics) OnError(log *slog.Logger, metric Metric, reason, message string) func(error) {
	return func(err error) {
		m.Log(context.Background(), log, slog.LevelWarn, message, []slog.Attr{slog.String("error", err.Error())}, CountReason(metric, reason, 1))
	}
}

// lines distributes samples over lines: a line has at most one sample of a metric, and one value for
// each dimension.
func lines(samples []Sample) [][]Sample {
	var all [][]Sample
next:
	for _, s := range samples {
		if s.metric == "" {
			continue
		}
		for i, line := range all {
			if !slices.ContainsFunc(line, s.excludes) {
				all[i] = append(line, s)
				continue next
			}
		}
		all = append(all, []Sample{s})
	}
	return all
}

// excludes reports whether two samples cannot be in one line.
func (s Sample) excludes(other Sample) bool {
	return s.metric == other.metric || s.dimension != "" && s.dimension == other.dimension && s.label != other.label
}

// A directive names the members of a line that are metrics and dimensions.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
type directive struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []definition
}

// newDirective returns a directive for metrics that are counted in total and, unless dimension is
// empty, also under it.
func newDirective(dimension string) directive {
	d := directive{Namespace: Namespace, Dimensions: [][]string{{DimensionBus, DimensionService}}}
	if dimension != "" {
		d.Dimensions = append(d.Dimensions, []string{DimensionBus, DimensionService, dimension})
	}
	return d
}

// dimension returns the dimension besides the total, or "".
func (d directive) dimension() string {
	if len(d.Dimensions) == 1 {
		return ""
	}
	return d.Dimensions[1][2]
}

// metadata is the member that tells CloudWatch which members of a line are metrics.
type metadata struct {
	Timestamp         int64
	CloudWatchMetrics []directive
}

type definition struct {
	Name Metric
	Unit string
}

// A member of a line.
type member struct {
	name  string
	value any
}

// members returns the members that make a line one of metrics.
func (m *Metrics) members(samples []Sample) []member {
	members := []member{{DimensionBus, m.bus}, {DimensionService, m.service}}
	var directives []directive
	for _, s := range samples {
		members = append(members, member{string(s.metric), s.value})
		if s.dimension != "" && !slices.ContainsFunc(members, func(m member) bool { return m.name == s.dimension }) {
			members = append(members, member{s.dimension, s.label})
		}
		i := slices.IndexFunc(directives, func(d directive) bool { return d.dimension() == s.dimension })
		if i < 0 {
			i = len(directives)
			directives = append(directives, newDirective(s.dimension))
		}
		directives[i].Metrics = append(directives[i].Metrics, definition{s.metric, s.unit})
	}
	return append(members, member{"_aws", metadata{m.now().UnixMilli(), directives}})
}

// write writes a line that has only samples.
func (m *Metrics) write(samples []Sample) {
	line := map[string]any{"level": m.level, "timestamp": timestamp(m.now())}
	for _, member := range m.members(samples) {
		line[member.name] = member.value
	}
	// An event must not fail because a metric about it cannot be written.
	_ = json.NewEncoder(m.w).Encode(line)
}
