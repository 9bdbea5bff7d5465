package sam

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam/schema"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/spelling"
)

// checker compares a template, as it is written, with what AWS accepts. It reports names that AWS
// does not have, values of the wrong kind, and members that are missing. Both branches of Fn::If
// are checked; the value of any other intrinsic function is not.
type checker struct {
	resolver *resolver
	table    *schema.Table
	faults   []error
}

// place is where a value is: in an element, at a path such as Targets[0].Arn.
type place struct{ element, path string }

func (p place) member(name string) place {
	if p.path != "" {
		name = p.path + "." + name
	}
	return place{p.element, name}
}

func (p place) item(i int) place { return place{p.element, fmt.Sprintf("%s[%d]", p.path, i)} }

// checkSchemas compares the template with AWS's schemas. With Options.Lenient the faults are
// warnings.
func (r *resolver) checkSchemas(root *node) (warnings []string, err error) {
	if names := macros(root.get("Transform")); len(names) > 0 {
		return []string{"the macro " + strings.Join(names, ", ") + " can change the template, so its names are not checked"}, nil
	}
	c := &checker{resolver: r, table: schema.Load()}
	if root.kind == mapping {
		c.check(root)
	}
	if !r.opts.Lenient {
		return nil, errors.Join(c.faults...)
	}
	for _, fault := range c.faults[:min(len(c.faults), maxFaults)] {
		warnings = append(warnings, fault.Error())
	}
	return warnings, nil
}

// fail reports a fault. The reason is only formatted if it will be printed.
func (c *checker) fail(line int, at place, reason func() string) {
	fault := &Error{File: c.resolver.opts.File, Line: line, Element: at.element, Schema: true}
	if len(c.faults) < maxFaults {
		if fault.Reason = reason(); at.path != "" {
			fault.Reason = at.path + ": " + fault.Reason
		}
	}
	c.faults = append(c.faults, fault)
}

// unknown reports a name that does not exist. what is the noun, such as "property".
func (c *checker) unknown(line int, at place, what, name string, known []string) {
	c.fail(line, at, func() string { return unknown(what, name, known) })
}

func unknown(what, name string, known []string) string {
	const few = 50
	if near := spelling.Nearest(name, known); near != "" {
		return fmt.Sprintf("no %s %s: did you mean %s?", what, quote(name), near)
	}
	if len(known) == 0 || len(known) > few {
		return fmt.Sprintf("no %s %s", what, quote(name))
	}
	return fmt.Sprintf("no %s %s; there are %s", what, quote(name), strings.Join(known, ", "))
}

// names reports the members of a mapping whose names are not known. The names of intrinsic
// functions, which can add members, pass.
func (c *checker) names(n *node, at place, what string, known []string) {
	if n == nil || n.kind != mapping {
		return
	}
	for i, key := range n.keys {
		if !slices.Contains(known, key) && !strings.HasPrefix(key, "Fn::") {
			c.unknown(n.keyLine(i), at, what, key, known)
		}
	}
}

var (
	parameterMembers = []string{
		"Type", "Default", "AllowedValues", "AllowedPattern", "ConstraintDescription", "Description", "MaxLength", "MinLength",
		"MaxValue", "MinValue", "NoEcho",
	}
	outputMembers    = []string{"Value", "Description", "Export", "Condition"}
	ruleMembers      = []string{"RuleCondition", "Assertions"}
	assertionMembers = []string{"Assert", "AssertDescription"}
)

// check checks the whole template.
func (c *checker) check(root *node) {
	c.names(root, place{}, "section", sections)
	c.transforms(root.get("Transform"))
	each(root.get("Parameters"), func(name string, _ int, n *node) {
		c.names(n, place{element: "Parameter " + name}, "member", parameterMembers)
	})
	each(root.get("Rules"), func(name string, _ int, n *node) {
		c.names(n, place{element: "Rule " + name}, "member", ruleMembers)
		for _, assertion := range n.section("Assertions").items {
			c.names(assertion, place{element: "Rule " + name}, "member", assertionMembers)
		}
	})
	each(root.get("Outputs"), func(name string, _ int, n *node) {
		at := place{element: "Output " + name}
		c.names(n, at, "member", outputMembers)
		c.names(n.get("Export"), at.member("Export"), "member", []string{"Name"})
	})
	c.globals(root.get("Globals"))
	each(root.get("Resources"), c.resource)
}

// each calls f with each member of a mapping.
func each(n *node, f func(name string, line int, member *node)) {
	if n == nil || n.kind != mapping {
		return
	}
	for i, name := range n.keys {
		f(name, n.keyLine(i), n.items[i])
	}
}

// serverless is the transform that runs SAM.
const serverless = "AWS::Serverless-2016-10-31"

