package pattern

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ErrEvent is returned by [Pattern.Match] for bytes that are not one JSON object.
var ErrEvent = errors.New("pattern: event is not a JSON object")

// Error says which part of a pattern is refused, and why.
type Error struct {
	Path     string // JSON path of the fault, "$" for the pattern itself
	Operator string // operator at that place, empty when there is none
	Reason   string
}

func (e *Error) Error() string {
	if e.Operator == "" {
		return fmt.Sprintf("event pattern %s: %s", e.Path, e.Reason)
	}
	return fmt.Sprintf("event pattern %s: %s: %s", e.Path, e.Operator, e.Reason)
}

// Pattern is a compiled event pattern. It is immutable and safe for concurrent use; the zero value matches nothing.
type Pattern struct {
	alternatives [][]field
	steps        map[string]bool // every path the pattern names, and every path on the way there
}

// field is what a pattern asks of the values at one path.
type field struct {
	path   string
	tests  []test // one of them must accept one of the values
	absent bool   // or no value may be there at all
}

// test reports whether a pattern accepts one value of an event.
type test func(v value) bool

// Compile reads an event pattern. Every error is an [*Error].
func Compile(pattern []byte) (*Pattern, error) {
	root, err := parse(pattern)
	if err != nil {
		return nil, &Error{Path: "$", Reason: err.Error()}
	}
	if root.kind != object {
		return nil, &Error{Path: "$", Reason: "an object is wanted, not " + root.kind.String()}
	}
	alternatives, err := compile(root)
	if err != nil {
		return nil, err
	}
	return newPattern(alternatives), nil
}

func newPattern(alternatives []alternative) *Pattern {
	p := &Pattern{steps: map[string]bool{}}
	for _, a := range alternatives {
		// Fields are tried in the order of their paths, as event-ruler does: with exists:false inside arrays the order
		// decides which elements are still in play.
		fields := slices.SortedFunc(maps.Values(a), func(x, y field) int { return strings.Compare(x.path, y.path) })
		p.alternatives = append(p.alternatives, fields)
		for _, f := range fields {
			p.addSteps(f.path)
		}
	}
	return p
}

func (p *Pattern) addSteps(path string) {
	for i, c := range path {
		if c == '.' {
			p.steps[path[:i]] = true
		}
	}
	p.steps[path] = true
}

// Match reports whether the event, one JSON object, matches the pattern. Its only error is [ErrEvent], wrapped.
func (p *Pattern) Match(event []byte) (bool, error) {
	root, err := parse(event)
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrEvent, err)
	}
	if root.kind != object {
		return false, ErrEvent
	}
	e := flatten(root, p.steps)
	for _, fields := range p.alternatives {
		if e.satisfies(fields, nil) {
			return true, nil
		}
	}
	return false, nil
}
