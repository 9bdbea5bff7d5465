package dynamodb

import (
	"math/big"
	"regexp"
	"strings"
)

// Limits of numbers, from https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-data-types.
const (
	maxDigits   = 38
	maxExponent = 125
	minExponent = -130
)

// numberText bounds what is parsed, because the cost of an exponent is in its value and not in its length.
var numberText = regexp.MustCompile(`^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$`)

// maxNumberText is longer than any number in range that is written without surplus zeros.
const maxNumberText = 300

// canonicalNumber returns a number in plain decimal notation with no zeros to spare.
func canonicalNumber(text string) (string, error) {
	if len(text) > maxNumberText || !numberText.MatchString(text) {
		return "", invalid("The parameter cannot be converted to a numeric value: %.50s", text)
	}
	return formatNumber(parsed(text))
}

// parsed returns the value of text that has matched numberText.
func parsed(text string) *big.Rat {
	n, ok := new(big.Rat).SetString(text)
	if !ok {
		return new(big.Rat)
	}
	return n
}

// formatNumber refuses what DynamoDB cannot hold. Every sum of decimals has finitely many digits, so none is rounded off.
func formatNumber(n *big.Rat) (string, error) {
	precision, _ := n.FloatPrec()
	text := n.FloatString(precision)
	digits := significant(text)
	switch exponent := leadingExponent(text); {
	case len(digits) > maxDigits:
		return "", invalid("Attempting to store more than 38 significant digits in a Number")
	case digits != "" && exponent > maxExponent:
		return "", invalid("Number overflow. Attempting to store a number with magnitude larger than supported range")
	case digits != "" && exponent < minExponent:
		return "", invalid("Number underflow. Attempting to store a number with magnitude smaller than supported range")
	}
	return text, nil
}

// significant returns the digits of a plain decimal without the zeros around them.
func significant(text string) string {
	return strings.Trim(strings.Replace(strings.TrimPrefix(text, "-"), ".", "", 1), "0")
}

// leadingExponent returns the power of ten of the first digit that is not zero.
func leadingExponent(text string) int {
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	if whole != "0" {
		return len(whole) - 1
	}
	return -1 - (len(fraction) - len(strings.TrimLeft(fraction, "0")))
}

// numberSize is about one byte for two digits, and one more.
func numberSize(text string) int { return (len(significant(text))+1)/2 + 1 }

// add returns v + w, or v - w.
func (v Value) add(w Value, negative bool) (Value, error) {
	n := parsed(w.scalar)
	if negative {
		n.Neg(n)
	}
	sum, err := formatNumber(n.Add(n, parsed(v.scalar)))
	return Value{kind: Number, scalar: sum}, err
}
