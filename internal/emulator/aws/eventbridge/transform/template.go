package transform

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"
)

// template is an InputTemplate in pieces.
type template struct {
	parts      []part
	structured bool // an object or an array, not a string
}

// part is literal text or, if variable is set, the place of a variable.
type part struct {
	literal  string
	variable string
	quoted   bool // inside a JSON string of the template
}

// placeholder is <name>. Other text between angle brackets is just text.
var placeholder = regexp.MustCompile(`<([A-Za-z0-9_.-]+)>`)

func isName(s string) bool {
	return s != "" && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == ""
}

func parseTemplate(source string, variables map[string]path) (*template, error) {
	if n := utf8.RuneCountInString(source); n == 0 || n > maxInput {
		return nil, &Error{Field: "InputTemplate", Reason: fmt.Sprintf("it has %d characters; 1 to %d are wanted", n, maxInput)}
	}
	trimmed := strings.TrimSpace(source)
	t := &template{structured: strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[")}
	quoted, end := false, 0
	for _, at := range placeholder.FindAllStringSubmatchIndex(source, -1) {
		literal, name := source[end:at[0]], source[at[2]:at[3]]
		end = at[1]
		if _, ok := variables[name]; !ok && !reserved(name) {
			return nil, &Error{Field: "InputTemplate", Reason: fmt.Sprintf("the placeholder <%s> has no path in InputPathsMap", name)}
		}
		quoted = quotedAfter(literal, quoted)
		t.parts = append(t.parts, part{literal: literal}, part{variable: name, quoted: quoted})
	}
	t.parts = append(t.parts, part{literal: source[end:]})
	return t, t.check()
}

// quotedAfter reports whether a JSON string is open at the end of the text, given whether one was at its start.
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

// mark stands for a variable inside a string while the template is checked. It is a private-use character.
const mark = "\uf8ff"

// check refuses a template that cannot become JSON whatever its variables are.
func (t *template) check() error {
	var b strings.Builder
	for _, p := range t.parts {
		switch {
		case p.variable == "":
			b.WriteString(p.literal)
		case p.quoted:
			b.WriteString(mark)
		default:
			b.WriteString("null")
		}
	}
	dec := json.NewDecoder(strings.NewReader(b.String()))
	for first := true; ; first = false {
		var v any
		err := dec.Decode(&v)
		if errors.Is(err, io.EOF) && !first { // several strings, one after the other, are fine
			return nil
		}
		if err != nil {
			return &Error{Field: "InputTemplate", Reason: "not valid JSON: " + err.Error()}
		}
		if markedKey(v) {
			return &Error{Field: "InputTemplate", Reason: "a placeholder cannot be the key of an object"}
		}
	}
}

func markedKey(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for key, member := range v {
			if strings.Contains(key, mark) || markedKey(member) {
				return true
			}
		}
	case []any:
		for _, item := range v {
			if markedKey(item) {
				return true
			}
		}
	}
	return false
}

// fill puts the variables' values in their places.
func (t *template) fill(values values) ([]byte, error) {
	var b bytes.Buffer
	for _, p := range t.parts {
		b.WriteString(p.literal)
		if p.variable == "" {
			continue
		}
		value, found := values.get(p.variable)
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

// inString returns a value as it stands inside quotes. Nothing is escaped.
func (t *template) inString(value json.RawMessage) string {
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
