package pattern

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
)

const orOperator = "$or"

// maxAlternatives is EventBridge's limit on the combinations that the $or operators of a pattern
// multiply to.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
const maxAlternatives = 1000

// alternative is one way to match a pattern: all of these fields, by path, must match.
type alternative map[string]field

// field is the condition that a pattern puts on the values at one path.
type field struct {
	path     string
	matchers []matcher // one of them must accept one of the values
	absent   bool      // or there must be no value
}

// matcher reports whether a condition of a pattern accepts a value of an event.
type matcher func(v eventValue) bool

type compiler struct {
	orIsField bool // treat $or as the name of a field, as before it became an operator
}

// compile returns the alternatives of a pattern. A pattern that is invalid with $or as an operator
// is compiled again with $or as a field. If that fails too, the first error is returned.
func compile(root jsonValue) ([]alternative, error) {
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

func mentionsOr(n jsonValue) bool {
	return slices.Contains(n.keys, orOperator) || slices.ContainsFunc(n.members, mentionsOr)
}

// object adds the fields of an object to every alternative. at is the JSON path of the object, for
// errors, and path its dotted path in the event. They differ below a $or.
func (c compiler) object(n jsonValue, at, path string, alternatives []alternative, inOr bool) ([]alternative, error) {
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
			err = &Error{Path: at, Operator: orOperator, Reason: fmt.Sprintf("%q is an operator and cannot be the name of a field inside $or", key)}
		default:
			alternatives, err = c.field(n.members[i], at, join(path, key), alternatives, inOr)
		}
		if err != nil {
			return nil, err
		}
	}
	return alternatives, nil
}

func (c compiler) field(n jsonValue, at, path string, alternatives []alternative, inOr bool) ([]alternative, error) {
	switch n.kind {
	case objectKind:
		return c.object(n, at, path, alternatives, inOr)
	case arrayKind:
		f, err := compileField(n, at, path)
		if err != nil {
			return nil, err
		}
		for _, a := range alternatives {
			a[path] = f
		}
		return alternatives, nil
	default:
		return nil, &Error{Path: at, Reason: "must be an array of values or an object of fields, not " + n.kind.String()}
	}
}

// or combines each alternative with each one of the objects in a $or.
func (c compiler) or(n jsonValue, at, path string, before []alternative) ([]alternative, error) {
	if n.kind != arrayKind || len(n.members) < 2 {
		return nil, &Error{Path: at, Operator: orOperator, Reason: "must be an array of two or more objects"}
	}
	var all []alternative
	for i, member := range n.members {
		at := at + index(i)
		if member.kind != objectKind {
			return nil, &Error{Path: at, Operator: orOperator, Reason: "must be an object, not " + member.kind.String()}
		}
		extended := make([]alternative, len(before))
		for i, a := range before {
			extended[i] = maps.Clone(a)
		}
		some, err := c.object(member, at, path, extended, true)
		if err != nil {
			return nil, err
		}
		if all = append(all, some...); len(all) > maxAlternatives {
			return nil, &Error{Path: at, Operator: orOperator, Reason: fmt.Sprintf("the pattern has more than %d combinations", maxAlternatives)}
		}
	}
	return all, nil
}

func compileField(n jsonValue, at, path string) (field, error) {
	f := field{path: path}
	if len(n.members) == 0 {
		return f, &Error{Path: at, Reason: "an empty array matches nothing"}
	}
	for i, member := range n.members {
		at := at + index(i)
		switch member.kind {
		case objectKind:
			accept, err := compileOperator(member, at)
			if err != nil {
				return f, err
			}
			if accept == nil {
				f.absent = true
				continue
			}
			f.matchers = append(f.matchers, accept)
		case arrayKind:
			return f, &Error{Path: at, Reason: "must be a value or an operator, not an array"}
		default:
			f.matchers = append(f.matchers, equalValue(member))
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

// reservedInOr reports whether a name is reserved within $or for a present or future operator.
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
