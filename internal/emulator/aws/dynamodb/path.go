package dynamodb

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// path leads to an attribute or to a place inside a document.
type path []step

// step is the name of an attribute or a map's key, or else a list's index.
type step struct {
	name  string
	index int // negative for a name
}

// String returns the path as DynamoDB prints it in messages.
func (p path) String() string {
	parts := make([]string, len(p))
	for i, s := range p {
		parts[i] = s.name
		if s.index >= 0 {
			parts[i] = "[" + strconv.Itoa(s.index) + "]"
		}
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// overlaps reports whether one path leads into the other.
func (p path) overlaps(q path) bool {
	n := min(len(p), len(q))
	return slices.Equal(p[:n], q[:n])
}

// find returns what p leads to in v.
func (v Value) find(p path) (Value, bool) {
	for _, s := range p {
		child, ok := v.child(s)
		if !ok {
			return Value{}, false
		}
		v = child
	}
	return v, true
}

func (v Value) child(s step) (Value, bool) {
	if s.index < 0 {
		child, ok := v.fields[s.name]
		return child, ok
	}
	if s.index < len(v.list) {
		return v.list[s.index], true
	}
	return Value{}, false
}

// put returns v with what p leads to replaced; everything else is shared with v. A list grows by one at an index beyond its end.
func (v Value) put(p path, to Value) (Value, error) {
	if len(p) == 0 {
		return to, nil
	}
	child, exists := v.child(p[0])
	if !v.holds(p[0]) || !exists && len(p) > 1 {
		return Value{}, invalid("The document path provided in the update expression is invalid for update")
	}
	child, err := child.put(p[1:], to)
	if err != nil {
		return Value{}, err
	}
	switch {
	case p[0].index < 0:
		v.fields = cloned(v.fields)
		v.fields[p[0].name] = child
	case exists:
		v.list = slices.Clone(v.list)
		v.list[p[0].index] = child
	default:
		v.list = append(slices.Clone(v.list), child)
	}
	return v, nil
}

// remove returns v without what p leads to; it is no error if there is nothing, as long as its parent is there.
func (v Value) remove(p path) (Value, error) {
	child, exists := v.child(p[0])
	if !v.holds(p[0]) || !exists && len(p) > 1 {
		return Value{}, invalid("The document path provided in the update expression is invalid for update")
	}
	if !exists {
		return v, nil
	}
	if len(p) > 1 {
		child, err := child.remove(p[1:])
		if err != nil {
			return Value{}, err
		}
		return v.put(p[:1], child)
	}
	if p[0].index < 0 {
		v.fields = cloned(v.fields)
		delete(v.fields, p[0].name)
		return v, nil
	}
	v.list = slices.Delete(slices.Clone(v.list), p[0].index, p[0].index+1)
	return v, nil
}

// holds reports whether v is of the type that s leads into.
func (v Value) holds(s step) bool {
	return s.index < 0 && v.kind == Map || s.index >= 0 && v.kind == List
}

func cloned(fields map[string]Value) map[string]Value {
	if fields == nil {
		return map[string]Value{}
	}
	return maps.Clone(fields)
}

// project returns the part of v that paths lead to. Elements of a list keep their order and close ranks.
func (v Value) project(paths []path) (Value, bool) {
	for _, p := range paths {
		if len(p) == 0 {
			return v, true
		}
	}
	out := Value{kind: v.kind}
	for _, first := range firstSteps(paths) {
		child, ok := v.child(first)
		if ok {
			child, ok = child.project(after(first, paths))
		}
		switch {
		case !ok:
		case first.index < 0:
			out.fields = cloned(out.fields)
			out.fields[first.name] = child
		default:
			out.list = append(out.list, child)
		}
	}
	return out, len(out.fields)+len(out.list) > 0
}

// firstSteps returns each step that a path begins with, once and in order.
func firstSteps(paths []path) []step {
	var steps []step
	for _, p := range paths {
		steps = append(steps, p[0])
	}
	slices.SortFunc(steps, func(a, b step) int {
		return cmp.Or(cmp.Compare(a.index, b.index), cmp.Compare(a.name, b.name))
	})
	return slices.Compact(steps)
}

// after returns what is left of the paths that begin with first.
func after(first step, paths []path) []path {
	var rest []path
	for _, p := range paths {
		if p[0] == first {
			rest = append(rest, p[1:])
		}
	}
	return rest
}
