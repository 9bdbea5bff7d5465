// Package pattern compiles EventBridge event patterns and matches events against them.
//
// [Compile] turns the JSON of a pattern into a [Pattern], whose [Pattern.Match] reports whether an
// event matches. A pattern with an unsupported part is an [*Error], because a rule that silently
// matches nothing is worse than one that is refused.
//
// The operators are those of
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html: exact
// values, prefix, suffix, equals-ignore-case, wildcard, anything-but in all its forms, numeric,
// cidr, exists and $or. For anything that page does not specify, the package follows the engine
// that AWS published, https://github.com/aws/event-ruler:
//
//   - A field is identified by its dotted path, so the events {"a":{"b":1}} and {"a.b":1} have the
//     same field.
//   - Objects in an array match as a unit: all the fields that a pattern finds in one array must be
//     in the same element of it.
//   - A field whose value is an array has each of the array's values. A field whose value is an empty
//     array or an empty object does not exist.
//   - Numbers are equal if their values are: 300, 300.0 and 3.0e2. A number that a 64-bit float cannot
//     represent exactly is compared by its digits as they are written.
//   - A string that is an IP address equals every other notation of that address.
//   - If a key is repeated in a pattern only the last one counts; in an event all of them count.
//   - $or is an operator if it is an array of at least two objects that do not have an operator's name
//     as a field. Otherwise it is the name of a field.
//
// Where event-ruler's behaviour is not documented by AWS, this package follows the documentation. A
// cidr matches IP addresses only, whereas event-ruler also accepts a bare number whose digits fall
// in the block's hexadecimal range. Every alternative of $or counts, even if two of them share
// values for a field. The bounds of numeric are within the documented ±5.0e9 with six decimal
// digits, which event-ruler does not enforce.
package pattern

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ErrEvent means that an event is not a JSON object.
var ErrEvent = errors.New("pattern: event is not a JSON object")

// Error reports the part of a pattern that is invalid.
type Error struct {
	Path     string // JSON path of the fault, "$" for the pattern itself
	Operator string // operator at that path, empty if there is none
	Reason   string
}

func (e *Error) Error() string {
	if e.Operator == "" {
		return fmt.Sprintf("event pattern %s: %s", e.Path, e.Reason)
	}
	return fmt.Sprintf("event pattern %s: %s: %s", e.Path, e.Operator, e.Reason)
}

// Pattern is a compiled, immutable event pattern. The zero value matches nothing.
type Pattern struct {
	alternatives [][]field
	reachable    map[string]bool // the path of every field, and the paths of the objects around it
}

// Compile compiles an event pattern, a JSON object. Every error is an [*Error].
func Compile(pattern []byte) (*Pattern, error) {
	root, err := parseJSON(pattern)
	if err != nil {
		return nil, &Error{Path: "$", Reason: "not valid JSON: " + err.Error()}
	}
	if root.kind != objectKind {
		return nil, &Error{Path: "$", Reason: "must be an object, not " + root.kind.String()}
	}
	alternatives, err := compile(root)
	if err != nil {
		return nil, err
	}
	return newPattern(alternatives), nil
}

func newPattern(alternatives []alternative) *Pattern {
	p := &Pattern{reachable: map[string]bool{}}
	for _, a := range alternatives {
		// Fields are matched in the order of their paths, as in event-ruler. With exists:false
		// inside arrays the order decides which elements can still be chosen.
		fields := slices.SortedFunc(maps.Values(a), func(x, y field) int { return strings.Compare(x.path, y.path) })
		p.alternatives = append(p.alternatives, fields)
		for _, f := range fields {
			p.addReachable(f.path)
		}
	}
	return p
}

func (p *Pattern) addReachable(path string) {
	for i, c := range path {
		if c == '.' {
			p.reachable[path[:i]] = true
		}
	}
	p.reachable[path] = true
}

// Match reports whether an event matches. Its only error is [ErrEvent], wrapped.
func (p *Pattern) Match(event []byte) (bool, error) {
	root, err := parseJSON(event)
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrEvent, err)
	}
	if root.kind != objectKind {
		return false, ErrEvent
	}
	values := flatten(root, p.reachable)
	for _, fields := range p.alternatives {
		if values.satisfy(fields, nil) {
			return true, nil
		}
	}
	return false, nil
}
