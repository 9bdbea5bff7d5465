package transform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// path is a JSON path in the subset EventBridge has: $ for all of it, then dots with names, indices and wildcards.
type path []step

// step goes to one member of an object, one item of an array, or all of either.
type step struct {
	name  string
	index int
	kind  stepKind
}

type stepKind int

const (
	byName stepKind = iota
	byIndex
	all
)

// String returns the path as it is written.
func (p path) String() string {
	var b strings.Builder
	b.WriteString("$")
	for _, s := range p {
		switch s.kind {
		case byName:
			b.WriteString("." + s.name)
		case byIndex:
			fmt.Fprintf(&b, "[%d]", s.index)
		default:
			b.WriteString("[*]")
		}
	}
	return b.String()
}

// parsePath never returns a nil path without an error, so that nil means that there is none.
func parsePath(field, source string) (path, error) {
	refuse := func(format string, args ...any) (path, error) {
		return nil, &Error{Field: field, Reason: fmt.Sprintf("%q: ", source) + fmt.Sprintf(format, args...)}
	}
	if len(source) > maxPath {
		return nil, &Error{Field: field, Reason: fmt.Sprintf("more than %d characters", maxPath)}
	}
	rest, ok := strings.CutPrefix(source, "$")
	if !ok {
		return refuse("a path begins with $")
	}
	p := path{}
	for rest != "" {
		var s step
		var err error
		switch rest[0] {
		case '.':
			s, rest, err = parseName(rest[1:])
		case '[':
			s, rest, err = parseIndex(rest[1:])
		default:
			return refuse("a dot or [ is wanted before %q", rest)
		}
		if err != nil {
			return refuse("%v", err)
		}
		p = append(p, s)
	}
	return p, nil
}

func parseName(s string) (step, string, error) {
	end := strings.IndexAny(s, ".[")
	if end < 0 {
		end = len(s)
	}
	name, rest := s[:end], s[end:]
	switch {
	case name == "":
		return step{}, "", fmt.Errorf("a name is wanted after the dot")
	case name == "*":
		return step{kind: all}, rest, nil
	case strings.ContainsAny(name, "*?@()]'\" "):
		return step{}, "", fmt.Errorf("%q is not a name", name)
	default:
		return step{name: name}, rest, nil
	}
}

func parseIndex(s string) (step, string, error) {
	inside, rest, ok := strings.Cut(s, "]")
	if !ok {
		return step{}, "", fmt.Errorf("there is a [ without ]")
	}
	if inside == "*" {
		return step{kind: all}, rest, nil
	}
	index, err := strconv.ParseUint(inside, 10, 31)
	if err != nil {
		return step{}, "", fmt.Errorf("only an index or * can stand in [], not %q", inside)
	}
	return step{index: int(index), kind: byIndex}, rest, nil
}

// find returns the value at the path. A path with a wildcard always finds something, an array of what there is.
func (p path) find(value json.RawMessage) (json.RawMessage, bool) {
	for i, s := range p {
		switch s.kind {
		case byName:
			value = member(value, s.name)
		case byIndex:
			value = item(value, s.index)
		default:
			return p[i+1:].findAll(items(value)), true
		}
		if value == nil {
			return nil, false
		}
	}
	return value, true
}

func (p path) findAll(values []json.RawMessage) json.RawMessage {
	var found [][]byte
	for _, value := range values {
		v, ok := p.find(value)
		if !ok {
			continue
		}
		if p.hasWildcard() { // what an inner wildcard finds belongs in the same list
			for _, inner := range items(v) {
				found = append(found, inner)
			}
			continue
		}
		found = append(found, v)
	}
	return json.RawMessage("[" + string(bytes.Join(found, []byte(","))) + "]")
}

func (p path) hasWildcard() bool {
	for _, s := range p {
		if s.kind == all {
			return true
		}
	}
	return false
}

func member(value json.RawMessage, name string) json.RawMessage {
	var object map[string]json.RawMessage
	if json.Unmarshal(value, &object) != nil {
		return nil
	}
	return object[name]
}

func item(value json.RawMessage, index int) json.RawMessage {
	var list []json.RawMessage
	if json.Unmarshal(value, &list) != nil || index >= len(list) {
		return nil
	}
	return list[index]
}

// items returns the items of an array or, in their order, the values of an object.
func items(value json.RawMessage) []json.RawMessage {
	var list []json.RawMessage
	if json.Unmarshal(value, &list) == nil {
		return list
	}
	for _, m := range members(value) {
		list = append(list, m.value)
	}
	return list
}

type keyed struct {
	key   string
	value json.RawMessage
}

// members returns an object's members in their order.
func members(value json.RawMessage) []keyed {
	dec := json.NewDecoder(bytes.NewReader(value))
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return nil
	}
	var all []keyed
	for dec.More() {
		token, err := dec.Token()
		key, ok := token.(string)
		if err != nil || !ok {
			return nil
		}
		var v json.RawMessage
		if dec.Decode(&v) != nil {
			return nil
		}
		all = append(all, keyed{key, v})
	}
	return all
}
