package sam

import (
	"slices"
	"strings"
)

// checkGlobals checks that each section of Globals is a map.
func (r *resolver) checkGlobals() error {
	for i, name := range r.globals.keys {
		if n := r.globals.items[i]; n.kind != mapping {
			return r.errorf(n, "Globals", "%s must be a map, not %v", name, n.kind)
		}
	}
	return nil
}

// properties returns a resource's unresolved properties, with Globals merged in.
func (r *resolver) properties(id string) *node {
	resource := r.resources.get(id)
	own := resource.get("Properties")
	if own == nil || own.kind != mapping {
		own = &node{kind: mapping, line: resource.line}
	}
	section, serverless := strings.CutPrefix(r.resourceType(id), "AWS::Serverless::")
	global := r.globals.get(section)
	if !serverless || global == nil {
		return own
	}
	return merge(without(global, resource.get("IgnoreGlobals")), own)
}

// without leaves out the members named by IgnoreGlobals: a list of names, or "*" for all.
func without(global, ignored *node) *node {
	if ignored == nil {
		return global
	}
	kept := &node{kind: mapping, line: global.line}
	if all, _ := ignored.literal(); all == "*" {
		return kept
	}
	for i, key := range global.keys {
		named := func(n *node) bool { name, _ := n.literal(); return name == key }
		if !slices.ContainsFunc(ignored.items, named) {
			kept.keys, kept.items = append(kept.keys, key), append(kept.items, global.items[i])
		}
	}
	return kept
}

// merge merges maps member by member and appends lists. For values of any other kind, including
// calls of intrinsic functions, the resource's own is used.
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
