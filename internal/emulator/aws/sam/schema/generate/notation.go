package main

import (
	"slices"
	"strings"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam/schema"
)

// notation returns a shape as package schema reads it.
func notation(s *schema.Shape) any {
	if s.Format != "" {
		return "@" + s.Format
	}
	var alternatives []any
	if text := textNotation(s); text != "" {
		alternatives = append(alternatives, text)
	}
	if s.Kinds&schema.Object != 0 {
		alternatives = append(alternatives, objectNotation(s))
	}
	if s.Kinds&schema.List != 0 {
		items := any("")
		if s.Items != nil {
			items = notation(s.Items)
		}
		alternatives = append(alternatives, []any{items})
	}
	switch len(alternatives) {
	case 0:
		return ""
	case 1:
		return alternatives[0]
	default:
		return alternatives
	}
}

func textNotation(s *schema.Shape) string {
	if s.Enum != nil {
		enum := slices.Clone(s.Enum)
		slices.Sort(enum)
		return "=" + strings.Join(slices.Compact(enum), "|")
	}
	var names []string
	for _, name := range []string{"string", "number", "integer", "boolean"} {
		if s.Kinds&kinds[name] != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, "|")
}

func objectNotation(s *schema.Shape) any {
	if s.Variants != nil {
		variants := map[string]any{}
		for name, variant := range s.Variants {
			variants[name] = notation(variant)
		}
		return map[string]any{"?": variants}
	}
	if len(s.Properties) == 0 && s.Values != nil && anything(s.Values) {
		return "object"
	}
	o := map[string]any{}
	for name, property := range s.Properties {
		if slices.Contains(s.Required, name) {
			name += "!"
		}
		o[name] = notation(property)
	}
	if s.Values != nil {
		o["*"] = notation(s.Values)
	}
	return o
}
