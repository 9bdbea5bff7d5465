package transform

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// path is a JSON path in EventBridge's subset: $, member names, indices and wildcards.
type path []segment

// segment selects a member of an object, an item of an array, or all members or items.
type segment struct {
	name  string
	index int
	kind  segmentKind
}

type segmentKind int

const (
	byName segmentKind = iota
	byIndex
	all
)

// String formats the path. A wildcard is always [*].
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

// parsePath parses the path in a field of the [Spec]. It is nil only with an error.
func parsePath(field, source string) (path, error) {
	invalid := func(format string, args ...any) (path, error) {
		return nil, &Error{Field: field, Reason: fmt.Sprintf("%q: ", source) + fmt.Sprintf(format, args...)}
	}
	if len(source) > maxPath {
		return nil, &Error{Field: field, Reason: fmt.Sprintf("longer than %d characters", maxPath)}
	}
	rest, ok := strings.CutPrefix(source, "$")
	if !ok {
		return invalid("a path must begin with $")
	}
	p := path{}
	for rest != "" {
		var s segment
		var err error
		switch rest[0] {
		case '.':
			s, rest, err = parseName(rest[1:])
		case '[':
			s, rest, err = parseIndex(rest[1:])
		default:
			return invalid("there must be a dot or [ before %q", rest)
		}
		if err != nil {
			return invalid("%v", err)
		}
		p = append(p, s)
	}
	return p, nil
}

func parseName(s string) (segment, string, error) {
	end := strings.IndexAny(s, ".[")
	if end < 0 {
		end = len(s)
	}
	name, rest := s[:end], s[end:]
	switch {
	case name == "":
		return segment{}, "", errors.New("a dot must be followed by a name or *")
	case name == "*":
		return segment{kind: all}, rest, nil
	case strings.ContainsAny(name, "*?@()]'\" "):
		return segment{}, "", fmt.Errorf("%q is not a name, and functions and filters are not supported", name)
	default:
		return segment{name: name}, rest, nil
	}
}

func parseIndex(s string) (segment, string, error) {
	inside, rest, ok := strings.Cut(s, "]")
	if !ok {
		return segment{}, "", errors.New("[ has no matching ]")
	}
	if inside == "*" {
		return segment{kind: all}, rest, nil
	}
	index, err := strconv.ParseUint(inside, 10, 31)
	if err != nil {
		return segment{}, "", fmt.Errorf("[] can contain only an index or *, not %q", inside)
	}
	return segment{index: int(index), kind: byIndex}, rest, nil
}

// find returns the value at the path, if there is one. With a wildcard it is always an array.
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
		if slices.ContainsFunc(p, func(s segment) bool { return s.kind == all }) { // the results of an inner wildcard go into the same list
			for _, inner := range items(v) {
				found = append(found, inner)
			}
			continue
		}
		found = append(found, v)
	}
	return json.RawMessage("[" + string(bytes.Join(found, []byte(","))) + "]")
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

// items returns the items of an array or the values of an object, in their order.
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

type objectMember struct {
	key   string
	value json.RawMessage
}

func members(value json.RawMessage) []objectMember {
	dec := json.NewDecoder(bytes.NewReader(value))
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return nil
	}
	var all []objectMember
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
		all = append(all, objectMember{key, v})
	}
	return all
}
