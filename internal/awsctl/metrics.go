package awsctl

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/meterbridge/meterbridge/internal/telemetry"
)

// A Metric is a metric of CloudWatch.
type Metric struct {
	Namespace, Name string
	Dimensions      map[string]string
	Statistic       string // such as Sum or Maximum
}

// Read returns the values of metrics over a window, each as one number: the sum of sums and of sample
// counts, or the greatest of other values. A metric without data is missing in the result.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
func (s *Stack) Read(ctx context.Context, from, to time.Time, metrics map[string]Metric) (map[string]float64, error) {
	period := max(60, int32(to.Sub(from).Seconds()/1000)/60*60+60) // at most about 1000 points each
	var queries []types.MetricDataQuery
	ids := map[string]string{}
	for name, m := range metrics {
		id := fmt.Sprintf("m%d", len(queries))
		ids[id] = name
		metric := &types.Metric{Namespace: &m.Namespace, MetricName: &m.Name}
		for key, value := range m.Dimensions {
			metric.Dimensions = append(metric.Dimensions, types.Dimension{Name: &key, Value: &value})
		}
		queries = append(queries, types.MetricDataQuery{Id: &id, MetricStat: &types.MetricStat{Metric: metric, Period: &period, Stat: &m.Statistic}})
	}
	values := map[string]float64{}
	client := cloudwatch.NewFromConfig(s.config)
	const most = 500 // queries in a call
	for some := range slices.Chunk(queries, most) {
		pages := cloudwatch.NewGetMetricDataPaginator(client, &cloudwatch.GetMetricDataInput{StartTime: &from, EndTime: &to, MetricDataQueries: some})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, Explain(fmt.Errorf("read metrics: %w", err))
			}
			for _, r := range page.MetricDataResults {
				name := ids[aws.ToString(r.Id)]
				for _, v := range r.Values {
					if statistic := metrics[name].Statistic; statistic == "Sum" || statistic == "SampleCount" {
						values[name] += v
					} else {
						values[name] = max(values[name], v)
					}
				}
			}
		}
	}
	return values, nil
}

// A Total is what one of the stack's metrics adds up to.
type Total struct {
	Service string           // the function that counted: webhook, fetcher or reconciler
	Metric  telemetry.Metric // such as Emitted
	Reason  string           // a reason, or one of Stripe's error codes; "" if the metric has none
	Count   float64          // of what the metric counts, or of the values that were observed
	Sum     float64          // of observed values, in milliseconds; otherwise the same as Count
	Max     float64          // the greatest of the observed values, in milliseconds
}

// Totals adds up the metrics that the stack's functions have written in [from, to). A metric with
// reasons has a total for each. Metrics that were zero throughout are missing. Those of a local
// stack are read from its logs, which have no more than the newest 10,000 lines of a function.
func (s *Stack) Totals(ctx context.Context, from, to time.Time) ([]Total, error) {
	read := s.storedTotals
	if s.IsLocal() {
		read = s.loggedTotals
	}
	totals, err := read(ctx, from, to)
	slices.SortFunc(totals, func(a, b Total) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.Reason, b.Reason))
	})
	return totals, err
}

// durations are the metrics that observe values instead of counting; one of them is no duration.
var durations = []telemetry.Metric{telemetry.StripeLatency, telemetry.ReconcileLag, telemetry.DeferredReceives}

