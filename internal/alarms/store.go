package alarms

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// A Metric is a metric with its dimensions.
type Metric struct{ Namespace, Name, dimensions string }

// NewMetric returns a metric. A metric with other dimensions is another metric.
func NewMetric(namespace, name string, dimensions map[string]string) Metric {
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(dimensions)) {
		pairs = append(pairs, key+"="+dimensions[key])
	}
	return Metric{namespace, name, strings.Join(pairs, ",")}
}

func (m Metric) String() string { return m.Namespace + " " + m.Name + " {" + m.dimensions + "}" }

// A Store keeps the values of metrics by minute, as CloudWatch does for metrics of standard
// resolution. It is not safe for concurrent use.
type Store struct {
	origin time.Time
	series map[Metric][]bucket // by minute since the origin
}

// A bucket has the values of one minute.
type bucket struct {
	count, sum, highest, lowest float64
	known                       int // the minute in which CloudWatch had the last of them
}

// NewStore returns an empty store for values from origin on.
func NewStore(origin time.Time) *Store { return &Store{origin, map[Metric][]bucket{}} }

// minute returns the number of whole minutes since the origin.
func (s *Store) minute(at time.Time) int { return int(at.Sub(s.origin) / time.Minute) }

// Add adds a value of that time, which CloudWatch has from known on.
func (s *Store) Add(m Metric, value float64, at, known time.Time) {
	minute := s.minute(at)
	series := s.series[m]
	for len(series) <= minute {
		series = append(series, bucket{})
	}
	b := &series[minute]
	if b.count == 0 {
		b.highest, b.lowest = value, value
	}
	b.count, b.sum = b.count+1, b.sum+value
	b.highest, b.lowest = max(b.highest, value), min(b.lowest, value)
	b.known = max(b.known, s.minute(known))
	s.series[m] = series
}

// AddLine adds the values of a line in embedded metric format. It reports whether the line is one.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
func (s *Store) AddLine(line []byte) (bool, error) {
	var members map[string]any
	var metadata struct {
		AWS *struct {
			Timestamp         int64
			CloudWatchMetrics []struct {
				Namespace  string
				Dimensions [][]string
				Metrics    []struct{ Name string }
			}
		} `json:"_aws"`
	}
	if json.Unmarshal(line, &members) != nil || json.Unmarshal(line, &metadata) != nil || metadata.AWS == nil {
		return false, nil
	}
	at := time.UnixMilli(metadata.AWS.Timestamp)
	for _, directive := range metadata.AWS.CloudWatchMetrics {
		for _, names := range directive.Dimensions {
			dimensions := map[string]string{}
			for _, name := range names {
				value, ok := members[name].(string)
				if !ok {
					return true, fmt.Errorf("dimension %s is not in the line", name)
				}
				dimensions[name] = value
			}
			for _, metric := range directive.Metrics {
				values, err := numbers(members[metric.Name])
				if err != nil {
					return true, fmt.Errorf("metric %s: %w", metric.Name, err)
				}
				for _, value := range values {
					s.Add(NewMetric(directive.Namespace, metric.Name, dimensions), value, at, at)
				}
			}
		}
	}
	return true, nil
}

// numbers returns the values of a metric in a line: a number, or an array of numbers.
func numbers(value any) ([]float64, error) {
	switch value := value.(type) {
	case float64:
		return []float64{value}, nil
	case []any:
		var all []float64
		for _, element := range value {
			n, ok := element.(float64)
			if !ok {
				return nil, fmt.Errorf("%v is not a number", element)
			}
			all = append(all, n)
		}
		return all, nil
	}
	return nil, fmt.Errorf("%v is not a number", value)
}

// Has reports whether the store has a value of a metric.
func (s *Store) Has(m Metric) bool { return len(s.series[m]) > 0 }

// value returns a statistic of the buckets of the minutes [from, to) that CloudWatch has before a
// minute, or missing.
func value(buckets []bucket, statistic string, from, to, now int) float64 {
	from, to = max(0, from), min(len(buckets), to)
	if from >= to {
		return missing
	}
	var total bucket
	for _, b := range buckets[from:to] {
		if b.count == 0 || b.known >= now {
			continue
		}
		if total.count == 0 {
			total.highest, total.lowest = b.highest, b.lowest
		}
		total.count, total.sum = total.count+b.count, total.sum+b.sum
		total.highest, total.lowest = max(total.highest, b.highest), min(total.lowest, b.lowest)
	}
	switch {
	case total.count == 0:
		return missing
	case statistic == "Sum":
		return total.sum
	case statistic == "Maximum":
		return total.highest
	case statistic == "Minimum":
		return total.lowest
	case statistic == "Average":
		return total.sum / total.count
	}
	return total.count
}

// missing is the value of a data point that does not exist.
var missing = math.NaN()
