package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/telemetry"
)

// lines decodes the output, which must be one JSON object a line.
func lines(t *testing.T, out *bytes.Buffer) []map[string]any {
	t.Helper()
	var decoded []map[string]any
	for line := range strings.Lines(out.String()) {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil || !strings.HasSuffix(line, "\n") {
			t.Fatalf("line %q: %v", line, err)
		}
		decoded = append(decoded, object)
	}
	return decoded
}

func TestLogLineHasLambdasMembers(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := telemetry.NewLogger(&out, slog.LevelInfo).With("function", "webhook").WithGroup("g")
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "req-1"})
	log.DebugContext(ctx, "below the level")
	log.WarnContext(ctx, "text", "a", 1)
	log.Info("outside of an invocation")
	got := lines(t, &out)
	if len(got) != 2 {
		t.Fatalf("%d lines, want 2:\n%s", len(got), out.String())
	}
	if _, err := time.Parse(time.RFC3339, got[0]["timestamp"].(string)); err != nil {
		t.Errorf("timestamp: %v", err) // without one Lambda treats the line as INFO
	}
	delete(got[0], "timestamp")
	want := map[string]any{
		"level": "WARN", "message": "text", "function": "webhook", "g": map[string]any{"a": 1.0, "requestId": "req-1"},
	}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLongIDIsTruncated(t *testing.T) {
	t.Parallel()
	if got := telemetry.ID("event_id", "evt_1"); !got.Equal(slog.String("event_id", "evt_1")) {
		t.Errorf("ID = %v", got)
	}
	if got := telemetry.ID("event_id", strings.Repeat("x", 1<<20)); len(got.Value.String()) > 210 {
		t.Errorf("ID of a megabyte has %d bytes", len(got.Value.String()))
	}
}

func TestTraceHeaderIsTheInvocations(t *testing.T) {
	t.Parallel()
	if got := telemetry.TraceHeader(t.Context()); got != "" {
		t.Errorf("TraceHeader outside of an invocation = %q", got)
	}
	var key any = "x-amzn-trace-id" // as aws-lambda-go sets it
	//lint:ignore SA1029 the key is aws-lambda-go's
	if got := telemetry.TraceHeader(context.WithValue(t.Context(), key, "Root=1-2")); got != "Root=1-2" {
		t.Errorf("TraceHeader = %q, want Root=1-2", got)
	}
}

