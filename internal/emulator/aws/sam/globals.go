package sam

import (
	"slices"
	"strings"
)

// globalsSection returns the part of SAM's Globals that holds for a resource type, or "".
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-template-anatomy-globals.html
func globalsSection(resourceType string) string {
	switch name := strings.TrimPrefix(resourceType, "AWS::Serverless::"); name {
	case resourceType:
		return ""
	case "Function", "Api", "HttpApi", "SimpleTable", "StateMachine", "LayerVersion", "CapacityProvider":
		return name
	default:
		return ""
	}
}

// properties returns a resource's properties with Globals merged in, before they are resolved.
func (s *stack) properties(id string) *node {
	resource := s.resources.get(id)
	own := resource.get("Properties")
	if own == nil || own.kind != mapping {
		own = &node{kind: mapping, line: resource.line}
	}
	section := globalsSection(s.resourceType(id))
	if section == "" {
		return own
	}
	global := s.globals.get(section)
	if global == nil || global.kind != mapping {
		return own
	}
	return merge(without(global, resource.get("IgnoreGlobals")), own)
}

// without leaves out the globals that a resource does not want: a list of names, or "*" for all.
func without(global, ignored *node) *node {
	if ignored == nil {
		return global
	}
	if all, _ := literal(ignored); all == "*" {
		return &node{kind: mapping, line: global.line}
	}
	kept := &node{kind: mapping, line: global.line}
	for i, key := range global.keys {
		named := func(n *node) bool { name, _ := literal(n); return name == key }
		if !slices.ContainsFunc(ignored.items, named) {
			kept.keys, kept.items = append(kept.keys, key), append(kept.items, global.items[i])
		}
	}
	return kept
}

// merge combines maps key by key and lists by appending; for anything else, an intrinsic function included, the
// resource's own value wins.
func merge(global, own *node) *node {
	switch {
	case global.kind == mapping && own.kind == mapping:
		merged := &node{kind: mapping, line: own.line, keys: slices.Clone(global.keys), items: slices.Clone(global.items)}
		for i, key := range own.keys {
			if at := slices.Index(merged.keys, key); at >= 0 {
				merged.items[at] = merge(merged.items[at], own.items[i])
				continue
			}
			merged.keys, merged.items = append(merged.keys, key), append(merged.items, own.items[i])
		}
		return merged
	case global.kind == sequence && own.kind == sequence:
		return &node{kind: sequence, line: own.line, items: slices.Concat(global.items, own.items)}
	default:
		return own
	}
}