// storedTotals reads the metrics from CloudWatch: first which there are, then their values.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListMetrics.html
func (s *Stack) storedTotals(ctx context.Context, from, to time.Time) ([]Total, error) {
	bus, err := s.Output("EventBusName")
	if err != nil {
		return nil, err
	}
	pages := cloudwatch.NewListMetricsPaginator(cloudwatch.NewFromConfig(s.config), &cloudwatch.ListMetricsInput{
		Namespace: aws.String(telemetry.Namespace), Dimensions: []types.DimensionFilter{{Name: aws.String(telemetry.DimensionBus), Value: &bus}},
	})
	var listed []Total
	queries := map[string]Metric{}
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, Explain(fmt.Errorf("list metrics: %w", err))
		}
		for _, m := range page.Metrics {
			dimensions := map[string]string{}
			for _, d := range m.Dimensions {
				dimensions[aws.ToString(d.Name)] = aws.ToString(d.Value)
			}
			t := Total{
				Service: dimensions[telemetry.DimensionService], Metric: telemetry.Metric(aws.ToString(m.MetricName)),
				Reason: cmp.Or(dimensions[telemetry.DimensionReason], dimensions[telemetry.DimensionCode]),
			}
			listed = append(listed, t)
			statistics := []string{"Sum"}
			if slices.Contains(durations, t.Metric) {
				statistics = []string{"Sum", "SampleCount", "Maximum"}
			}
			for _, statistic := range statistics {
				queries[t.key(statistic)] = Metric{telemetry.Namespace, string(t.Metric), dimensions, statistic}
			}
		}
	}
	values, err := s.Read(ctx, from, to, queries)
	if err != nil {
		return nil, err
	}
	for i, t := range listed {
		listed[i].Sum, listed[i].Count, listed[i].Max = values[t.key("Sum")], values[t.key("Sum")], values[t.key("Maximum")]
		if slices.Contains(durations, t.Metric) {
			listed[i].Count = values[t.key("SampleCount")]
		}
	}
	return withoutReasons(listed), nil
}

func (t Total) key(statistic string) string {
	return fmt.Sprintf("%s %s %s %s", t.Service, t.Metric, t.Reason, statistic)
}

// withoutReasons takes from the total of each metric what was counted under its reasons, and leaves out what
// is zero.
func withoutReasons(totals []Total) []Total {
	counted := map[string]float64{}
	for _, t := range totals {
		if t.Reason != "" {
			counted[t.Service+" "+string(t.Metric)] += t.Count
		}
	}
	for i, t := range totals {
		if t.Reason == "" {
			totals[i].Count -= counted[t.Service+" "+string(t.Metric)]
		}
	}
	return slices.DeleteFunc(totals, func(t Total) bool { return t.Count <= 0 })
}

// loggedTotals adds up the metrics in the functions' logs.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
func (s *Stack) loggedTotals(ctx context.Context, from, to time.Time) ([]Total, error) {
	lines, err := s.Lines(ctx, from, to, "_aws")
	if err != nil {
		return nil, err
	}
	byKey := map[string]*Total{}
	for _, line := range lines {
		var members map[string]json.RawMessage
		var metadata struct {
			CloudWatchMetrics []struct {
				Dimensions [][]string
				Metrics    []struct{ Name telemetry.Metric }
			}
		}
		if json.Unmarshal([]byte(line.Text), &members) != nil || json.Unmarshal(members["_aws"], &metadata) != nil {
			continue
		}
		text := func(name string) (value string) { _ = json.Unmarshal(members[name], &value); return value }
		for _, directive := range metadata.CloudWatchMetrics {
			reason := ""
			for _, name := range slices.Concat(directive.Dimensions...) {
				if name == telemetry.DimensionReason || name == telemetry.DimensionCode {
					reason = text(name)
				}
			}
			for _, m := range directive.Metrics {
				t := Total{Service: text(telemetry.DimensionService), Metric: m.Name, Reason: reason}
				if byKey[t.key("")] == nil {
					byKey[t.key("")] = &t
				}
				byKey[t.key("")].add(members[string(m.Name)])
			}
		}
	}
	var totals []Total
	for _, t := range byKey {
		totals = append(totals, *t)
	}
	return totals, nil
}

// add adds what a line has of the metric: a count, or an array of observed values.
func (t *Total) add(value json.RawMessage) {
	var observed []float64
	if json.Unmarshal(value, &observed) != nil {
		var n float64
		_ = json.Unmarshal(value, &n)
		t.Count, t.Sum = t.Count+n, t.Sum+n
		return
	}
	for _, v := range observed {
		t.Count, t.Sum, t.Max = t.Count+1, t.Sum+v, max(t.Max, v)
	}
}
