package dynamodb

import (
	"maps"
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

// Value is an attribute value. It is made by decoding DynamoDB's JSON and is immutable: an update makes new values.
type Value struct {
	kind   Type
	scalar string // text, canonical number, or bytes; "true" or "false" for a boolean
	set    []string
	list   []Value
	fields map[string]Value
}

// Item is a table's row: its attributes by name.
type Item map[string]Value

// Text returns a string value.
func Text(s string) Value { return Value{kind: String, scalar: s} }

// Type returns the value's type.
func (v Value) Type() Type { return v.kind }

// Scalar returns the content of a string, number, binary or boolean value, and the empty string for other types.
func (v Value) Scalar() string { return v.scalar }

// equal compares as the = operator does; numbers are canonical, so that 1 and 1.0 are equal.
func (v Value) equal(w Value) bool {
	return v.kind == w.kind && v.scalar == w.scalar && slices.Equal(v.set, w.set) &&
		slices.EqualFunc(v.list, w.list, Value.equal) && maps.EqualFunc(v.fields, w.fields, Value.equal)
}

// compare orders two scalars of one type that has an order; ok is false for anything else.
func (v Value) compare(w Value) (order int, ok bool) {
	if v.kind != w.kind || !v.kind.ordered() {
		return 0, false
	}
	if v.kind == Number {
		return parsed(v.scalar).Cmp(parsed(w.scalar)), true
	}
	return strings.Compare(v.scalar, w.scalar), true
}

// ordered reports whether values of the type can be compared with < and be keys.
func (t Type) ordered() bool { return t == String || t == Number || t == Binary }

// size is what counts towards an item's limit, see
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

// maxLevels is how deep DynamoDB lets documents nest.
const maxLevels = 32

func (v Value) levels() int {
	deepest := 0
	for _, child := range v.list {
		deepest = max(deepest, 1+child.levels())
	}
	for _, child := range v.fields {
		deepest = max(deepest, 1+child.levels())
	}
	return deepest
}

// length is what the size function returns: bytes of a scalar, elements of a collection. Other types have none.
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
