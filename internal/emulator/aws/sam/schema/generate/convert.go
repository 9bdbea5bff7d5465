package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam/schema"
)

// converter converts one JSON Schema to a shape. Constraints that a shape cannot express, such as
// lengths and conditions, are left out: what the schema allows, the shape allows.
type converter struct {
	root      map[string]any
	resolving []string // references that are being resolved, because they can form a circle
}

// convertResource converts the schema of a resource type. It leaves out the properties that only
// AWS can set.
func convertResource(root map[string]any) *schema.Shape {
	c := &converter{root: root}
	s := c.convert(root)
	for _, pointer := range list(root["readOnlyProperties"]) {
		name, _ := strings.CutPrefix(fmt.Sprint(pointer), "/properties/")
		delete(s.Properties, name)
	}
	s.Required = slices.DeleteFunc(s.Required, func(name string) bool { return s.Properties[name] == nil })
	return s
}

// anything reports whether a shape allows every value.
func anything(s *schema.Shape) bool {
	return s.Kinds == 0 && s.Format == "" && s.Enum == nil && s.Properties == nil && s.Values == nil && s.Items == nil && s.Variants == nil
}

func (c *converter) convert(node any) *schema.Shape {
	n, ok := node.(map[string]any)
	if !ok {
		return &schema.Shape{} // true
	}
	if reference, ok := n["$ref"].(string); ok {
		return c.reference(reference)
	}
	s := c.own(n)
	for _, part := range list(n["allOf"]) {
		s = both(s, c.convert(part))
	}
	for _, key := range []string{"anyOf", "oneOf"} {
		if alternatives := list(n[key]); len(alternatives) > 0 {
			s = both(s, c.union(alternatives))
		}
	}
	return s
}

func (c *converter) reference(reference string) *schema.Shape {
	if slices.Contains(c.resolving, reference) {
		return &schema.Shape{}
	}
	var target any = c.root
	for part := range strings.SplitSeq(strings.TrimPrefix(reference, "#/"), "/") {
		target = object(target)[strings.NewReplacer("~1", "/", "~0", "~").Replace(part)]
	}
	if target == nil {
		return &schema.Shape{} // it is not in this schema
	}
	c.resolving = append(c.resolving, reference)
	defer func() { c.resolving = c.resolving[:len(c.resolving)-1] }()
	return c.convert(target)
}

// own converts the constraints of a schema itself, without those of its parts.
func (c *converter) own(n map[string]any) *schema.Shape {
	s := &schema.Shape{}
	types := list(n["type"])
	if name, ok := n["type"].(string); ok {
		types = []any{name}
	}
	for _, name := range types {
		s.Kinds |= kinds[fmt.Sprint(name)]
	}
	for _, value := range list(n["enum"]) {
		s.Enum = append(s.Enum, fmt.Sprint(value))
	}
	if value, ok := n["const"].(string); ok {
		s.Enum = []string{value}
	}
	if s.Kinds == 0 && s.Enum != nil {
		s.Kinds = schema.String | schema.Number | schema.Boolean
	}
	if items, ok := n["items"]; ok && s.Kinds.Allows(schema.List) {
		s.Items = c.convert(items)
	}
	if s.Kinds == 0 && n["properties"] != nil && n["additionalProperties"] == false {
		s.Kinds = schema.Object
	}
	if s.Kinds&schema.Object != 0 {
		c.object(s, n)
	}
	return s
}

var kinds = map[string]schema.Kind{
	"string": schema.String, "number": schema.Number, "integer": schema.Integer, "boolean": schema.Boolean, "object": schema.Object, "array": schema.List,
}

func (c *converter) object(s *schema.Shape, n map[string]any) {
	s.Properties = map[string]*schema.Shape{}
	for name, property := range object(n["properties"]) {
		s.Properties[name] = c.convert(property)
	}
	for _, name := range list(n["required"]) {
		s.Required = append(s.Required, fmt.Sprint(name))
	}
	slices.Sort(s.Required)
	for _, values := range object(n["patternProperties"]) {
		s.Values = union(s.Values, c.convert(values))
	}
	switch additional := n["additionalProperties"].(type) {
	case bool:
		if additional && s.Values == nil {
			s.Values = &schema.Shape{}
		}
	case map[string]any:
		s.Values = union(s.Values, c.convert(additional))
	default:
		s.Values = &schema.Shape{}
	}
}

