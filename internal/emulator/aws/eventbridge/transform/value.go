package transform

import (
	"encoding/json"
	"slices"
	"time"
)

// Names of the reserved variables.
const (
	ruleARN       = "aws.events.rule-arn"
	ruleName      = "aws.events.rule-name"
	ingestionTime = "aws.events.event.ingestion-time"
	event         = "aws.events.event"
	eventJSON     = "aws.events.event.json"
)

func reserved(name string) bool {
	return slices.Contains([]string{ruleARN, ruleName, ingestionTime, event, eventJSON}, name)
}

// values looks variables up in one event.
type values struct {
	variables map[string]path
	envelope  json.RawMessage
	meta      Meta
}

func (t *Transform) values(envelope []byte, meta Meta) values {
	return values{variables: t.variables, envelope: envelope, meta: meta}
}

// get returns a variable's value, or false when its path finds nothing.
func (v values) get(name string) (json.RawMessage, bool) {
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
		return v.variables[name].find(v.envelope)
	}
}

func quote(s string) json.RawMessage {
	b, err := json.Marshal(s)
	if err != nil { // no string fails to marshal
		return json.RawMessage(`""`)
	}
	return b
}

// withoutDetail returns the envelope as <aws.events.event> shows it.
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
