package pattern

import "slices"

// value is a string, number or literal of an event.
type value struct {
	kind       kind
	text       string
	number     float64
	comparable bool       // number is the value exactly
	in         membership // elements of arrays that the value lies in
}

// membership says which element of which array is meant. Arrays are numbered in the order they are met.
type membership []element

type element struct{ array, index int }

// merge returns both memberships together, or false when they pick different elements of one array.
func (m membership) merge(other membership) (membership, bool) {
	merged := m
	for _, e := range other {
		i := slices.IndexFunc(m, func(x element) bool { return x.array == e.array })
		switch {
		case i < 0:
			merged = append(slices.Clip(merged), e)
		case m[i].index != e.index:
			return nil, false
		}
	}
	return merged, true
}

// event is the values of an event by dotted path.
type event map[string][]value

// satisfies reports whether the values meet all fields without taking two fields from different elements of one array.
func (e event) satisfies(fields []field, chosen membership) bool {
	if len(fields) == 0 {
		return true
	}
	f, rest := fields[0], fields[1:]
	if f.absent && e.lacks(f.path, chosen) && e.satisfies(rest, chosen) {
		return true
	}
	failed := false // the rest, with no element chosen beyond the present ones
	for _, v := range e[f.path] {
		merged, ok := chosen.merge(v.in)
		narrows := len(merged) > len(chosen)
		if !ok || failed && !narrows || !slices.ContainsFunc(f.tests, func(t test) bool { return t(v) }) {
			continue
		}
		if e.satisfies(rest, merged) {
			return true
		}
		failed = failed || !narrows
	}
	return false
}

// lacks reports whether no value stands at the path in the chosen elements.
func (e event) lacks(path string, chosen membership) bool {
	return !slices.ContainsFunc(e[path], func(v value) bool {
		_, ok := chosen.merge(v.in)
		return ok
	})
}

// flattener collects the values at the paths a pattern can reach.
type flattener struct {
	values event
	steps  map[string]bool
	arrays int
}

func flatten(root node, steps map[string]bool) event {
	f := flattener{values: event{}, steps: steps}
	f.add(root, "", nil)
	return f.values
}

func (f *flattener) add(n node, path string, in membership) {
	switch n.kind {
	case object:
		for i, key := range n.keys {
			if path := join(path, key); f.steps[path] {
				f.add(n.members[i], path, in)
			}
		}
	case array:
		f.addArray(n, path, in)
	default:
		v := value{kind: n.kind, text: n.text, in: in}
		if n.kind == number {
			v.number, v.comparable = parseNumber(n.text)
		}
		f.values[path] = append(f.values[path], v)
	}
}

// addArray binds objects and arrays to their element; plain values stay free, so that ["a","b"] can meet two fields.
func (f *flattener) addArray(n node, path string, in membership) {
	id := f.arrays
	f.arrays++
	for i, member := range n.members {
		inside := in
		if member.kind == object || member.kind == array {
			inside = append(slices.Clip(in), element{array: id, index: i})
		}
		f.add(member, path, inside)
	}
}