// union converts alternatives, of which those without a constraint that a shape can express are
// left out if they are conditions, such as on which properties are required together.
func (c *converter) union(alternatives []any) *schema.Shape {
	var shapes []*schema.Shape
	for _, alternative := range alternatives {
		s := c.convert(alternative)
		if anything(s) {
			return s
		}
		shapes = append(shapes, s)
	}
	if variants := byType(shapes); variants != nil {
		return &schema.Shape{Kinds: schema.Object, Variants: variants}
	}
	// SAM's schema has an object without properties for a call of an intrinsic function.
	if slices.ContainsFunc(shapes, func(s *schema.Shape) bool { return len(s.Properties) > 0 }) {
		shapes = slices.DeleteFunc(shapes, func(s *schema.Shape) bool { return s.Kinds == schema.Object && len(s.Properties) == 0 })
	}
	var all *schema.Shape
	for _, s := range shapes {
		all = union(all, s)
	}
	return all
}

// byType returns the shapes by the value of their member Type, if each has one of its own.
func byType(shapes []*schema.Shape) map[string]*schema.Shape {
	variants := map[string]*schema.Shape{}
	for _, s := range shapes {
		if s.Kinds != schema.Object || s.Properties["Type"] == nil || len(s.Properties["Type"].Enum) != 1 {
			return nil
		}
		variants[s.Properties["Type"].Enum[0]] = s
	}
	if len(variants) < max(2, len(shapes)) {
		return nil
	}
	return variants
}

// union returns a shape that allows what either shape allows. Nil allows nothing.
func union(a, b *schema.Shape) *schema.Shape {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case anything(a) || anything(b):
		return &schema.Shape{}
	}
	u := &schema.Shape{Kinds: a.Kinds | b.Kinds}
	if a.Kinds == 0 || b.Kinds == 0 {
		u.Kinds = 0
	}
	const texts = schema.String | schema.Number | schema.Integer | schema.Boolean
	if aText, bText := a.Kinds&texts != 0, b.Kinds&texts != 0; (!aText || a.Enum != nil) && (!bText || b.Enum != nil) {
		u.Enum = slices.Concat(a.Enum, b.Enum)
	}
	switch aList, bList := a.Kinds&schema.List != 0, b.Kinds&schema.List != 0; {
	case aList && bList && (a.Items == nil || b.Items == nil): // any
	default:
		u.Items = union(a.Items, b.Items)
	}
	aObject, bObject := a.Kinds&schema.Object != 0, b.Kinds&schema.Object != 0
	switch {
	case aObject && bObject:
		unionObjects(u, a, b)
	case aObject:
		u.Properties, u.Required, u.Values, u.Variants = a.Properties, a.Required, a.Values, a.Variants
	case bObject:
		u.Properties, u.Required, u.Values, u.Variants = b.Properties, b.Required, b.Values, b.Variants
	}
	return u
}

func unionObjects(u, a, b *schema.Shape) {
	u.Properties = map[string]*schema.Shape{}
	for name := range a.Properties {
		u.Properties[name] = union(member(a, name), member(b, name))
	}
	for name := range b.Properties {
		u.Properties[name] = union(member(a, name), member(b, name))
	}
	for _, name := range a.Required {
		if slices.Contains(b.Required, name) {
			u.Required = append(u.Required, name)
		}
	}
	u.Values = union(a.Values, b.Values)
}

// member returns the shape of an object's member, or nil if it cannot have it.
func member(s *schema.Shape, name string) *schema.Shape {
	if property := s.Properties[name]; property != nil {
		return property
	}
	return s.Values
}

// both returns a shape that allows what both shapes allow.
func both(a, b *schema.Shape) *schema.Shape {
	switch {
	case anything(a):
		return b
	case anything(b):
		return a
	}
	s := *a
	if s.Kinds &= b.Kinds; a.Kinds == 0 || b.Kinds == 0 || s.Kinds == 0 {
		s.Kinds = a.Kinds | b.Kinds
	}
	if s.Enum == nil {
		s.Enum = b.Enum
	}
	if s.Items == nil {
		s.Items = b.Items
	} else if b.Items != nil {
		s.Items = both(s.Items, b.Items)
	}
	if b.Variants != nil {
		s.Variants = b.Variants
	}
	s.Properties = maps.Clone(a.Properties)
	for name, property := range b.Properties {
		if s.Properties == nil {
			s.Properties = map[string]*schema.Shape{}
		}
		if own := s.Properties[name]; own != nil {
			property = both(own, property)
		}
		s.Properties[name] = property
	}
	return &s
}

func list(node any) []any {
	l, _ := node.([]any)
	return l
}

func object(node any) map[string]any {
	o, _ := node.(map[string]any)
	return o
}
