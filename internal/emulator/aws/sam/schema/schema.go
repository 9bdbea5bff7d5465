// Package schema describes what AWS accepts in a SAM or CloudFormation template.
//
// [Load] returns a [Table] with the names of all resource types, and the [Shape] of the properties
// of those types that serverless applications use. The table is generated from AWS's own schemas:
//
//	go generate ./internal/emulator/aws/sam/schema
package schema

import (
	_ "embed" // the table
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
)

//go:generate go run ./generate

//go:embed table.json
var source []byte

// Table is what AWS accepted on a day. It is immutable.
type Table struct {
	// Date is the day, as in 2026-10-20, on which AWS's schemas were read.
	Date string
	// Types are the names of all resource types, in order.
	Types []string
	// Resources are the shapes of the properties of resources, by type. Only the types of services
	// that serverless applications use are included.
	Resources map[string]*Shape
	// Globals are the names of the properties that each section of SAM's Globals can have.
	Globals map[string][]string
	// PolicyTemplates are the parameters of each of SAM's policy templates, all of them required.
	PolicyTemplates map[string][]string
}

// Load returns the table, which is read once.
var Load = sync.OnceValue(func() *Table {
	t, err := parse(source)
	if err != nil {
		panic("schema: table.json: " + err.Error()) // it is embedded, and a test reads it
	}
	return t
})

func parse(source []byte) (*Table, error) {
	var encoded struct {
		Date                     string
		Types                    map[string]string // by the name of the service, separated by spaces
		Resources                map[string]any
		Globals, PolicyTemplates map[string][]string
	}
	if err := json.Unmarshal(source, &encoded); err != nil {
		return nil, err
	}
	t := &Table{Date: encoded.Date, Globals: encoded.Globals, PolicyTemplates: encoded.PolicyTemplates, Resources: map[string]*Shape{}}
	for service, names := range encoded.Types {
		for name := range strings.FieldsSeq(names) {
			t.Types = append(t.Types, "AWS::"+service+"::"+name)
		}
	}
	slices.Sort(t.Types)
	for name, notation := range encoded.Resources {
		s, err := read(notation)
		if err != nil {
			return nil, err
		}
		t.Resources[name] = s
	}
	return t, nil
}

// Has reports whether a resource type exists.
func (t *Table) Has(resourceType string) bool {
	_, found := slices.BinarySearch(t.Types, resourceType)
	return found
}

// Kind is a set of kinds of value. The zero value allows every kind.
type Kind uint8

// The kinds of value. A template may write a number, an integer or a boolean as a string.
const (
	String Kind = 1 << iota
	Number
	Integer
	Boolean
	Object
	List
)

// Allows reports whether all of the kinds in other are allowed.
func (k Kind) Allows(other Kind) bool { return k == 0 || k&other == other }

// Shape is what a value can be. The zero value allows anything.
type Shape struct {
	Kinds Kind
	// Format names the language of a value that is not described by a shape: [Pattern], [Filter],
	// [Policy], [Statement] or [Policies]. Empty: none.
	Format string
	// Enum are the texts that a string, number or boolean can have. Empty: any.
	Enum []string
	// Properties are the members of an object that have a shape of their own.
	Properties map[string]*Shape
	// Required are the names of members that an object must have, in order.
	Required []string
	// Values is the shape of the members that are not in Properties. Nil: there must be no others.
	Values *Shape
	// Variants are the shapes of an object by its member Type. Nil: none.
	Variants map[string]*Shape
	// Items is the shape of the members of a list. Nil: any.
	Items *Shape
}

// The formats.
const (
	Pattern   = "pattern"   // an event pattern
	Filter    = "filter"    // an event pattern for records of an event source, as JSON in a string
	Policy    = "policy"    // an IAM policy document
	Statement = "statement" // a statement of a policy document, or a list of them
	Policies  = "policies"  // the policies of an AWS::Serverless::Function
)

// Names returns the names of an object's properties, or of its variants, in order.
func (s *Shape) Names() []string {
	if s.Variants != nil {
		return slices.Sorted(maps.Keys(s.Variants))
	}
	return slices.Sorted(maps.Keys(s.Properties))
}
