package sam

import (
	"fmt"
	"regexp"
	"slices"
)

// stack is a template while it is being resolved.
type stack struct {
	opts           Options
	description    string
	transforms     []string
	parameters     map[string]any
	parameterTexts map[string]string
	mappings       *node
	conditions     *node
	resources      *node
	outputs        *node
	globals        *node

	verdicts   map[string]verdict  // of conditions
	identities map[string]identity // of resources
	naming     []string            // resources whose names are being worked out, outermost first
}

var sections = []string{
	"AWSTemplateFormatVersion", "Transform", "Description", "Metadata", "Parameters", "Rules", "Mappings", "Conditions",
	"Globals", "Resources", "Outputs", "Hooks",
}

// maxMembers is CloudFormation's limit for resources, the highest of its limits for sections.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
const maxMembers = 500

var logicalID = regexp.MustCompile(`^[A-Za-z0-9]+$`)

func newStack(root *node, opts Options) (*stack, error) {
	s := &stack{
		opts:       opts,
		mappings:   root.get("Mappings"),
		conditions: root.get("Conditions"),
		resources:  root.get("Resources"),
		outputs:    root.get("Outputs"),
		globals:    root.get("Globals"),
		verdicts:   map[string]verdict{},
		identities: map[string]identity{},
	}
	if err := s.checkShape(root); err != nil {
		return nil, err
	}
	s.readHeader(root)
	if err := s.readParameters(root.get("Parameters")); err != nil {
		return nil, err
	}
	return s, s.checkConditions()
}

// checkShape refuses what the rest of the package could not walk through.
func (s *stack) checkShape(root *node) error {
	if root.kind != mapping {
		return s.errorf(root, "", "a template is a map of sections, not %v", root.kind)
	}
	for i, key := range root.keys {
		if !slices.Contains(sections, key) {
			return s.errorf(root.items[i], "", "unknown section %q", key)
		}
	}
	if s.resources == nil {
		return s.errorf(root, "", "there is no Resources section")
	}
	for _, name := range []string{"Parameters", "Mappings", "Conditions", "Globals", "Resources", "Outputs"} {
		section := root.get(name)
		if section != nil && section.kind != mapping {
			return s.errorf(section, "", "%s is a map, not %v", name, section.kind)
		}
		if section != nil && len(section.keys) > maxMembers {
			return s.errorf(section, "", "more than %d members in %s", maxMembers, name)
		}
	}
	for i, id := range s.resources.keys {
		if err := s.checkResource(s.resources.items[i], id); err != nil {
			return err
		}
	}
	return s.checkGlobals()
}

func (s *stack) checkGlobals() error {
	if s.globals == nil {
		return nil
	}
	for i, name := range s.globals.keys {
		n := s.globals.items[i]
		if globalsSection("AWS::Serverless::"+name) == "" {
			return s.errorf(n, "Globals", "SAM has none for %q", name)
		}
		if n.kind != mapping {
			return s.errorf(n, "Globals", "%s is a map, not %v", name, n.kind)
		}
	}
	return nil
}

func (s *stack) checkResource(n *node, id string) error {
	place := "Resource " + id
	if !logicalID.MatchString(id) {
		return s.errorf(n, place, "a logical id consists of letters and digits")
	}
	if n.kind != mapping {
		return s.errorf(n, place, "a resource is a map, not %v", n.kind)
	}
	for i, key := range n.keys {
		switch key {
		case "Type", "Properties", "Metadata", "Condition", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy",
			"CreationPolicy", "UpdatePolicy", "Connectors", "IgnoreGlobals":
		default:
			return s.errorf(n.items[i], place, "unknown attribute %q", key)
		}
	}
	if t, ok := literal(n.get("Type")); !ok || t == "" {
		return s.errorf(n, place, "there is no Type")
	}
	return nil
}

func (s *stack) readHeader(root *node) {
	s.description, _ = literal(root.get("Description"))
	transform := root.get("Transform")
	if transform == nil {
		return
	}
	if transform.kind != sequence {
		transform = &node{kind: sequence, items: []*node{transform}}
	}
	for _, item := range transform.items {
		if name, ok := literal(item); ok {
			s.transforms = append(s.transforms, name)
		}
	}
}

func (s *stack) errorf(n *node, place, format string, args ...any) error {
	e := &Error{File: s.opts.File, Place: place, Reason: fmt.Sprintf(format, args...)}
	if n != nil {
		e.Line = n.line
	}
	return e
}

// literal returns the text of a scalar.
func literal(n *node) (string, bool) {
	if n == nil || n.kind != scalar {
		return "", false
	}
	return text(n.value)
}

// resourceType returns the type of a declared resource, which checkShape has seen to.
func (s *stack) resourceType(id string) string {
	t, _ := literal(s.resources.get(id).get("Type"))
	return t
}