func TestMetricsAreInEmbeddedMetricFormat(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	at := time.Date(2026, 11, 22, 1, 2, 3, 4_000_000, time.UTC)
	m := telemetry.NewMetrics(&out, "bus", "fetcher", slog.LevelWarn, func() time.Time { return at })
	m.Add(telemetry.Count(telemetry.Emitted, 7))
	m.Add(telemetry.CountReason(telemetry.Parked, "not_found", 2))
	m.Add(telemetry.CountReason(telemetry.Deferred, "", 2))
	m.Add(telemetry.CountCode(telemetry.MeterErrors, "no_meter", 3))
	m.Add(telemetry.Durations(telemetry.StripeLatency, 1500*time.Microsecond+400, time.Second)...)
	m.Add(telemetry.Count(telemetry.Emitted, 0), telemetry.CountReason(telemetry.Parked, "not_found", 0), telemetry.CountCode(telemetry.MeterErrors, "no_meter", 0))
	m.Add(telemetry.Durations(telemetry.StripeLatency)...)
	line := func(metric, unit string, value any, dimensions ...any) map[string]any {
		return map[string]any{
			"_aws": map[string]any{"Timestamp": float64(at.UnixMilli()), "CloudWatchMetrics": []any{map[string]any{
				"Namespace": "Meterbridge", "Dimensions": dimensions,
				"Metrics": []any{map[string]any{"Name": metric, "Unit": unit}},
			}}},
			"level": "WARN", "timestamp": "2026-11-22T01:02:03.004Z", "Bus": "bus", "Service": "fetcher", metric: value,
		}
	}
	service := []any{"Bus", "Service"}
	parked := line("Parked", "Count", 2.0, service, []any{"Bus", "Service", "Reason"})
	parked["Reason"] = "not_found"
	refused := line("MeterErrors", "Count", 3.0, service, []any{"Bus", "Service", "Code"})
	refused["Code"] = "no_meter"
	want := []map[string]any{
		line("Emitted", "Count", 7.0, service), parked, line("Deferred", "Count", 2.0, service), refused,
		line("StripeLatency", "Milliseconds", []any{1.5, 1000.0}, service),
	}
	if diff := cmp.Diff(want, lines(t, &out)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A line has each metric once and each dimension with one value; what does not fit is in another.
func TestSamplesShareLines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	m := telemetry.NewMetrics(&out, "bus", "fetcher", slog.LevelInfo, func() time.Time { return time.Time{} })
	m.Add(telemetry.Count(telemetry.Emitted, 1), telemetry.CountReason(telemetry.Parked, "a", 2), telemetry.CountReason(telemetry.Deferred, "b", 3),
		telemetry.CountReason(telemetry.SideEffectFailed, "a", 4), telemetry.CountCode(telemetry.MeterErrors, "c", 5), telemetry.CountCode(telemetry.MeterErrors, "d", 6))
	var got []map[string]any
	for _, line := range lines(t, &out) {
		directives, _ := line["_aws"].(map[string]any)["CloudWatchMetrics"].([]any)
		for _, d := range directives {
			d := d.(map[string]any)
			dimensions := d["Dimensions"].([]any)
			last := dimensions[len(dimensions)-1].([]any)
			under := map[string]any{}
			for _, metric := range d["Metrics"].([]any) {
				name := metric.(map[string]any)["Name"].(string)
				under[name] = line[name]
			}
			for _, dimension := range last[2:] {
				under[dimension.(string)] = line[dimension.(string)]
			}
			got = append(got, under)
		}
	}
	want := []map[string]any{
		{"Emitted": 1.0}, {"Parked": 2.0, "SideEffectFailed": 4.0, "Reason": "a"}, {"MeterErrors": 5.0, "Code": "c"},
		{"Deferred": 3.0, "Reason": "b"}, {"MeterErrors": 6.0, "Code": "d"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics by directive: -want +got:\n%s", diff)
	}
}

// A log line carries metrics. A logger that does not log at the level leaves them alone, at a level
// that Lambda does not filter.
func TestLogLineCarriesMetrics(t *testing.T) {
	t.Parallel()
	for _, level := range []slog.Level{slog.LevelInfo, slog.LevelError} {
		var out bytes.Buffer
		m := telemetry.NewMetrics(&out, "bus", "webhook", level, func() time.Time { return time.Time{} })
		ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "req-1"})
		m.Log(ctx, telemetry.NewLogger(&out, level), slog.LevelWarn, "delivery", []slog.Attr{slog.Int("status", 400)}, telemetry.CountReason(telemetry.SignatureInvalid, "mismatch", 3))
		got := lines(t, &out)
		if len(got) != 1 || got[0]["SignatureInvalid"] != 3.0 || got[0]["Reason"] != "mismatch" || got[0]["Bus"] != "bus" || got[0]["_aws"] == nil {
			t.Fatalf("level %s: lines %v, want one with the metric", level, got)
		}
		want := map[string]any{"level": "WARN", "message": "delivery", "status": 400.0, "requestId": "req-1"}
		if level == slog.LevelError {
			want = map[string]any{"level": "ERROR", "message": nil, "status": nil, "requestId": nil}
		}
		for name, value := range want {
			if got[0][name] != value {
				t.Errorf("level %s: %s is %v, want %v", level, name, got[0][name], value)
			}
		}
	}
}

// A log line without metrics is an ordinary one.
func TestLogLineWithoutMetrics(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	m := telemetry.NewMetrics(&out, "bus", "webhook", slog.LevelInfo, time.Now)
	m.Log(t.Context(), telemetry.NewLogger(&out, slog.LevelInfo), slog.LevelInfo, "delivery", nil, telemetry.Sample{})
	if got := lines(t, &out); len(got) != 1 || len(got[0]) != 3 {
		t.Errorf("lines %v, want one with three members", got)
	}
}

func TestManyValuesAreSplitIntoLines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	telemetry.NewMetrics(&out, "bus", "fetcher", slog.LevelInfo, time.Now).Add(telemetry.Durations(telemetry.StripeLatency, make([]time.Duration, 250)...)...)
	var sizes []int
	for _, line := range lines(t, &out) {
		sizes = append(sizes, len(line["StripeLatency"].([]any)))
	}
	if diff := cmp.Diff([]int{100, 100, 50}, sizes); diff != "" {
		t.Errorf("values per line, of which CloudWatch accepts 100: -want +got:\n%s", diff)
	}
}
