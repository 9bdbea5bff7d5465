package alarms

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// TestMissingDataIsTreatedAsDocumented has the two tables of
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html.
// The latest data point is the last; 0 is one within the threshold, X a breaching one, - a missing one.
func TestMissingDataIsTreatedAsDocumented(t *testing.T) {
	t.Parallel()
	const kept State = "kept"
	for _, test := range []struct {
		datapoints                            int
		points                                string
		missing, ignore, breaching, notBreach State
	}{
		{3, "0-X-X", OK, OK, OK, OK},
		{3, "0----", OK, OK, OK, OK},
		{3, "-----", Insufficient, kept, Ringing, OK},
		{3, "0XX-X", Ringing, Ringing, Ringing, Ringing},
		{3, "--X--", Ringing, kept, Ringing, OK},
		{2, "0-X-X", Ringing, Ringing, Ringing, Ringing},
		{2, "00X0X", Ringing, Ringing, Ringing, Ringing},
		{2, "0-X--", OK, OK, Ringing, OK},
		{2, "----0", OK, OK, Ringing, OK},
		{2, "---X-", Ringing, kept, Ringing, OK},
		{3, "----X", kept, kept, Ringing, OK}, // from the text below the tables
	} {
		var points []float64
		for _, point := range test.points {
			points = append([]float64{map[rune]float64{'0': 0, 'X': 1, '-': missing}[point]}, points...)
		}
		for treatment, want := range map[string]State{
			"missing": test.missing, "ignore": test.ignore, "breaching": test.breaching, "notBreaching": test.notBreach,
		} {
			a := Alarm{Missing: treatment, periods: 3, datapoints: test.datapoints, compare: "GreaterThanThreshold"}
			if got, err := a.evaluate(points, kept); err != nil || got != want {
				t.Errorf("%d of 3, %s, %s: %s, %v, want %s", test.datapoints, test.points, treatment, got, err, want)
			}
		}
	}
}

func TestExpressionsAreComputed(t *testing.T) {
	t.Parallel()
	known := map[string]series{"a": {1, 2, 4}, "b": {missing, 3, 0}, "none": {missing, missing, missing}}
	for text, want := range map[string]series{
		"a + b * 2":                     {missing, 8, 4},
		"(a + b) * 2 - -1":              {missing, 11, 9},
		"SUM([a, b, none])":             {1, 5, 4},
		"MAX([a, b])":                   {1, 3, 4},
		"MIN([b, a])":                   {1, 2, 0},
		"SUM([none])":                   {missing, missing, missing},
		"DIFF(a)":                       {-1, -2, missing},
		"a >= 2 AND b == 0":             {missing, 0, 1},
		"a < 2 OR a > 3":                {1, 0, 1},
		"IF(a != 2, a / 2, 7)":          {.5, 7, 2},
		"IF(SUM([b, a * 0]) > 0, 0, a)": {1, 0, 4},
		"IF(a <= 1, b, a)":              {missing, 2, 4},
	} {
		e, err := parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		got, err := e.values(func(name string) (series, error) { return known[name], nil }, 3)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for i, value := range want {
			if got[i] != value && !(math.IsNaN(got[i]) && math.IsNaN(value)) {
				t.Errorf("%s = %v, want %v", text, got, want)
				break
			}
		}
	}
	for text, want := range map[string]string{
		"FILL(a, 0)": "not supported", "a +": "value was expected", "SUM(a)": `"[" was expected`, "IF(a, 1)": "2 arguments",
		"a b": "unexpected", "(a": `")" was expected`, "%": "value was expected",
	} {
		if _, err := parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parse(%s): %v, want %q", text, err, want)
		}
	}
}

