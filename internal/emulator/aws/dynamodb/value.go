package dynamodb

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Type is the type of an attribute value, by its name in DynamoDB's API.
type Type string

// The types of attribute values.
const (
	String    Type = "S"
	Number    Type = "N"
	Binary    Type = "B"
	Boolean   Type = "BOOL"
	Null      Type = "NULL"
	Map       Type = "M"
	List      Type = "L"
	StringSet Type = "SS"
	NumberSet Type = "NS"
	BinarySet Type = "BS"
)

// elements maps each set type to the type of its elements.
var elements = map[Type]Type{StringSet: String, NumberSet: Number, BinarySet: Binary}

// Value is an immutable attribute value, decoded from DynamoDB's JSON.
type Value struct {
	kind   Type
	scalar string // text, canonical number, or bytes; "true" or "false" for a boolean
	set    []string
	list   []Value
	fields map[string]Value
}

// Item is one item of a table: its attributes by name.
type Item map[string]Value

// Text returns a string value.
func Text(s string) Value { return Value{kind: String, scalar: s} }

// Scalar returns the content of a string, number, binary or boolean; empty for other types.
func (v Value) Scalar() string { return v.scalar }

// equal compares as the = operator does. Numbers are canonical, so 1 and 1.0 are equal.
func (v Value) equal(w Value) bool {
	return v.kind == w.kind && v.scalar == w.scalar && slices.Equal(v.set, w.set) &&
		slices.EqualFunc(v.list, w.list, Value.equal) && maps.EqualFunc(v.fields, w.fields, Value.equal)
}

// compare orders two scalars of the same ordered type; ok is false for any others.
func (v Value) compare(w Value) (order int, ok bool) {
	if v.kind != w.kind || !v.kind.ordered() {
		return 0, false
	}
	if v.kind == Number {
		return parsed(v.scalar).Cmp(parsed(w.scalar)), true
	}
	return strings.Compare(v.scalar, w.scalar), true
}

// ordered reports whether values of the type can be compared with < and can be keys.
func (t Type) ordered() bool { return t == String || t == Number || t == Binary }

// size returns the bytes that count towards an item's limit, see
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html.
func (v Value) size() int {
	switch v.kind {
	case Boolean, Null:
		return 1
	case Number:
		return numberSize(v.scalar)
	case NumberSet:
		total := 0
		for _, n := range v.set {
			total += numberSize(n)
		}
		return total
	case Map, List:
		total := 3 + len(v.list) + len(v.fields)
		for _, element := range v.list {
			total += element.size()
		}
		return total + Item(v.fields).size()
	}
	return len(v.scalar) + len(strings.Join(v.set, ""))
}

func (i Item) size() int {
	total := 0
	for name, value := range i {
		total += len(name) + value.size()
	}
	return total
}

const maxLevels = 32

func (v Value) levels() int {
	deepest := 0
	for _, child := range slices.AppendSeq(slices.Clone(v.list), maps.Values(v.fields)) {
		deepest = max(deepest, 1+child.levels())
	}
	return deepest
}

// length returns the result of size(): the bytes of a string or binary, or the elements of a
// collection; other types have none.
func (v Value) length() (Value, bool) {
	n := len(v.scalar)
	switch v.kind {
	case String, Binary:
	case Map, List, StringSet, NumberSet, BinarySet:
		n = len(v.set) + len(v.list) + len(v.fields)
	default:
		return Value{}, false
	}
	return Value{kind: Number, scalar: strconv.Itoa(n)}, true
}

// Limits of numbers, from
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-data-types.
const (
	maxDigits   = 38
	maxExponent = 125
	minExponent = -130
)

// numberText limits the exponent, because the work for a number depends on its value.
var numberText = regexp.MustCompile(`^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$`)

// maxNumberText is longer than any number in range without redundant zeros.
const maxNumberText = 300

// canonicalNumber returns a number in plain decimal notation without redundant zeros.
func canonicalNumber(text string) (string, error) {
	if len(text) > maxNumberText || !numberText.MatchString(text) {
		return "", invalid("The parameter cannot be converted to a numeric value: %.50s", text)
	}
	return formatNumber(parsed(text))
}

