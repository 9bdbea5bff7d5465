package pattern

import (
	"fmt"
	"slices"
	"strings"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/spelling"
)

type operand struct {
	jsonValue
	at       string // JSON path
	operator string
}

func (o operand) errorf(format string, args ...any) error {
	return &Error{Path: o.at, Operator: o.operator, Reason: fmt.Sprintf(format, args...)}
}

// unknown reports an operator that does not exist, with the one that was probably meant, or all that
// could be.
func (o operand) unknown(advice string, operators ...string) error {
	if near := spelling.Nearest(o.operator, operators); near != "" {
		return o.errorf("unknown operator: did you mean %s?", near)
	}
	last := len(operators) - 1
	return o.errorf("unknown operator; %s%s or %s", advice, strings.Join(operators[:last], ", "), operators[last])
}

func (o operand) stringValue() (string, error) {
	if o.kind != stringKind {
		return "", o.errorf("must be a string, not %v", o.kind)
	}
	return o.text, nil
}

func (o operand) onStrings(compare func(want string) func(string) bool) (matcher, error) {
	want, err := o.stringValue()
	if err != nil {
		return nil, err
	}
	return onStrings(compare(want)), nil
}

// inner returns the only member of an object such as {"equals-ignore-case": "x"}.
func (o operand) inner() (operand, error) {
	if len(o.keys) != 1 {
		return operand{}, o.errorf("must have exactly one operator, not %d", len(o.keys))
	}
	return operand{jsonValue: o.members[0], at: o.at + "." + o.keys[0], operator: o.keys[0]}, nil
}

// compileOperator compiles an operator such as {"prefix": "x"}; nil means that the field must be
// absent.
func compileOperator(n jsonValue, at string) (matcher, error) {
	o, err := operand{jsonValue: n, at: at}.inner()
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
		return nil, o.unknown("use ", "prefix", "suffix", "equals-ignore-case", "wildcard", "anything-but", "numeric", "cidr", "exists")
	}
}

// equalValue accepts the value that a pattern gives without an operator.
func equalValue(n jsonValue) matcher {
	if n.kind == numberKind {
		return equalNumber(n.text)
	}
	if n.kind == stringKind {
		if want, ok := parseAddress(n.text); ok {
			return onStrings(func(s string) bool {
				address, ok := parseAddress(s)
				return ok && address == want
			})
		}
	}
	return func(v eventValue) bool { return v.kind == n.kind && v.text == n.text }
}

// exists compiles {"exists": true}. Nil means {"exists": false}, which no value matches.
func exists(o operand) (matcher, error) {
	switch {
	case o.kind == literalKind && o.text == "true":
		return func(eventValue) bool { return true }, nil
	case o.kind == literalKind && o.text == "false":
		return nil, nil
	default:
		return nil, o.errorf("must be true or false")
	}
}

func anythingBut(o operand) (matcher, error) {
	if o.kind != objectKind {
		return noneOf(o, excludedValue)
	}
	inner, err := o.inner()
	if err != nil {
		return nil, err
	}
	switch inner.operator {
	case "prefix", "suffix":
		return noneOf(inner, excludedAffix)
	case "equals-ignore-case":
		return noneOf(inner, equalsIgnoreCase)
	case "wildcard":
		return noneOf(inner, wildcard)
	default:
		return nil, inner.unknown("anything-but can contain only ", "prefix", "suffix", "equals-ignore-case", "wildcard")
	}
}

// noneOf compiles an operand, or a list of operands of one type, into a matcher for the values that
// none of them accepts.
func noneOf(o operand, compile func(operand) (matcher, error)) (matcher, error) {
	list := []operand{o}
	if o.kind == arrayKind {
		list = nil
		for i, member := range o.members {
			list = append(list, operand{jsonValue: member, at: o.at + index(i), operator: o.operator})
		}
	}
	if len(list) == 0 {
		return nil, o.errorf("an empty list excludes nothing")
	}
	var excluded []matcher
	for _, each := range list {
		excludes, err := compile(each)
		if err != nil {
			return nil, err
		}
		if each.kind != list[0].kind {
			return nil, each.errorf("a list cannot contain both strings and numbers")
		}
		excluded = append(excluded, excludes)
	}
	return func(v eventValue) bool {
		return !slices.ContainsFunc(excluded, func(excludes matcher) bool { return excludes(v) })
	}, nil
}

// excludedValue compiles a value of anything-but. Unlike elsewhere, a string is compared as text
// even if it is an IP address, and a number must be exact.
func excludedValue(o operand) (matcher, error) {
	switch o.kind {
	case stringKind:
		return exactly(o)
	case numberKind:
		if _, ok := parseNumber(o.text); !ok {
			return nil, o.errorf("%s cannot be compared, because a 64-bit float does not represent it exactly", o.text)
		}
		return equalNumber(o.text), nil
	default:
		return nil, o.errorf("must be a string, a number or a list of either, not %v", o.kind)
	}
}

func excludedAffix(o operand) (matcher, error) {
	if o.kind == stringKind && o.text == "" {
		return nil, o.errorf("an empty string would exclude every string")
	}
	return o.onStrings(func(want string) func(string) bool { return affixFunc(o.operator, want, false) })
}
