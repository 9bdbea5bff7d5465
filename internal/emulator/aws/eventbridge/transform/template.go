package transform

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
)

type inputTemplate struct {
	parts      []part
	structured bool // whether it is an object or an array
}

// part is literal text or, if variable is not empty, a variable.
type part struct {
	literal  string
	variable string
	quoted   bool // whether the variable is inside a JSON string
}

// variableReference is <name>. Any other text in angle brackets is literal.
var variableReference = regexp.MustCompile(`<([A-Za-z0-9_.-]+)>`)

// parseTemplate parses a template whose variables are reserved or keys of variables.
func parseTemplate(source string, variables map[string]path) (*inputTemplate, error) {
	if n := utf8.RuneCountInString(source); n == 0 || n > maxInput {
		return nil, templateError("must have 1 to %d characters, not %d", maxInput, n)
	}
	trimmed := strings.TrimSpace(source)
	t := &inputTemplate{structured: strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[")}
	quoted, end := false, 0
	for _, at := range variableReference.FindAllStringSubmatchIndex(source, -1) {
		literal, name := source[end:at[0]], source[at[2]:at[3]]
		end = at[1]
		if _, ok := variables[name]; !ok && reserved[name] == nil {
			return nil, templateError("the variable <%s> is not in InputPathsMap", name)
		}
		quoted = quotedAfter(literal, quoted)
		t.parts = append(t.parts, part{literal: literal}, part{variable: name, quoted: quoted})
	}
	t.parts = append(t.parts, part{literal: source[end:]})
	return t, t.check()
}

// quotedAfter reports whether the end of a text is inside a JSON string; quoted is whether its
// start is.
func quotedAfter(text string, quoted bool) bool {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '"':
			quoted = !quoted
		case text[i] == '\\' && quoted:
			i++
		}
	}
	return quoted
}

// standIn, a private-use character, replaces quoted variables while a template is checked.
const standIn = "\uf8ff"

// check returns an error if the template cannot become valid JSON with any values of its variables.
func (t *inputTemplate) check() error {
	var b strings.Builder
	for _, p := range t.parts {
		switch {
		case p.variable == "":
			b.WriteString(p.literal)
		case p.quoted:
			b.WriteString(standIn)
		default:
			b.WriteString("null")
		}
	}
	dec := json.NewDecoder(strings.NewReader(b.String()))
	for first := true; ; first = false {
		var v any
		err := dec.Decode(&v)
		if errors.Is(err, io.EOF) && !first { // a template can consist of several strings
			return nil
		}
		if err != nil {
			return templateError("not valid JSON: %v", err)
		}
		if hasVariableKey(v) {
			return templateError("a variable cannot be part of the key of an object")
		}
	}
}

func templateError(format string, args ...any) error {
	return &Error{Field: "InputTemplate", Reason: fmt.Sprintf(format, args...)}
}

func hasVariableKey(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for key, member := range v {
			if strings.Contains(key, standIn) || hasVariableKey(member) {
				return true
			}
		}
	case []any:
		for _, item := range v {
			if hasVariableKey(item) {
				return true
			}
		}
	}
	return false
}

func (t *inputTemplate) fill(variables eventVariables) ([]byte, error) {
	var b bytes.Buffer
	for _, p := range t.parts {
		b.WriteString(p.literal)
		if p.variable == "" {
			continue
		}
		value, found := variables.get(p.variable)
		switch {
		case !p.quoted && found:
			b.Write(compact(value))
		case !p.quoted:
			b.WriteString(`""`)
		case found:
			b.WriteString(t.inString(value))
		}
	}
	if !t.structured {
		return b.Bytes(), nil
	}
	var out bytes.Buffer
	if err := json.Compact(&out, b.Bytes()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOutput, err)
	}
	return out.Bytes(), nil
}

// inString returns a value as it is inserted inside quotes. Nothing is escaped.
func (t *inputTemplate) inString(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil && bytes.HasPrefix(bytes.TrimSpace(value), []byte(`"`)) {
		return text
	}
	raw := string(compact(value))
	if t.structured {
		return raw
	}
	return strings.ReplaceAll(raw, `"`, "")
}

// reserved are the reserved variables.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
var reserved = map[string]func(v eventVariables) json.RawMessage{
	"aws.events.rule-arn":  func(v eventVariables) json.RawMessage { return awsjson.Marshal(v.meta.RuleARN) },
	"aws.events.rule-name": func(v eventVariables) json.RawMessage { return awsjson.Marshal(v.meta.RuleName) },
	"aws.events.event.ingestion-time": func(v eventVariables) json.RawMessage {
		return awsjson.Marshal(v.meta.IngestionTime.UTC().Format(time.RFC3339))
	},
	"aws.events.event":      func(v eventVariables) json.RawMessage { return withoutDetail(v.envelope) },
	"aws.events.event.json": func(v eventVariables) json.RawMessage { return v.envelope },
}

var variableName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

type eventVariables struct {
	paths    map[string]path
	envelope json.RawMessage
	meta     Meta
}

// get returns the value of a variable, or false if its path finds nothing.
func (v eventVariables) get(name string) (json.RawMessage, bool) {
	if value := reserved[name]; value != nil {
		return value(v), true
	}
	return v.paths[name].find(v.envelope)
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
		out = append(append(append(out, awsjson.Marshal(key)...), ':'), m.value...)
	}
	return append(out, '}')
}