// The windows slide: an alarm with a period of five minutes is evaluated after six minutes for the
// minutes two to six.
func TestWindowsSlide(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s, m := NewStore(start), NewMetric("N", "M", nil)
	for minute, value := range []float64{0, 1, 1, 1, 0, 2} {
		at := start.Add(time.Duration(minute) * time.Minute)
		s.Add(m, value, at, at)
	}
	a := Alarm{
		Missing: "notBreaching", period: 5 * time.Minute, periods: 1, datapoints: 1, compare: "GreaterThanOrEqualToThreshold",
		threshold: 5, metrics: map[string]statistic{"m": {m, "Sum"}}, result: "m",
	}
	changes, err := a.Replay(s, start, start.Add(8*time.Minute), Reading{})
	want := []Change{{start.Add(time.Minute), Insufficient, OK}, {start.Add(6 * time.Minute), OK, Ringing}, {start.Add(7 * time.Minute), Ringing, OK}}
	if err != nil || len(changes) != 3 || changes[0] != want[0] || changes[1] != want[1] || changes[2] != want[2] {
		t.Errorf("%v, %v, want %v", changes, err, want)
	}
}

// What CloudWatch would refuse is an error, and so is what is not supported.
func TestImpossibleAlarmsAreRefused(t *testing.T) {
	t.Parallel()
	alarm := func(changes map[string]any) sam.Resource {
		p := map[string]any{
			"Namespace": "N", "MetricName": "M", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1,
			"ComparisonOperator": "GreaterThanThreshold", "Threshold": 0, "TreatMissingData": "notBreaching",
		}
		for name, value := range changes {
			p[name] = value
		}
		return sam.Resource{LogicalID: "A", Type: "AWS::CloudWatch::Alarm", Properties: p}
	}
	math := func(expression string) map[string]any {
		return map[string]any{"Metrics": []any{map[string]any{"Id": "e", "Expression": expression}}, "Period": 60}
	}
	for want, changes := range map[string]map[string]any{
		"2 of 1 datapoints":   {"DatapointsToAlarm": 2},
		"whole minutes":       {"Period": 10},
		"are longer than 24h": {"EvaluationPeriods": 1441},
		"is not supported":    {"Statistic": "p99"},
		"treated as":          {"TreatMissingData": "no"},
		"there is no metric":  math("m1"),
		"comparison":          {"ComparisonOperator": "LessThanLowerThreshold"},
	} {
		if _, err := Read(&sam.Template{Resources: []sam.Resource{alarm(changes)}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", changes, err, want)
		}
	}
	if list, err := Read(&sam.Template{Resources: []sam.Resource{alarm(nil)}}); err != nil || len(list) != 1 || list[0].MetricCount() != 1 {
		t.Errorf("%v, %v", list, err)
	}
}

func TestLinesInEmbeddedMetricFormatAreRead(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := NewStore(start)
	const line = `{"message":"m","Bus":"b","Reason":"r","N":3,"L":[1,5],"_aws":{"Timestamp":1767225661000,"CloudWatchMetrics":[{"Namespace":"X",` +
		`"Dimensions":[["Bus"],["Bus","Reason"]],"Metrics":[{"Name":"N"},{"Name":"L","Unit":"Milliseconds"}]}]}}`
	if is, err := s.AddLine([]byte(line)); !is || err != nil {
		t.Fatalf("%v, %v", is, err)
	}
	for _, dimensions := range []map[string]string{{"Bus": "b"}, {"Reason": "r", "Bus": "b"}} {
		for statistic, want := range map[string]float64{"Sum": 6, "Maximum": 5, "Minimum": 1, "Average": 3, "SampleCount": 2} {
			got := value(s.series[NewMetric("X", "L", dimensions)], statistic, 1, 2, 60)
			if got != want {
				t.Errorf("%v: %s = %v, want %v", dimensions, statistic, got, want)
			}
		}
	}
	if is, err := s.AddLine([]byte(`{"message":"m"}`)); is || err != nil {
		t.Errorf("a log line: %v, %v", is, err)
	}
	if _, err := s.AddLine([]byte(strings.Replace(line, `"N":3`, `"N":"3"`, 1))); err == nil {
		t.Error("a metric that is not a number is accepted")
	}
	if _, err := s.AddLine([]byte(strings.Replace(line, `"Bus":"b",`, "", 1))); err == nil {
		t.Error("a dimension that is missing is accepted")
	}
}