// transforms are the names of AWS's own transforms.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/transform-reference.html
var transforms = []string{
	serverless, "AWS::LanguageExtensions", "AWS::Include", "AWS::CodeDeployBlueGreen", "AWS::CodeStar", "AWS::SecretsManager-2020-07-23",
	"AWS::SecretsManager-2024-09-16", "AWS::ServiceCatalog",
}

// macros returns the names of the template's own transforms, after which a template can differ from
// the one that is written.
func macros(transform *node) []string {
	var names []string
	for _, item := range listOrOne(transform) {
		name, ok := item.literal()
		if item.kind == mapping {
			name, ok = item.get("Name").literal()
		}
		if ok && !strings.HasPrefix(name, "AWS::") {
			names = append(names, name)
		}
	}
	return names
}

func (c *checker) transforms(transform *node) {
	for _, item := range listOrOne(transform) {
		if name, ok := item.literal(); ok && !slices.Contains(transforms, name) {
			c.unknown(item.line, place{}, "transform", name, transforms)
		}
	}
}

// listOrOne returns the items of a list, or a single value as the only item.
func listOrOne(n *node) []*node {
	switch {
	case n == nil:
		return nil
	case n.kind == sequence:
		return n.items
	default:
		return []*node{n}
	}
}

func (c *checker) globals(n *node) {
	c.names(n, place{element: "Globals"}, "section", slices.Sorted(maps.Keys(c.table.Globals)))
	each(n, func(section string, _ int, properties *node) {
		supported := c.table.Globals[section]
		shape := c.table.Resources["AWS::Serverless::"+section]
		if supported == nil || shape == nil {
			return
		}
		at := place{element: "Globals"}.member(section)
		c.names(properties, at, "property", supported)
		each(properties, func(name string, _ int, value *node) {
			if member := shape.Properties[name]; member != nil {
				c.value(value, member, at.member(name), partial)
			}
		})
	})
}

func (c *checker) resource(id string, line int, n *node) {
	at := place{element: "Resource " + id}
	resourceType, hasType := n.get("Type").literal()
	c.attributes(n, at, c.table.Resources[resourceType])
	c.policy(n, at, "DeletionPolicy", "Delete", "Retain", "RetainExceptOnCreate", "Snapshot")
	c.policy(n, at, "UpdateReplacePolicy", "Delete", "Retain", "Snapshot")
	if !hasType {
		return // checkResource reports it
	}
	if !c.exists(resourceType) {
		c.unknown(n.get("Type").line, place{element: id}, "resource type", resourceType, c.table.Types)
		return
	}
	shape, properties := c.table.Resources[resourceType], n.get("Properties")
	if shape == nil || properties != nil && properties.kind != mapping {
		return // resolveProperties reports properties that are not a map
	}
	if properties == nil {
		properties = &node{kind: mapping, line: line}
	}
	section, _ := strings.CutPrefix(resourceType, "AWS::Serverless::")
	at = place{element: id + " (" + resourceType + ")"}
	c.object(properties, shape, at, line, without(c.resolver.globals.section(section), n.get("IgnoreGlobals")))
}

// attributes reports attributes that resources do not have. A property of the resource is in the
// wrong place.
func (c *checker) attributes(n *node, at place, s *schema.Shape) {
	each(n, func(name string, line int, _ *node) {
		switch {
		case slices.Contains(resourceAttributes, name) || strings.HasPrefix(name, "Fn::"):
		case s != nil && s.Properties[name] != nil:
			c.fail(line, at, func() string { return misplaced("attribute", name) })
		default:
			c.unknown(line, at, "attribute", name, resourceAttributes)
		}
	})
}

func misplaced(what, name string) string {
	return fmt.Sprintf("no %s %q: it is a property, so indent it below Properties", what, name)
}

// policy checks what happens to a resource that leaves the stack.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
func (c *checker) policy(n *node, at place, attribute string, policies ...string) {
	if policy, ok := n.get(attribute).literal(); ok && !slices.Contains(policies, policy) {
		c.unknown(n.get(attribute).line, at.member(attribute), "policy", policy, policies)
	}
}

// thirdParty matches the types that an account can register, and modules.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/registry.html
var thirdParty = regexp.MustCompile(`^[A-Za-z0-9]{2,64}::[A-Za-z0-9]{2,64}::[A-Za-z0-9]{2,64}(::MODULE)?$`)

// exists reports whether a resource can have the type. One that an account could have registered
// exists, unless it differs from one of AWS's in a single letter.
func (c *checker) exists(resourceType string) bool {
	switch {
	case c.table.Has(resourceType) || strings.HasPrefix(resourceType, "Custom::"):
		return true
	case strings.HasPrefix(resourceType, "AWS::") || !thirdParty.MatchString(resourceType):
		return false
	default:
		near := spelling.Nearest(resourceType, c.table.Types)
		return near == "" || spelling.Distance(resourceType, near) > 1
	}
}
