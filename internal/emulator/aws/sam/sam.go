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
}

// Template is a resolved template. It is safe for concurrent use unless it is modified.
type Template struct {
	Parameters map[string]string // the value of every parameter, as text
	Resources  []Resource        // in the template's order, without those whose condition is false
	Outputs    []Output          // likewise
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

// Error reports a fault in a template or in the [Options] it is resolved with.
type Error struct {
	File    string
	Line    int    // 0 if the fault is not on a line of the file, such as an unknown parameter
	Element string // the element at fault, such as "Resource FetchRule"; empty for the template as a whole
	Reason  string // the fault and, if the template does not show them, the allowed values
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

// Parse reads a template in YAML or JSON and resolves it. Every error is an [*Error] or joins
// several.
func Parse(src []byte, opts *Options) (*Template, error) {
	o := opts.withDefaults()
	root, err := readYAML(src, o.File)
	if err != nil {
		return nil, err
	}
	r, err := newResolver(root, o)
	if err != nil {
		return nil, err
	}
	resources, resourcesErr := r.resolveResources()
	outputs, outputsErr := r.resolveOutputs()
	if err := errors.Join(resourcesErr, outputsErr); err != nil {
		return nil, err
	}
	return &Template{
		Parameters: r.parameterTexts,
		Resources:  resources,
		Outputs:    outputs,
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
	}
}
