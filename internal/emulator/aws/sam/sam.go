// Package sam resolves SAM and CloudFormation templates as a deployment would, without AWS.
//
// [Parse] turns the text of a template into a [Template], in which every value is a plain Go value:
// parameters, conditions, mappings and intrinsic functions, in their long and short forms, are
// evaluated, SAM's Globals are merged in, and resources whose condition is false are left out. Each
// [Resource] gets the name, ARN and URL by which other resources refer to it.
//
// A value that only AWS has, such as an export that [Options] do not contain, is an [*Error]. The return values of
// the resource types of a serverless application follow CloudFormation's reference; a resource of
// any other type gets a name and an ARN derived from its logical ID.
//
// The formats are described at
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html and
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-template-anatomy.html.
package sam

import (
	"cmp"
	"errors"
	"slices"
	"strconv"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam/schema"
)

// Options describe a deployment. The zero value, like a nil pointer, means stack "meterbridge" in
// us-east-1.
type Options struct {
	File       string            // file name in errors; "template.yaml" when empty
	Parameters map[string]string // values that override the parameters' defaults
	Region     string            // "us-east-1" when empty
	AccountID  string            // "000000000000" when empty
	StackName  string            // "meterbridge" when empty
	Endpoint   string            // base URL of the emulated AWS, used in queue URLs; AWS's own when empty
	Exports    map[string]string // values of Fn::ImportValue: the exports of other stacks, by name
	// Qualified puts the stack's name before logical IDs in [Resource.ID], so that they differ from
	// those of another stack.
	Qualified bool
	// Lenient makes a difference from AWS's schemas a warning rather than an error: AWS can have
	// added a type or a property since the day on which its schemas were read.
	Lenient bool
}

// Template is a resolved template. It is safe for concurrent use unless it is modified.
type Template struct {
	Parameters map[string]string // the value of every parameter, as text
	Resources  []Resource        // in the template's order, without those whose condition is false
	Outputs    []Output          // likewise
	Warnings   []string          // faults that Options.Lenient allows, and what was not checked
}

// Resource is a resource with SAM's Globals merged in and every intrinsic function resolved.
//
// The values are string, bool, int, float64, []any, map[string]any or nil.
type Resource struct {
	LogicalID  string
	Type       string
	Properties map[string]any // never nil
	Metadata   map[string]any
	DependsOn  []string
	Name       string // physical name
	ARN        string // the value of Fn::GetAtt Arn
	URL        string // URL of a queue; empty for other types
	File       string // the template's file name, as in errors
	Line       int    // line of the template on which the resource starts
	Stack      string // the stack's name if [Options].Qualified is set; otherwise empty
}

// ID returns the name of the resource among those of all stacks that run together: the logical ID,
// or, if [Options].Qualified is set, "stack/LogicalID".
func (r Resource) ID() string {
	if r.Stack == "" {
		return r.LogicalID
	}
	return r.Stack + "/" + r.LogicalID
}

// Output is an output of the stack.
type Output struct {
	Name        string
	Description string
	Value       string
	ExportName  string
}

// ErrSchema matches an [*Error] that Options.Lenient would turn into a warning.
var ErrSchema = errors.New("different from AWS's schemas")

// Error reports a fault in a template or in the [Options] it is resolved with.
type Error struct {
	File    string
	Line    int    // 0 if the fault is not on a line of the file, such as an unknown parameter
	Element string // the element at fault, such as "Resource FetchRule"; empty for the template as a whole
	Reason  string // the fault and, if the template does not show them, the allowed values
	Schema  bool   // the fault is a difference from AWS's schemas
}

func (e *Error) Error() string {
	at := e.File
	if e.Line > 0 {
		at += ":" + strconv.Itoa(e.Line)
	}
	if e.Element != "" {
		at += ": " + e.Element
	}
	return at + ": " + e.Reason
}

// Is reports whether target is [ErrSchema] and the error matches it.
func (e *Error) Is(target error) bool { return target == ErrSchema && e.Schema }

// SchemaDate returns the day on which AWS's schemas were read, as in 2026-10-20.
func SchemaDate() string { return schema.Load().Date }

// Parse reads a template in YAML or JSON and resolves it. It compares the template with AWS's
// schemas and reports all faults that it finds, in the order of their lines: every error is an
// [*Error] or joins several.
func Parse(src []byte, opts *Options) (*Template, error) {
	o := opts.withDefaults()
	root, err := readYAML(src, o.File)
	if err != nil {
		return nil, err
	}
	r, shapeErr := newResolver(root, o)
	warnings, schemaErr := r.checkSchemas(root)
	if shapeErr != nil {
		return nil, sorted(shapeErr, schemaErr)
	}
	unchecked, err := r.resolveInputs(root)
	if err != nil {
		return nil, sorted(err, schemaErr)
	}
	resources, resourcesErr := r.resolveResources()
	outputs, outputsErr := r.resolveOutputs()
	if err := sorted(schemaErr, resourcesErr, outputsErr); err != nil {
		return nil, err
	}
	return &Template{
		Parameters: r.parameterTexts,
		Resources:  resources,
		Outputs:    outputs,
		Warnings:   append(warnings, unchecked...),
	}, nil
}

// ParameterNames returns the names of the parameters that a template declares, in its order. Its
// error is that of [Parse] for a text that is not YAML; other faults are left to Parse. file is its
// name in errors.
func ParameterNames(src []byte, file string) ([]string, error) {
	root, err := readYAML(src, file)
	if err != nil {
		return nil, err
	}
	return root.section("Parameters").keys, nil
}

// maxFaults is the largest number of faults that are reported.
const maxFaults = 100

// sorted joins faults in the order of their lines.
func sorted(faults ...error) error {
	var flat []*Error
	for _, fault := range faults {
		flat = flatten(flat, fault)
	}
	slices.SortStableFunc(flat, func(a, b *Error) int { return cmp.Compare(a.Line, b.Line) })
	flat = slices.CompactFunc(flat, func(a, b *Error) bool { return *a == *b })
	var joined []error
	for _, fault := range flat {
		if fault.Reason != "" && len(joined) < maxFaults { // see checker.fail
			joined = append(joined, fault)
		}
	}
	if len(joined) < len(flat) {
		joined = append(joined, &Error{File: flat[0].File, Reason: "there are more faults than these"})
	}
	return errors.Join(joined...)
}

// flatten appends the faults that are joined in an error.
func flatten(faults []*Error, err error) []*Error {
	switch err := err.(type) {
	case *Error:
		return append(faults, err)
	case interface{ Unwrap() []error }:
		for _, inner := range err.Unwrap() {
			faults = flatten(faults, inner)
		}
	}
	return faults // err is nil: the package has no other errors
}

// Resource returns the resource with the logical ID, and whether there is one.
func (t *Template) Resource(id string) (Resource, bool) {
	i := slices.IndexFunc(t.Resources, func(r Resource) bool { return r.LogicalID == id })
	if i < 0 {
		return Resource{}, false
	}
	return t.Resources[i], true
}

func (o *Options) withDefaults() Options {
	if o == nil {
		o = &Options{}
	}
	return Options{
		File:       cmp.Or(o.File, "template.yaml"),
		Parameters: o.Parameters,
		Region:     cmp.Or(o.Region, "us-east-1"),
		AccountID:  cmp.Or(o.AccountID, "000000000000"),
		StackName:  cmp.Or(o.StackName, "meterbridge"),
		Endpoint:   o.Endpoint,
		Exports:    o.Exports,
		Qualified:  o.Qualified,
		Lenient:    o.Lenient,
	}
}
