package transform

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// The reserved variables.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
const (
	ruleARN       = "aws.events.rule-arn"
	ruleName      = "aws.events.rule-name"
	ingestionTime = "aws.events.event.ingestion-time"
	event         = "aws.events.event"
	eventJSON     = "aws.events.event.json"
)

func isReserved(name string) bool {
	return slices.Contains([]string{ruleARN, ruleName, ingestionTime, event, eventJSON}, name)
}

func isVariableName(s string) bool {
	return s != "" && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == ""
}

// eventVariables are the variables of a template for one event.
type eventVariables struct {
	paths    map[string]path
	envelope json.RawMessage
	meta     Meta
}

// get returns the value of a variable, or false if its path finds nothing.
func (v eventVariables) get(name string) (json.RawMessage, bool) {
	switch name {
	case ruleARN:
		return quote(v.meta.RuleARN), true
	case ruleName:
		return quote(v.meta.RuleName), true
	case ingestionTime:
		return quote(v.meta.IngestionTime.UTC().Format(time.RFC3339)), true
	case event:
		return withoutDetail(v.envelope), true
	case eventJSON:
		return v.envelope, true
	default:
		return v.paths[name].find(v.envelope)
	}
}

func quote(s string) json.RawMessage {
	b, err := json.Marshal(s)
	if err != nil { // which never happens: every string can be marshaled
		return json.RawMessage(`""`)
	}
	return b
}

// withoutDetail returns the value of <aws.events.event>, the envelope without its detail.
func withoutDetail(envelope json.RawMessage) json.RawMessage {
	out := []byte{'{'}
	for _, m := range members(envelope) {
		key := m.key
		switch key {
		case "detail":
			continue
		case "detail-type":
			key = "detailType"
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, quote(key)...), ':'), m.value...)
	}
	return append(out, '}')
}
