package pattern

import (
	"fmt"
	"strings"
)

// operand is what follows an operator's name, with the place it stands at.
type operand struct {
	node
	at       string
	operator string
}

func (o operand) errorf(format string, args ...any) error {
	return &Error{Path: o.at, Operator: o.operator, Reason: fmt.Sprintf(format, args...)}
}

func (o operand) string() (string, error) {
	if o.kind != text {
		return "", o.errorf("a string is wanted, not %v", o.kind)
	}
	return o.text, nil
}

// inner returns the only member of an object such as {"equals-ignore-case": "x"}.
func (o operand) inner() (operand, error) {
	if len(o.keys) != 1 {
		return operand{}, o.errorf("one operator is wanted, not %d", len(o.keys))
	}
	return operand{node: o.members[0], at: o.at + "." + o.keys[0], operator: o.keys[0]}, nil
}

// expression compiles an object such as {"prefix": "x"}. A nil test with a nil error means that no value may be there.
func expression(n node, at string) (test, error) {
	o, err := operand{node: n, at: at}.inner()
	if err != nil {
		return nil, err
	}
	switch o.operator {
	case "exactly":
		return exactly(o)
	case "prefix", "suffix":
		return affix(o)
	case "equals-ignore-case":
		return equalsIgnoreCase(o)
	case "wildcard":
		return wildcard(o)
	case "anything-but":
		return anythingBut(o)
	case "numeric":
		return numeric(o)
	case "cidr":
		return cidr(o)
	case "exists":
		return exists(o)
	default:
		return nil, o.errorf("unknown operator")
	}
}

// equal accepts the value a pattern spells out.
func equal(n node) test {
	if n.kind == number {
		return equalNumber(n.text)
	}
	if n.kind == text {
		if addr, ok := parseAddr(n.text); ok {
			return equalAddr(addr)
		}
	}
	return func(v value) bool { return v.kind == n.kind && v.text == n.text }
}

// onStrings accepts the strings that accept does, and no other value.
func onStrings(accept func(s string) bool) test {
	return func(v value) bool { return v.kind == text && accept(v.text) }
}

func exactly(o operand) (test, error) {
	want, err := o.string()
	if err != nil {
		return nil, err
	}
	return onStrings(func(s string) bool { return s == want }), nil
}

func equalsIgnoreCase(o operand) (test, error) {
	want, err := o.string()
	if err != nil {
		return nil, err
	}
	return onStrings(fold(want).equals), nil
}

// affix compiles prefix and suffix, plain or as {"prefix": {"equals-ignore-case": "x"}}.
func affix(o operand) (test, error) {
	ignoreCase := o.kind == object
	argument := o
	if ignoreCase {
		var err error
		if argument, err = o.inner(); err != nil {
			return nil, err
		}
		if argument.operator != "equals-ignore-case" {
			return nil, argument.errorf("unknown operator inside %s", o.operator)
		}
	}
	want, err := argument.string()
	if err != nil {
		return nil, err
	}
	return onStrings(affixFunc(o.operator, want, ignoreCase)), nil
}

func affixFunc(operator, want string, ignoreCase bool) func(string) bool {
	switch {
	case operator == "prefix" && ignoreCase:
		return fold(want).isPrefix
	case operator == "prefix":
		return func(s string) bool { return strings.HasPrefix(s, want) }
	case ignoreCase:
		return fold(want).isSuffix
	default:
		return func(s string) bool { return strings.HasSuffix(s, want) }
	}
}

// exists compiles {"exists": true}; the nil test stands for {"exists": false}, which no value can pass.
func exists(o operand) (test, error) {
	switch {
	case o.kind == literal && o.text == "true":
		return func(value) bool { return true }, nil
	case o.kind == literal && o.text == "false":
		return nil, nil
	default:
		return nil, o.errorf("true or false is wanted")
	}
}
