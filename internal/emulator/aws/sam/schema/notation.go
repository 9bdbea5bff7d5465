package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The notation of shapes in table.json:
//
//	""                 anything
//	"integer"          a kind; "integer|string": one of several
//	"=ENABLED|DISABLED" one of these texts
//	"@policy"          a format
//	{"Name!": …}       an object with these properties; ! marks one that is required
//	{"*": …}           an object with members of any other name
//	{"?": {"SQS": …}}  an object whose shape depends on its member Type
//	[…]                a list with items of this shape
//	[…, …]             any of these, which are of different kinds

var kinds = map[string]Kind{
	"string": String, "number": Number, "integer": Integer, "boolean": Boolean, "object": Object, "list": List,
}

// read reads the notation of a shape.
func read(notation any) (*Shape, error) {
	switch n := notation.(type) {
	case string:
		return readText(n)
	case map[string]any:
		return readObject(n)
	case []any:
		if len(n) == 1 {
			items, err := read(n[0])
			return &Shape{Kinds: List, Items: items}, err
		}
		return readUnion(n)
	default:
		return nil, fmt.Errorf("%v is not a shape", notation)
	}
}

func readText(text string) (*Shape, error) {
	if format, ok := strings.CutPrefix(text, "@"); ok {
		return &Shape{Format: format}, nil
	}
	if enum, ok := strings.CutPrefix(text, "="); ok {
		return &Shape{Kinds: String | Number | Boolean, Enum: strings.Split(enum, "|")}, nil
	}
	s := &Shape{}
	if text == "" {
		return s, nil
	}
	for name := range strings.SplitSeq(text, "|") {
		kind, ok := kinds[name]
		if !ok {
			return nil, fmt.Errorf("%q is not a kind", name)
		}
		if s.Kinds |= kind; kind == Object {
			s.Values = &Shape{}
		}
	}
	return s, nil
}

func readObject(n map[string]any) (*Shape, error) {
	s := &Shape{Kinds: Object, Properties: map[string]*Shape{}}
	for _, key := range slices.Sorted(maps.Keys(n)) {
		if key == "?" {
			variants, err := read(n[key])
			if err != nil {
				return nil, err
			}
			s.Variants = variants.Properties
			continue
		}
		member, err := read(n[key])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		if key == "*" {
			s.Values = member
			continue
		}
		name, required := strings.CutSuffix(key, "!")
		if s.Properties[name] = member; required {
			s.Required = append(s.Required, name)
		}
	}
	return s, nil
}

func readUnion(alternatives []any) (*Shape, error) {
	union := &Shape{}
	for _, notation := range alternatives {
		s, err := read(notation)
		if err != nil {
			return nil, err
		}
		union.Kinds |= s.Kinds
		union.Enum = append(union.Enum, s.Enum...)
		if s.Kinds&Object != 0 {
			union.Properties, union.Required, union.Values, union.Variants = s.Properties, s.Required, s.Values, s.Variants
		}
		if s.Items != nil {
			union.Items = s.Items
		}
	}
	return union, nil
}
