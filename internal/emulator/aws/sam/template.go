package sam

import (
	"cmp"
	"errors"
	"slices"
)

// Options are the facts of a deployment. The zero value deploys the stack "meterbridge" in us-east-1.
type Options struct {
	File       string            // name in errors, "template.yaml" when empty
	Parameters map[string]string // values that override the parameters' defaults
	Region     string            // "us-east-1" when empty
	AccountID  string            // "000000000000" when empty
	StackName  string            // "meterbridge" when empty
	Endpoint   string            // base URL of the emulated AWS, used in queue URLs; AWS's own when empty
}

// Template is a resolved template. It is immutable and safe for concurrent use as long as nobody writes to its maps.
type Template struct {
	Description string
	Transforms  []string          // such as "AWS::Serverless-2016-10-31"
	Parameters  map[string]string // every parameter with the value it has, as text
	Resources   []Resource        // in the template's order, without those whose condition is false
	Outputs     []Output          // likewise
}

// Resource is one resource with every intrinsic function resolved and SAM's Globals merged in.
//
// Values in Properties and Metadata are string, bool, int, float64, []any, map[string]any or nil.
type Resource struct {
	LogicalID  string
	Type       string
	Properties map[string]any // never nil
	Metadata   map[string]any
	DependsOn  []string
	Name       string // physical name
	ARN        string // what Fn::GetAtt Arn gives
	URL        string // of a queue, otherwise empty
	Line       int    // line of the template the resource starts at
}

// Output is one output of the stack.
type Output struct {
	Name        string
	Description string
	Value       string
	ExportName  string
}

// Parse reads a template in YAML or JSON and resolves it. Every error is, or joins, [*Error] values.
func Parse(src []byte, opts *Options) (*Template, error) {
	o := opts.withDefaults()
	root, err := read(src, o.File)
	if err != nil {
		return nil, err
	}
	s, err := newStack(root, o)
	if err != nil {
		return nil, err
	}
	resources, resourcesErr := s.resolveResources()
	outputs, outputsErr := s.resolveOutputs()
	if err := errors.Join(resourcesErr, outputsErr); err != nil {
		return nil, err
	}
	return &Template{
		Description: s.description,
		Transforms:  s.transforms,
		Parameters:  s.parameterTexts,
		Resources:   resources,
		Outputs:     outputs,
	}, nil
}

// Resource returns the resource with the logical id.
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
	}
}
