package dynamodb

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// path identifies an attribute or a place inside a document.
type path []segment

// segment is the name of an attribute, the key of a map, or the index of a list.
type segment struct {
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

func (v Value) child(s segment) (Value, bool) {
	if s.index < 0 {
		child, ok := v.fields[s.name]
		return child, ok
	}
	if s.index < len(v.list) {
		return v.list[s.index], true
	}
	return Value{}, false
}

// put returns a copy of v with the value at p replaced. An index beyond a list's end appends.
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

// remove returns a copy of v without the value at p, whose last segment need not exist.
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

// holds reports whether v is of a type to which s can be applied.
func (v Value) holds(s segment) bool {
	return s.index < 0 && v.kind == Map || s.index >= 0 && v.kind == List
}

func cloned(fields map[string]Value) map[string]Value {
	if fields == nil {
		return map[string]Value{}
	}
	return maps.Clone(fields)
}

// project returns the parts of v at the paths, if there are any. The elements of a list keep their
// order.
func (v Value) project(paths []path) (Value, bool) {
	rest := map[segment][]path{} // by the segment that paths begin with
	for _, p := range paths {
		if len(p) == 0 {
			return v, true
		}
		rest[p[0]] = append(rest[p[0]], p[1:])
	}
	out := Value{kind: v.kind}
	for _, first := range slices.SortedFunc(maps.Keys(rest), segment.compare) {
		child, ok := v.child(first)
		if ok {
			child, ok = child.project(rest[first])
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

func (s segment) compare(t segment) int {
	return cmp.Or(cmp.Compare(s.index, t.index), cmp.Compare(s.name, t.name))
}
