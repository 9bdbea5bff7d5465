package dynamodb

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
)

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
		content = encodeAll(v.set)
	default:
		content = v.scalar
	}
	return json.Marshal(map[Type]any{v.kind: content})
}

func encodeAll(set []string) []string {
	out := make([]string, len(set))
	for i, element := range set {
		out[i] = base64.StdEncoding.EncodeToString([]byte(element))
	}
	return out
}

// UnmarshalJSON decodes DynamoDB's JSON; its errors are of type *ValidationError.
func (v *Value) UnmarshalJSON(data []byte) error {
	var wire map[Type]json.RawMessage
	if err := json.Unmarshal(data, &wire); err != nil {
		return invalid("an attribute value must be an object: %v", err)
	}
	if len(wire) != 1 {
		return invalid("Supplied AttributeValue must contain exactly one of the supported datatypes, it has %d", len(wire))
	}
	for kind, content := range wire {
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

// unmarshal reads the content of a value; null stands for none of the types.
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

// canonical returns the one form a scalar is stored in, so that equal values are equal strings.
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

// canonicalSet returns the elements in the order they are stored, and refuses an empty set or one with an element twice.
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
