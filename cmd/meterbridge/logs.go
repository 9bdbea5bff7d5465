package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// isMetric reports whether a line of a log has only metrics, in CloudWatch's embedded metric format.
// A line with a message is for people too.
func isMetric(text string) bool {
	if !strings.Contains(text, `"_aws"`) {
		return false
	}
	var line struct {
		AWS     *json.RawMessage `json:"_aws"`
		Message *json.RawMessage `json:"message"`
	}
	return json.Unmarshal([]byte(text), &line) == nil && line.AWS != nil && line.Message == nil
}

// metricMembers returns the names of the members that make a line one of metrics, if it is.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
func metricMembers(members []member) []string {
	i := slices.IndexFunc(members, func(m member) bool { return m.name == "_aws" })
	if i < 0 {
		return nil
	}
	var metadata struct {
		CloudWatchMetrics []struct {
			Dimensions [][]string
			Metrics    []struct{ Name string }
		}
	}
	_ = json.Unmarshal(members[i].value, &metadata) // of what cannot be read nothing is left out
	names := []string{"_aws"}
	for _, directive := range metadata.CloudWatchMetrics {
		names = slices.Concat(names, slices.Concat(directive.Dimensions...))
		for _, metric := range directive.Metrics {
			names = append(names, metric.Name)
		}
	}
	return names
}

// log prints a line of a function's log: a JSON one as its level, message and other members.
func (c *console) log(e entry) {
	m, text := readLog(e.line)
	c.timed(e.Time, m, "log", short(e.Name)+": "+text)
}

// readLog returns a log line for people, without its metrics. A line that is not a JSON object is
// left as it is.
func readLog(line string) (meaning, string) {
	members, err := orderedMembers(line)
	if err != nil {
		return plain, line
	}
	take := func(name string) string {
		for i, m := range members {
			if strings.EqualFold(m.name, name) {
				members = append(members[:i:i], members[i+1:]...)
				return m.text()
			}
		}
		return ""
	}
	level := take("level")
	take("timestamp")
	take("time")
	parts := []string{strings.ToLower(level), take("message")}
	take("requestId")
	metrics := metricMembers(members)
	for _, m := range members {
		if slices.Contains(metrics, m.name) {
			continue
		}
		parts = append(parts, m.name+"="+m.quoted())
	}
	colors := map[string]meaning{"ERROR": bad, "FATAL": bad, "WARN": notice, "WARNING": notice}
	return colors[strings.ToUpper(level)], strings.TrimSpace(strings.Join(parts, " "))
}

var errNotObject = errors.New("not a JSON object")

type member struct {
	name  string
	value json.RawMessage
}

// text returns a string without its quotes, and any other value as JSON.
func (m member) text() string {
	var text string
	if json.Unmarshal(m.value, &text) == nil {
		return text
	}
	return string(m.value)
}

// quoted is text, in quotes where it would not be one word.
func (m member) quoted() string {
	text := m.text()
	if m.value[0] == '"' && (text == "" || strings.ContainsAny(text, " =\"\t\n")) {
		return strconv.Quote(text)
	}
	return text
}

// orderedMembers returns the members of a JSON object in their order.
func orderedMembers(text string) (members []member, err error) {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return nil, errNotObject
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		m := member{name: fmt.Sprint(name)}
		if err := decoder.Decode(&m.value); err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	if _, err := decoder.Token(); err != nil || decoder.More() {
		return nil, errNotObject
	}
	return members, nil
}
