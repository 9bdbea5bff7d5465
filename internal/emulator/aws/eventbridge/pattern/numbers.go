package pattern

import (
	"math"
	"strconv"
	"strings"
)

// The largest absolute value of a bound of the numeric operator, and the most digits it can have
// after the decimal point.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
const (
	maxBound      = 5e9
	maxBoundScale = 6
)

// parseNumber returns the value of a JSON number, and whether a 64-bit float holds it exactly.
func parseNumber(s string) (float64, bool) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, false
	}
	written, ok := parseDecimal(s)
	if !ok {
		return 0, false
	}
	held, _ := parseDecimal(strconv.FormatFloat(f, 'e', -1, 64))
	return f, written == held
}

// decimal is 0.digits × 10^exponent, without leading or trailing zeros. Its zero value is 0.
type decimal struct {
	negative bool
	digits   string
	exponent int
}

func parseDecimal(s string) (decimal, bool) {
	var d decimal
	s, d.negative = strings.CutPrefix(s, "-")
	mantissa, exponent := s, ""
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa, exponent = s[:i], s[i+1:]
	}
	if exponent != "" {
		n, err := strconv.ParseInt(exponent, 10, 32)
		if err != nil {
			return decimal{}, false
		}
		d.exponent = int(n)
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	d.exponent += len(whole) - (len(whole) + len(fraction) - len(digits))
	if d.digits = strings.TrimRight(digits, "0"); d.digits == "" {
		return decimal{}, true
	}
	return d, true
}

func (d decimal) scale() int { return max(0, len(d.digits)-d.exponent) }

// equalNumber accepts numbers with the same value or, if the value is not exact, with the same
// spelling.
func equalNumber(s string) matcher {
	want, comparable := parseNumber(s)
	return func(v eventValue) bool {
		if v.kind != numberKind {
			return false
		}
		if comparable && v.comparable {
			return v.number == want
		}
		return comparable == v.comparable && v.text == s
	}
}

type interval struct {
	low, high         float64
	openLow, openHigh bool
}

func (i interval) contains(v eventValue) bool {
	if v.kind != numberKind || !v.comparable {
		return false
	}
	above := v.number > i.low || v.number == i.low && !i.openLow
	below := v.number < i.high || v.number == i.high && !i.openHigh
	return above && below
}

// numeric compiles a comparison such as ["=", 1], or a range such as [">", 0, "<=", 5].
func numeric(o operand) (matcher, error) {
	if o.kind != arrayKind || len(o.members) != 2 && len(o.members) != 4 {
		return nil, o.errorf("must be one or two comparisons, each an operator and a number")
	}
	i := interval{low: math.Inf(-1), high: math.Inf(1)}
	first, err := o.compare(0, &i)
	if err != nil {
		return nil, err
	}
	if len(o.members) == 2 {
		return i.contains, nil
	}
	second, err := o.compare(2, &i)
	if err != nil {
		return nil, err
	}
	if first[0] != '>' || second[0] != '<' {
		return nil, o.errorf("a range must be > or >= followed by < or <=")
	}
	if i.low >= i.high {
		return nil, o.errorf("the lower end of a range must be less than the upper end")
	}
	return i.contains, nil
}

// compare narrows the interval by the comparison at position n and returns its operator.
func (o operand) compare(n int, i *interval) (string, error) {
	operator, bound := o.members[n], o.members[n+1]
	if operator.kind != stringKind {
		return "", o.errorf("the operator of a comparison must be a string, not %v", operator.kind)
	}
	f, err := o.bound(bound)
	if err != nil {
		return "", err
	}
	switch operator.text {
	case "=":
		i.low, i.high = f, f
	case "<", "<=":
		i.high, i.openHigh = f, operator.text == "<"
	case ">", ">=":
		i.low, i.openLow = f, operator.text == ">"
	default:
		return "", o.errorf("unknown comparison %q; use =, <, <=, > or >=", operator.text)
	}
	return operator.text, nil
}

func (o operand) bound(n jsonValue) (float64, error) {
	if n.kind != numberKind {
		return 0, o.errorf("a value must be compared with a number, not %v", n.kind)
	}
	f, ok := parseNumber(n.text)
	d, _ := parseDecimal(n.text)
	if !ok || math.Abs(f) > maxBound || d.scale() > maxBoundScale {
		return 0, o.errorf("%s is outside ±5.0e9 or has more than six digits after the decimal point", n.text)
	}
	return f, nil
}
