package pattern

import "slices"

// eventValue is a string, number or literal of an event.
type eventValue struct {
	kind       jsonKind
	text       string
	number     float64
	comparable bool       // number is the exact value
	in         membership // the array elements that contain the value
}

// membership is a choice of elements, at most one for each array of an event.
type membership []element

// element is an element of an array. Arrays are numbered in the order in which flatten finds them.
type element struct{ array, index int }

// merge returns the union, or false if it has different elements of one array.
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

type eventValues map[string][]eventValue

// satisfy reports whether all fields match, and in one element of each array.
func (e eventValues) satisfy(fields []field, chosen membership) bool {
	if len(fields) == 0 {
		return true
	}
	f, rest := fields[0], fields[1:]
	if f.absent && e.lacks(f.path, chosen) && e.satisfy(rest, chosen) {
		return true
	}
	failed := false // whether the rest failed to match in the elements chosen so far, with none added
	for _, v := range e[f.path] {
		merged, ok := chosen.merge(v.in)
		narrows := len(merged) > len(chosen)
		if !ok || failed && !narrows || !slices.ContainsFunc(f.matchers, func(accepts matcher) bool { return accepts(v) }) {
			continue
		}
		if e.satisfy(rest, merged) {
			return true
		}
		failed = failed || !narrows
	}
	return false
}

// lacks reports whether the chosen elements have no value at the path.
func (e eventValues) lacks(path string, chosen membership) bool {
	return !slices.ContainsFunc(e[path], func(v eventValue) bool {
		_, ok := chosen.merge(v.in)
		return ok
	})
}

type flattener struct {
	values    eventValues
	reachable map[string]bool
	arrays    int
}

func flatten(root jsonValue, reachable map[string]bool) eventValues {
	f := flattener{values: eventValues{}, reachable: reachable}
	f.add(root, "", nil)
	return f.values
}

func (f *flattener) add(n jsonValue, path string, in membership) {
	switch n.kind {
	case objectKind:
		for i, key := range n.keys {
			if path := join(path, key); f.reachable[path] {
				f.add(n.members[i], path, in)
			}
		}
	case arrayKind:
		f.addArray(n, path, in)
	default:
		v := eventValue{kind: n.kind, text: n.text, in: in}
		if n.kind == numberKind {
			v.number, v.comparable = parseNumber(n.text)
		}
		f.values[path] = append(f.values[path], v)
	}
}

// addArray assigns objects and arrays to their element. Plain values are not assigned to theirs, so
// that one value of ["a","b"] can match one field and the other another.
func (f *flattener) addArray(n jsonValue, path string, in membership) {
	id := f.arrays
	f.arrays++
	for i, member := range n.members {
		inside := in
		if member.kind == objectKind || member.kind == arrayKind {
			inside = append(slices.Clip(in), element{array: id, index: i})
		}
		f.add(member, path, inside)
	}
}
