// Package alarms replays metrics through the rules by which CloudWatch evaluates alarms, so that
// tests can say which alarm of a template rings when. It is test support.
//
// [Read] returns the alarms of a resolved template, a [Store] keeps metrics, and
// [Alarm.Replay] returns the changes of an alarm's state. The rules are those of
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html,
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html and
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html. Where they
// leave something open, a [Reading] closes it.
package alarms

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// An Alarm is a metric alarm.
type Alarm struct {
	Name    string // logical id
	Missing string // breaching, notBreaching, ignore or missing

	// The targets of the actions for each state.
	OnAlarm, OnOK, OnInsufficient []string

	period     time.Duration
	periods    int // evaluation periods
	datapoints int // that must be breaching
	compare    string
	threshold  float64
	metrics    map[string]statistic  // by the id that expressions use
	formulas   map[string]expression // likewise
	result     string                // the id whose values are compared
}

// A statistic is a statistic of a metric.
type statistic struct {
	metric Metric
	name   string
}

// metricProperties are the properties of a metric in an alarm.
type metricProperties struct {
	Namespace, MetricName string
	Dimensions            []struct{ Name, Value string }
}

func (p metricProperties) metric() Metric {
	dimensions := map[string]string{}
	for _, d := range p.Dimensions {
		dimensions[d.Name] = d.Value
	}
	return NewMetric(p.Namespace, p.MetricName, dimensions)
}

// properties are the properties of AWS::CloudWatch::Alarm that decide when it rings.
type properties struct {
	metricProperties
	Statistic string
	Period    int
	Metrics   []struct {
		Id, Expression string
		ReturnData     *bool
		MetricStat     *struct {
			Metric metricProperties
			Period int
			Stat   string
		}
	}
	EvaluationPeriods, DatapointsToAlarm             int
	ComparisonOperator, TreatMissingData             string
	Threshold                                        float64
	AlarmActions, OKActions, InsufficientDataActions []string
	AlarmDescription                                 string
}

// Read returns the metric alarms of a template, in its order.
func Read(t *sam.Template) ([]Alarm, error) {
	var alarms []Alarm
	for _, r := range t.Resources {
		if r.Type != "AWS::CloudWatch::Alarm" {
			continue
		}
		a, err := read(r)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.LogicalID, err)
		}
		alarms = append(alarms, a)
	}
	return alarms, nil
}

func read(r sam.Resource) (Alarm, error) {
	text, err := json.Marshal(r.Properties)
	if err != nil {
		return Alarm{}, err
	}
	p := properties{TreatMissingData: "missing"}
	if err := json.Unmarshal(text, &p); err != nil {
		return Alarm{}, err
	}
	a := Alarm{
		Name: r.LogicalID, Missing: p.TreatMissingData,
		OnAlarm: p.AlarmActions, OnOK: p.OKActions, OnInsufficient: p.InsufficientDataActions,
		period: time.Duration(p.Period) * time.Second, periods: p.EvaluationPeriods, datapoints: p.DatapointsToAlarm,
		compare: p.ComparisonOperator, threshold: p.Threshold,
		metrics: map[string]statistic{}, formulas: map[string]expression{},
	}
	if a.datapoints == 0 {
		a.datapoints = a.periods
	}
	if len(p.Metrics) == 0 {
		a.metrics["metric"], a.result = statistic{p.metric(), p.Statistic}, "metric"
	}
	for _, m := range p.Metrics {
		if m.ReturnData == nil || *m.ReturnData {
			if a.result != "" {
				return Alarm{}, fmt.Errorf("%s and %s both return data", a.result, m.Id)
			}
			a.result = m.Id
		}
		if m.MetricStat == nil {
			if a.formulas[m.Id], err = parse(m.Expression); err != nil {
				return Alarm{}, fmt.Errorf("%s: %w", m.Id, err)
			}
			continue
		}
		period := time.Duration(m.MetricStat.Period) * time.Second
		if a.period != 0 && period != a.period {
			return Alarm{}, fmt.Errorf("%s has the period %v, another metric %v", m.Id, period, a.period)
		}
		a.period = period
		a.metrics[m.Id] = statistic{m.MetricStat.Metric.metric(), m.MetricStat.Stat}
	}
	return a, a.check()
}

// check enforces the limits of PutMetricAlarm:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
func (a *Alarm) check() error {
	longest := 24 * time.Hour
	if a.period >= time.Hour {
		longest = 7 * 24 * time.Hour
	}
	switch {
	case a.result == "":
		return fmt.Errorf("no metric returns data")
	case a.period < time.Minute || a.period%time.Minute != 0:
		return fmt.Errorf("the period is %v, want whole minutes", a.period)
	case a.periods < 1 || a.datapoints < 1 || a.datapoints > a.periods:
		return fmt.Errorf("%d of %d datapoints", a.datapoints, a.periods)
	case time.Duration(a.periods)*a.period > longest:
		return fmt.Errorf("%d periods of %v are longer than %v", a.periods, a.period, longest)
	case len(a.metrics) > 10:
		return fmt.Errorf("%d metrics, more than ten", len(a.metrics))
	case !slices.Contains([]string{"breaching", "notBreaching", "ignore", "missing"}, a.Missing):
		return fmt.Errorf("missing data is treated as %q", a.Missing)
	}
	for id, s := range a.metrics {
		if !slices.Contains([]string{"Sum", "Maximum", "Minimum", "Average", "SampleCount"}, s.name) {
			return fmt.Errorf("%s: statistic %q is not supported", id, s.name)
		}
	}
	if _, err := a.breaches(0); err != nil {
		return err
	}
	_, err := a.points(NewStore(time.Time{}), 0, Reading{})
	return err
}

// MetricCount returns the number of metrics, each of which is billed.
// https://aws.amazon.com/cloudwatch/pricing/
func (a *Alarm) MetricCount() int { return len(a.metrics) }

// Metrics returns the metrics that the alarm reads.
func (a *Alarm) Metrics() []Metric {
	var metrics []Metric
	for _, s := range a.metrics {
		metrics = append(metrics, s.metric)
	}
	return metrics
}