func parsed(text string) *big.Rat {
	n, _ := new(big.Rat).SetString(text)
	return cmp.Or(n, new(big.Rat))
}

// formatNumber refuses a number that DynamoDB cannot store. Sums of decimals are exact.
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

// numberSize returns the approximate size of a number: one byte for two digits, plus one.
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

// MarshalJSON encodes v as DynamoDB's JSON.
func (v Value) MarshalJSON() ([]byte, error) {
	var content any
	switch v.kind {
	case Binary:
		content = []byte(v.scalar)
	case Boolean:
		content = v.scalar == "true"
	case Null:
		content = true
	case Map:
		content = cloned(v.fields) // never null
	case List:
		content = append([]Value{}, v.list...) // never null
	case StringSet, NumberSet:
		content = v.set
	case BinarySet:
		set := make([][]byte, len(v.set))
		for i, element := range v.set {
			set[i] = []byte(element)
		}
		content = set
	default:
		content = v.scalar
	}
	return json.Marshal(map[Type]any{v.kind: content})
}

// UnmarshalJSON decodes DynamoDB's JSON; its errors are of type [*ValidationError].
func (v *Value) UnmarshalJSON(data []byte) error {
	var members map[Type]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return invalid("an attribute value must be an object: %v", err)
	}
	if len(members) != 1 {
		return invalid("Supplied AttributeValue must contain exactly one of the supported datatypes, it has %d", len(members))
	}
	for kind, content := range members {
		decoded, err := decode(kind, content)
		if err != nil {
			return err
		}
		*v = decoded
	}
	if v.levels() > maxLevels {
		return invalid("Nesting Levels have exceeded supported limits")
	}
	return nil
}

func decode(kind Type, content json.RawMessage) (Value, error) {
	v := Value{kind: kind}
	var err error
	switch kind {
	case String, Number, Binary:
		var text string
		if err = unmarshal(kind, content, &text); err == nil {
			v.scalar, err = canonical(kind, text)
		}
	case Boolean, Null:
		var truth bool
		if err = unmarshal(kind, content, &truth); err == nil && kind == Null && !truth {
			err = invalid("One or more parameter values were invalid: Null attribute value types must have the value of true")
		}
		v.scalar = strconv.FormatBool(truth)
	case Map:
		err = unmarshal(kind, content, &v.fields)
	case List:
		err = unmarshal(kind, content, &v.list)
	case StringSet, NumberSet, BinarySet:
		var texts []string
		if err = unmarshal(kind, content, &texts); err == nil {
			v.set, err = canonicalSet(kind, texts)
		}
	default:
		err = invalid("Supplied AttributeValue has the unknown datatype %q", kind)
	}
	return v, err
}

// unmarshal reads the content of a value; null is not a value of any type.
func unmarshal(kind Type, content json.RawMessage, into any) error {
	err := json.Unmarshal(content, into)
	if nested := (*ValidationError)(nil); errors.As(err, &nested) {
		return nested
	}
	if err != nil || string(content) == "null" {
		return invalid("the content of an attribute value of type %s has another type", kind)
	}
	return nil
}

// canonical returns the form in which a scalar is stored, so that equal values are equal strings.
func canonical(kind Type, text string) (string, error) {
	switch kind {
	case Number:
		return canonicalNumber(text)
	case Binary:
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return "", invalid("the content of a binary attribute value is not base64")
		}
		return string(raw), nil
	}
	return text, nil
}

// canonicalSet returns the elements as they are stored. It refuses duplicates and empty sets.
func canonicalSet(kind Type, texts []string) ([]string, error) {
	if len(texts) == 0 {
		return nil, invalid("One or more parameter values were invalid: An attribute value of type %s may not be empty", kind)
	}
	set := make([]string, len(texts))
	for i, text := range texts {
		var err error
		if set[i], err = canonical(elements[kind], text); err != nil {
			return nil, err
		}
	}
	slices.Sort(set)
	if len(slices.Compact(slices.Clone(set))) != len(set) {
		return nil, invalid("One or more parameter values were invalid: Input collection of type %s contains duplicates", kind)
	}
	return set, nil
}
