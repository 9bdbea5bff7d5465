package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// sourceTemplate is an unresolved template, with its intrinsic functions and transforms. It can be
// changed and written again.
type sourceTemplate struct{ document yaml.Node }

func readTemplate(file string) (*sourceTemplate, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	t := &sourceTemplate{}
	if err := yaml.Unmarshal(text, &t.document); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if t.section("Resources") == nil {
		return nil, errors.New(file + " has no Resources")
	}
	return t, nil
}

// write writes the template. The file differs from the original only in its layout and in the
// changes.
func (t *sourceTemplate) write(file string) error {
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := errors.Join(encoder.Encode(&t.document), encoder.Close()); err != nil {
		return err
	}
	return os.WriteFile(file, text.Bytes(), 0o600)
}

// section returns a section such as Resources, or nil if there is none.
func (t *sourceTemplate) section(name string) *yaml.Node {
	if len(t.document.Content) == 0 {
		return nil
	}
	return member(t.document.Content[0], name)
}

// types returns the types of the resources by logical id.
func (t *sourceTemplate) types() map[string]string {
	types := map[string]string{}
	for id, resource := range members(t.section("Resources")) {
		if node := member(resource, "Type"); node != nil {
			types[id] = node.Value
		}
	}
	return types
}

// resource returns a resource, or nil.
func (t *sourceTemplate) resource(id string) *yaml.Node { return member(t.section("Resources"), id) }

// remove removes resources, and the outputs and the items of lists that refer to them. It replaces
// other references with a text, and returns the ids of the resources that contained them.
func (t *sourceTemplate) remove(ids ...string) (touched []string) {
	resources, outputs := t.section("Resources"), t.section("Outputs")
	for _, id := range ids {
		removeMember(resources, id)
	}
	for id, resource := range members(resources) {
		removeDependency(resource, ids)
		removeItems(resource, ids)
		if refersToAny(resource, ids) {
			visit(resource, func(n *yaml.Node) { replaceReference(n, ids) })
			touched = append(touched, id)
		}
	}
	for name, output := range maps.Collect(members(outputs)) {
		if refersToAny(output, ids) {
			removeMember(outputs, name)
		}
	}
	return touched
}

// leftOut replaces references to removed resources.
const leftOut = "left-out"

// replaceReference replaces a node with a text if it refers to one of the ids.
func replaceReference(node *yaml.Node, ids []string) {
	switch {
	case node.Tag == "!Sub" && node.Kind == yaml.ScalarNode:
		node.Value = substituted.ReplaceAllStringFunc(node.Value, func(reference string) string {
			if slices.Contains(ids, substituted.FindStringSubmatch(reference)[1]) {
				return leftOut
			}
			return reference
		})
	case node.Tag == "!Ref" || node.Tag == "!GetAtt":
		if refersToAny(node, ids) {
			node.SetString(leftOut)
			node.Content = nil
		}
	}
}

// removeDependency removes ids from the DependsOn of a resource.
func removeDependency(resource *yaml.Node, ids []string) {
	dependencies := member(resource, "DependsOn")
	switch {
	case dependencies == nil:
	case dependencies.Kind == yaml.ScalarNode && slices.Contains(ids, dependencies.Value):
		removeMember(resource, "DependsOn")
	case dependencies.Kind == yaml.SequenceNode:
		dependencies.Content = slices.DeleteFunc(dependencies.Content, func(n *yaml.Node) bool { return slices.Contains(ids, n.Value) })
	}
}

// removeItems removes list items that consist only of a reference to one of the ids.
func removeItems(node *yaml.Node, ids []string) {
	if node.Kind == yaml.SequenceNode && node.Tag == "!!seq" {
		node.Content = slices.DeleteFunc(node.Content, func(item *yaml.Node) bool {
			return item.Kind == yaml.ScalarNode && refersToAny(item, ids)
		})
	}
	for _, child := range node.Content {
		removeItems(child, ids)
	}
}

// visit calls do for a node and everything below it.
func visit(node *yaml.Node, do func(*yaml.Node)) {
	do(node)
	for _, child := range node.Content {
		visit(child, do)
	}
}

// refersToAny reports whether a node has an intrinsic function that refers to one of the ids.
func refersToAny(node *yaml.Node, ids []string) bool {
	return slices.ContainsFunc(references(node), func(id string) bool { return slices.Contains(ids, id) })
}

// references returns the names in the short forms of Ref, GetAtt and Sub, which template.yaml uses.
func references(node *yaml.Node) []string {
	names := referencesOf(node)
	for _, child := range node.Content {
		names = append(names, references(child)...)
	}
	return names
}

// referencesOf returns the names in one intrinsic function.
func referencesOf(function *yaml.Node) (names []string) {
	first := function
	if function.Kind == yaml.SequenceNode && len(function.Content) > 0 {
		first = function.Content[0]
	}
	switch function.Tag {
	case "!Ref", "!GetAtt":
		name, _, _ := strings.Cut(first.Value, ".")
		return []string{name}
	case "!Sub":
		for _, found := range substituted.FindAllStringSubmatch(first.Value, -1) {
			names = append(names, found[1])
		}
	}
	return names
}

// substituted matches a reference in the text of Sub.
var substituted = regexp.MustCompile(`\$\{([A-Za-z0-9]+)(?:\.[A-Za-z0-9.]+)?\}`)

// member returns the value of a key of a mapping, or nil. The mapping may be nil.
func member(mapping *yaml.Node, path ...string) *yaml.Node {
	for _, key := range path {
		var found *yaml.Node
		for name, value := range members(mapping) {
			if name == key {
				found = value
			}
		}
		mapping = found
	}
	return mapping
}

// members iterates over the keys and values of a mapping, which may be nil.
func members(mapping *yaml.Node) func(func(string, *yaml.Node) bool) {
	return func(yield func(string, *yaml.Node) bool) {
		if mapping == nil || mapping.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(mapping.Content); i += 2 {
			if !yield(mapping.Content[i].Value, mapping.Content[i+1]) {
				return
			}
		}
	}
}

// removeMember removes a key of a mapping. The mapping may be nil or lack the key.
func removeMember(mapping *yaml.Node, key string) {
	if mapping == nil {
		return
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			mapping.Content = slices.Delete(mapping.Content, i, i+2)
			return
		}
	}
}

// setMember sets a key of a mapping to a scalar.
func setMember(mapping *yaml.Node, key, value string) {
	scalar := &yaml.Node{}
	scalar.SetString(value)
	scalar.Tag = ""
	removeMember(mapping, key)
	mapping.Content = append(mapping.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, scalar)
}
