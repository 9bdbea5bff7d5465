package aws

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/target"
)

// source is a template that has been read, and the stack that it becomes.
type source struct {
	file, stack string
	text        []byte
	parameters  []string // names of those that it declares
}

// maxResources is CloudFormation's limit on the resources of a template.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
const maxResources = 500

// resources returns the resources of all templates, including those that SAM generates for
// functions' events. Each template is resolved on its own, as a separate stack, and can import what
// those before it export. The names of all resources, and the outputs and parameters of the first
// template, are added to the generation's.
func (s *Stack) resources(g *generation) ([]sam.Resource, error) {
	sources, err := s.readTemplates()
	if err != nil {
		return nil, err
	}
	var resources []sam.Resource
	exports := map[string]string{}
	for i, source := range sources {
		before := len(resources)
		options := &sam.Options{
			File: source.file, Parameters: source.given(s.options.Parameters), Region: target.Region, AccountID: target.Account,
			StackName: source.stack, Qualified: i > 0, Endpoint: s.endpoint(), Exports: exports,
			Lenient: s.options.Lenient,
		}
		template, err := sam.Parse(source.text, options)
		if err != nil {
			return nil, err
		}
		for _, warning := range template.Warnings {
			s.recorder.Warn("%s", warning)
		}
		for _, r := range template.Resources {
			generated, err := sam.Events(r, options)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %s: %w", r.File, r.Line, r.LogicalID, err)
			}
			resources = append(append(resources, r), generated...)
		}
		if len(resources)-before > maxResources {
			return nil, fmt.Errorf("%s: the template has more than %d resources, with those that SAM makes for events", source.file, maxResources)
		}
		if i == 0 {
			g.parameters = template.Parameters
		}
		for _, r := range template.Resources {
			g.names[r.ID()] = r.Name
		}
		for _, output := range template.Outputs {
			if i == 0 {
				g.outputs[output.Name] = apiOrigin.ReplaceAllLiteralString(output.Value, s.URL())
			}
			if output.ExportName != "" {
				exports[output.ExportName] = output.Value
			}
		}
	}
	return resources, nil
}

// apiOrigin matches the origin of an API, which on this machine is the address of all routes.
var apiOrigin = regexp.MustCompile(`^https://[^./]+\.execute-api\.[^/]+`)

// readTemplates reads every template, and checks that each has a stack name of its own and that
// each parameter is declared by one of them.
func (s *Stack) readTemplates() ([]source, error) {
	first := cmp.Or(s.options.StackName, "meterbridge")
	if !stackName.MatchString(first) {
		return nil, fmt.Errorf("%q cannot be the name of a stack: it has to begin with a letter, and may contain letters, digits and hyphens, at most 128 in all", first)
	}
	sources := []source{{file: s.options.Template, stack: first}}
	for _, file := range s.options.More {
		name, err := nameStack(file)
		if err != nil {
			return nil, err
		}
		sources = append(sources, source{file: file, stack: name})
	}
	for i := range sources {
		if err := sources[i].read(); err != nil {
			return nil, err
		}
		for _, other := range sources[:i] {
			if strings.EqualFold(other.stack, sources[i].stack) {
				return nil, fmt.Errorf("%s and %s are both stack %q: a template's stack has the name of its folder, or of its file "+
					"unless that is template.yaml: rename one of them", other.file, sources[i].file, sources[i].stack)
			}
		}
	}
	return sources, checkDeclared(sources, s.options.Parameters)
}

func (s *source) read() (err error) {
	if s.text, err = os.ReadFile(s.file); err != nil {
		return fmt.Errorf("read template: %w", err)
	}
	s.parameters, err = sam.ParameterNames(s.text, s.file)
	return err
}

// given returns the values for the parameters that the template declares.
func (s *source) given(all map[string]string) map[string]string {
	given := map[string]string{}
	for name, value := range all {
		if slices.Contains(s.parameters, name) {
			given[name] = value
		}
	}
	return given
}

// checkDeclared returns an error that names each parameter that no template declares.
func checkDeclared(sources []source, parameters map[string]string) error {
	var faults []error
	for name := range parameters {
		if slices.ContainsFunc(sources, func(s source) bool { return slices.Contains(s.parameters, name) }) {
			continue
		}
		var declared []string
		for _, s := range sources {
			declared = append(declared, s.file+" has "+cmp.Or(strings.Join(s.parameters, ", "), "none"))
		}
		faults = append(faults, fmt.Errorf("no template has a parameter %q: %s", name, strings.Join(declared, "; ")))
	}
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(faults...)
}

// stackName matches CloudFormation's names of stacks.
var stackName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,127}$`)

var notInStackName = regexp.MustCompile(`[^A-Za-z0-9]+`)

// nameStack returns the name of the stack of a template other than the first: that of its file, or,
// for a file named template.yaml, of its folder. Characters that such a name cannot have become
// hyphens.
func nameStack(file string) (string, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return "", fmt.Errorf("read template: %w", err)
	}
	name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	if name == "template" {
		name = filepath.Base(filepath.Dir(path))
	}
	name = strings.Trim(notInStackName.ReplaceAllString(name, "-"), "-")
	if !stackName.MatchString(name) {
		return "", fmt.Errorf("%s: its folder or file cannot name a stack: begin the name with a letter, at most 128 characters", file)
	}
	return name, nil
}

// named lists the types of resources that have names of their own and are run.
var named = []string{
	"AWS::SecretsManager::Secret", "AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::Serverless::Function",
	"AWS::Events::EventBus", "AWS::Events::Rule", "AWS::Scheduler::Schedule",
}

// checkNames returns an error if two resources have the same name: AWS refuses to create the second.
func checkNames(resources []sam.Resource) error {
	owners := map[string]sam.Resource{}
	for _, r := range resources {
		if !slices.Contains(named, r.Type) {
			continue
		}
		key := r.Type + " " + r.ARN
		if owner, taken := owners[key]; taken {
			return fmt.Errorf("%s:%d: %s (%s): the name %q is taken by %s in %s:%d: choose another", r.File, r.Line, r.LogicalID, r.Type, r.Name,
				owner.LogicalID, owner.File, owner.Line)
		}
		owners[key] = r
	}
	return nil
}
