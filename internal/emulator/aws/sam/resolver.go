package sam

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// resolver is a template that is being resolved, with the results so far.
type resolver struct {
	opts           Options
	deployment     map[string]string
	parameters     map[string]any
	parameterTexts map[string]string
	mappings       *node
	conditions     *node
	resources      *node
	outputs        *node
	globals        *node

	conditionValues map[string]*bool // nil while the condition is being evaluated
	identities      map[string]identity
	identifying     []string // resources whose identities are being determined, outermost first
}

var sections = []string{
	"AWSTemplateFormatVersion", "Transform", "Description", "Metadata", "Parameters", "Rules", "Mappings", "Conditions",
	"Globals", "Resources", "Outputs", "Hooks",
}

var resourceAttributes = []string{
	"Type", "Properties", "Metadata", "Condition", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy",
	"CreationPolicy", "UpdatePolicy", "Version", "Description", "Connectors", "IgnoreGlobals",
}

// maxMembers is CloudFormation's limit on resources, the highest of its limits on the size of a
// section.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
const maxMembers = 500

var logicalID = regexp.MustCompile(`^[A-Za-z0-9]+$`)

// newResolver checks the template's shape.
func newResolver(root *node, opts Options) (*resolver, error) {
	r := &resolver{
		opts:            opts,
		deployment:      opts.deployment(),
		mappings:        root.section("Mappings"),
		conditions:      root.section("Conditions"),
		resources:       root.section("Resources"),
		outputs:         root.section("Outputs"),
		globals:         root.section("Globals"),
		conditionValues: map[string]*bool{},
		identities:      map[string]identity{},
	}
	return r, r.checkShape(root)
}

// resolveInputs determines the values of the parameters, checks them by the rules, and determines
// the values of the conditions, on which all else depends. Warnings tell which rules it cannot check.
func (r *resolver) resolveInputs(root *node) (warnings []string, err error) {
	if err := r.readParameters(root.section("Parameters")); err != nil {
		return nil, err
	}
	warnings, err = r.checkRules(root.section("Rules"))
	return warnings, errors.Join(err, r.checkConditions())
}

// checkShape checks the structure on which the rest of the package relies: that sections are maps,
// and that every resource is a map with a type.
func (r *resolver) checkShape(root *node) error {
	if root.kind != mapping {
		return r.errorf(root, "", "a template must be a map of sections, not %v", root.kind)
	}
	var faults []error
	if root.get("Resources") == nil {
		faults = append(faults, r.errorf(root, "", "the template has no Resources section"))
	}
	for _, name := range []string{"Parameters", "Rules", "Mappings", "Conditions", "Globals", "Resources", "Outputs"} {
		section := root.get(name)
		if section != nil && section.kind != mapping {
			faults = append(faults, r.errorf(section, "", "%s must be a map, not %v", name, section.kind))
		}
		if section != nil && len(section.keys) > maxMembers {
			return r.errorf(section, "", "%s has more than %d members", name, maxMembers)
		}
	}
	for i, id := range r.resources.keys {
		faults = append(faults, r.checkResource(r.resources.items[i], id))
	}
	return errors.Join(append(faults, r.checkGlobals())...)
}

func (r *resolver) checkResource(n *node, id string) error {
	element := "Resource " + id
	if strings.HasPrefix(id, "Fn::ForEach") {
		return r.errorf(n, "", "%s is not supported", id)
	}
	if !logicalID.MatchString(id) {
		return r.errorf(n, element, "a logical ID can contain only letters and digits")
	}
	if n.kind != mapping {
		return r.errorf(n, element, "a resource must be a map, not %v", n.kind)
	}
	if t, ok := n.get("Type").literal(); !ok || t == "" {
		return r.errorf(n, element, "the resource has no Type")
	}
	return nil
}

// resourceType returns the type of a resource of the template.
func (r *resolver) resourceType(id string) string {
	t, _ := r.resources.get(id).get("Type").literal()
	return t
}

// errorf returns an [*Error] for the node; if n is nil, without a line.
func (r *resolver) errorf(n *node, element, format string, args ...any) error {
	e := &Error{File: r.opts.File, Element: element, Reason: fmt.Sprintf(format, args...)}
	if n != nil {
		e.Line = n.line
	}
	return e
}
