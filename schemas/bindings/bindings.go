// Package bindings generates types for consumers from the JSON Schemas in schemas/: a module of
// TypedDicts for Python, and declarations of interfaces for TypeScript, which JavaScript uses
// through JSDoc.
//
// It supports the keywords that schemas/ uses for the structure of an event; any other is
// [ErrUnsupported]. Only a test uses it: the one in internal/contract that writes the types of the
// examples.
package bindings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// ErrUnsupported is returned for a JSON Schema that the package cannot express as a type.
var ErrUnsupported = errors.New("bindings: unsupported JSON Schema")

// Types are the types of the details of some events, and of the event that contains one of them.
type Types struct {
	objects []object // each after those that it refers to
	details []string // names of the details' types
}

// object is a type with members.
type object struct {
	name, description string
	members           []member
}

type member struct {
	name, description string
	optional          bool
	kinds             []kind // one of them
}

// kind is one possible kind of value: the name of an object, or a word of JSON Schema, of which
// text is the value of a constant, and list means a list of such values.
type kind struct {
	object, word, text string
	list               bool
}

// schema is the part of a JSON Schema that determines its type.
type schema struct {
	Title, Description string
	Type               oneOrMore
	Const              *string
	Required           []string
	Properties         properties
	Items              *schema
}

// New reads JSON Schemas, each of the detail of one event. Types with the same name and the same
// members in several schemas are one type. Errors are [ErrUnsupported], wrapped, and those of
// decoding JSON.
func New(schemas ...[]byte) (*Types, error) {
	t := &Types{}
	for _, text := range schemas {
		var root schema
		if err := json.Unmarshal(text, &root); err != nil {
			return nil, fmt.Errorf("decode schema: %w", err)
		}
		name := camelCase(root.Title[strings.LastIndexByte(root.Title, '.')+1:])
		if err := t.add(name, "", root); err != nil {
			return nil, fmt.Errorf("%s: %w", root.Title, err)
		}
		t.details = append(t.details, name)
	}
	return t, nil
}

// add adds an object and those that it refers to, whose names begin with prefix.
func (t *Types) add(name, prefix string, s schema) error {
	o := object{name: name, description: s.Description}
	for _, p := range s.Properties {
		m := member{name: p.name, description: p.schema.Description, optional: !slices.Contains(s.Required, p.name)}
		var err error
		if m.kinds, err = t.kinds(prefix+camelCase(p.name), p.schema); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		o.members = append(o.members, m)
	}
	for _, known := range t.objects {
		if known.name == name {
			if fmt.Sprint(known.members) != fmt.Sprint(o.members) {
				return fmt.Errorf("%w: two types named %s differ", ErrUnsupported, name)
			}
			return nil
		}
	}
	t.objects = append(t.objects, o)
	return nil
}

// kinds returns the kinds of a value; name is that of its type if it has members.
func (t *Types) kinds(name string, s schema) ([]kind, error) {
	if s.Const != nil {
		return []kind{{word: "const", text: *s.Const}}, nil
	}
	var kinds []kind
	for _, word := range s.Type {
		switch word {
		case "object":
			if len(s.Properties) == 0 {
				kinds = append(kinds, kind{word: word})
				continue
			}
			if err := t.add(name, name, s); err != nil {
				return nil, err
			}
			kinds = append(kinds, kind{object: name})
		case "array":
			if s.Items == nil {
				return nil, fmt.Errorf("%w: a list without items", ErrUnsupported)
			}
			items, err := t.kinds(strings.TrimSuffix(name, "s"), *s.Items)
			if err != nil || len(items) != 1 {
				return nil, errors.Join(err, fmt.Errorf("%w: a list of several kinds", ErrUnsupported))
			}
			items[0].list = true
			kinds = append(kinds, items[0])
		case "string", "integer", "boolean", "null":
			kinds = append(kinds, kind{word: word})
		default:
			return nil, fmt.Errorf("%w: type %q", ErrUnsupported, word)
		}
	}
	if len(kinds) == 0 {
		return nil, fmt.Errorf("%w: no type", ErrUnsupported)
	}
	return kinds, nil
}

// camelCase turns a name such as "error_types" into "ErrorTypes".
func camelCase(name string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(name, "_") {
		runes := []rune(part)
		if len(runes) > 0 {
			b.WriteString(string(unicode.ToUpper(runes[0])) + string(runes[1:]))
		}
	}
	return b.String()
}

// oneOrMore is a list of strings, which a schema may also write as a single string.
type oneOrMore []string

// UnmarshalJSON implements [json.Unmarshaler].
func (o *oneOrMore) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*o = oneOrMore{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(o))
}

// properties are the properties of an object, in the order of the schema.
type properties []property

type property struct {
	name   string
	schema schema
}

// UnmarshalJSON implements [json.Unmarshaler].
func (p *properties) UnmarshalJSON(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if _, err := decoder.Token(); err != nil {
		return err
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return err
		}
		next := property{name: fmt.Sprint(name)}
		if err := decoder.Decode(&next.schema); err != nil {
			return err
		}
		*p = append(*p, next)
	}
	return nil
}
