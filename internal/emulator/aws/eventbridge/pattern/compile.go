package pattern

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
)

const orOperator = "$or"

// maxAlternatives bounds what several $or multiply to; EventBridge refuses more than 1,000 combinations.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
const maxAlternatives = 1000

// alternative is one way to match: every field in it, by path.
type alternative map[string]field

// compiler carries what holds for a whole pattern.
type compiler struct {
	orIsField bool // $or is the name of a field, as it was before it became an operator
}

// compile returns the ways in which the pattern can match. A pattern whose $or makes no sense as an operator is tried
// again with $or as a field; the error is that of the first reading, which is the one people mean today.
func compile(root node) ([]alternative, error) {
	alternatives, err := compiler{}.object(root, "$", "", []alternative{{}}, false)
	if err == nil || !mentionsOr(root) {
		return alternatives, err
	}
	alternatives, fieldErr := compiler{orIsField: true}.object(root, "$", "", []alternative{{}}, false)
	if fieldErr != nil {
		return nil, err
	}
	return alternatives, nil
}

func mentionsOr(n node) bool {
	return slices.Contains(n.keys, orOperator) || slices.ContainsFunc(n.members, mentionsOr)
}

// object adds to every alternative what the object asks for. at is the JSON path for errors, path the dotted path of the
// field, which differ where $or stands between.
func (c compiler) object(n node, at, path string, alternatives []alternative, inOr bool) ([]alternative, error) {
	if len(n.keys) == 0 {
		return nil, &Error{Path: at, Reason: "an empty object matches nothing"}
	}
	for i, key := range n.keys {
		var err error
		at := at + "." + key
		switch {
		case key == orOperator && !c.orIsField:
			alternatives, err = c.or(n.members[i], at, path, alternatives)
		case inOr && reservedInOr(key):
			err = &Error{Path: at, Operator: orOperator, Reason: fmt.Sprintf("%q is an operator and cannot be a field here", key)}
		default:
			alternatives, err = c.field(n.members[i], at, join(path, key), alternatives, inOr)
		}
		if err != nil {
			return nil, err
		}
	}
	return alternatives, nil
}

func (c compiler) field(n node, at, path string, alternatives []alternative, inOr bool) ([]alternative, error) {
	switch n.kind {
	case object:
		return c.object(n, at, path, alternatives, inOr)
	case array:
		f, err := leaf(n, at, path)
		if err != nil {
			return nil, err
		}
		for _, a := range alternatives {
			a[path] = f
		}
		return alternatives, nil
	default:
		return nil, &Error{Path: at, Reason: "an array of values or an object of fields is wanted, not " + n.kind.String()}
	}
}

// or multiplies the alternatives by the objects of a $or.
func (c compiler) or(n node, at, path string, before []alternative) ([]alternative, error) {
	if n.kind != array || len(n.members) < 2 {
		return nil, &Error{Path: at, Operator: orOperator, Reason: "an array of two or more objects is wanted"}
	}
	var all []alternative
	for i, member := range n.members {
		at := at + index(i)
		if member.kind != object {
			return nil, &Error{Path: at, Operator: orOperator, Reason: "an object is wanted, not " + member.kind.String()}
		}
		some, err := c.object(member, at, path, cloneAll(before), true)
		if err != nil {
			return nil, err
		}
		if all = append(all, some...); len(all) > maxAlternatives {
			return nil, &Error{Path: at, Operator: orOperator, Reason: fmt.Sprintf("more than %d combinations", maxAlternatives)}
		}
	}
	return all, nil
}

func cloneAll(alternatives []alternative) []alternative {
	clones := make([]alternative, len(alternatives))
	for i, a := range alternatives {
		clones[i] = maps.Clone(a)
	}
	return clones
}

// leaf compiles the array of values that a field may have.
func leaf(n node, at, path string) (field, error) {
	f := field{path: path}
	if len(n.members) == 0 {
		return f, &Error{Path: at, Reason: "an empty array matches nothing"}
	}
	for i, member := range n.members {
		at := at + index(i)
		switch member.kind {
		case object:
			accept, err := expression(member, at)
			if err != nil {
				return f, err
			}
			if accept == nil {
				f.absent = true
				continue
			}
			f.tests = append(f.tests, accept)
		case array:
			return f, &Error{Path: at, Reason: "a value or an operator is wanted, not an array"}
		default:
			f.tests = append(f.tests, equal(member))
		}
	}
	return f, nil
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func index(i int) string { return "[" + strconv.Itoa(i) + "]" }

// reservedInOr reports whether a name inside $or is an operator's: event-ruler's own, and those it keeps for later.
func reservedInOr(name string) bool {
	switch name {
	case "exactly", "equals-ignore-case", "prefix", "suffix", "anything-but", "exists", "wildcard", "numeric", "cidr",
		"=", "<", "<=", ">", ">=",
		"regex", "not-wildcard", "not-equals-ignore-case",
		"date-after", "date-on-or-after", "date-before", "date-on-or-before", "in-date-range",
		"ip-address-in-range", "ip-address-not-in-range":
		return true
	}
	return false
}
