package sam

import (
	"errors"
	"maps"
	"slices"
	"strings"
)

// resolveResources resolves all resources whose condition holds. The faults of all of them are reported together.
func (s *stack) resolveResources() ([]Resource, error) {
	var resources []Resource
	var faults []error
	uses := map[string][]string{}
	for _, id := range s.resources.keys {
		exists, err := s.exists(id)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if !exists {
			continue
		}
		resource, used, err := s.resolveResource(id)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		resources, uses[id] = append(resources, resource), used
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return resources, s.checkCircles(uses)
}

// exists reports whether a declared resource's condition holds.
func (s *stack) exists(id string) (bool, error) {
	n := s.resources.get(id).get("Condition")
	if n == nil {
		return true, nil
	}
	c := scope{stack: s, place: "Resource " + id}
	name, ok := literal(n)
	if !ok {
		return false, c.errorf(n, "Condition takes a name")
	}
	return c.condition(name, n)
}

// resolveResource also returns the other resources that must exist before this one.
func (s *stack) resolveResource(id string) (Resource, []string, error) {
	n := s.resources.get(id)
	used := map[string]bool{}
	c := scope{stack: s, place: "Resource " + id, uses: func(other string) { used[other] = true }}
	identity, err := c.identity(n, id)
	if err != nil {
		return Resource{}, nil, err
	}
	delete(used, id)
	r := Resource{LogicalID: id, Type: identity.resourceType, Name: identity.name, ARN: identity.arn, URL: identity.url, Line: s.resources.lineOf(id)}
	if r.Properties, err = c.resolveProperties(id); err != nil {
		return Resource{}, nil, err
	}
	if r.Metadata, err = c.resolveMap(n.get("Metadata"), "Metadata"); err != nil {
		return Resource{}, nil, err
	}
	if r.DependsOn, err = c.dependsOn(n.get("DependsOn")); err != nil {
		return Resource{}, nil, err
	}
	return r, slices.Concat(slices.Sorted(maps.Keys(used)), r.DependsOn), nil
}

func (c scope) resolveProperties(id string) (map[string]any, error) {
	if own := c.resources.get(id).get("Properties"); own != nil && own.kind != mapping {
		return nil, c.errorf(own, "Properties is a map, not %v", own.kind)
	}
	n := c.properties(id)
	properties := make(map[string]any, len(n.keys))
	for i, key := range n.keys {
		inner := c
		if key == "Events" && c.resourceType(id) == "AWS::Serverless::Function" {
			// SAM makes separate resources of these, so what they refer to need not exist before the function.
			inner.uses = nil
		}
		v, err := inner.value(n.items[i])
		if err != nil {
			return nil, err
		}
		if v != (noValue{}) {
			properties[key] = v
		}
	}
	return properties, nil
}

func (c scope) resolveMap(n *node, what string) (map[string]any, error) {
	if n == nil {
		return nil, nil
	}
	if n.kind != mapping {
		return nil, c.errorf(n, "%s is a map, not %v", what, n.kind)
	}
	return c.mapping(n)
}

// dependsOn leaves out resources whose condition is false, as CloudFormation does.
func (c scope) dependsOn(n *node) ([]string, error) {
	if n == nil {
		return nil, nil
	}
	items := n.items
	if n.kind == scalar {
		items = []*node{n}
	}
	var ids []string
	for _, item := range items {
		id, ok := literal(item)
		if !ok || c.resources.get(id) == nil {
			return nil, c.errorf(item, "DependsOn: there is no resource %q", id)
		}
		exists, err := c.exists(id)
		if err != nil {
			return nil, err
		}
		if exists {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// checkCircles refuses resources that need each other to exist first.
func (s *stack) checkCircles(uses map[string][]string) error {
	done := map[string]bool{}
	var path []string
	var visit func(id string) error
	visit = func(id string) error {
		if i := slices.Index(path, id); i >= 0 {
			circle := append(slices.Clone(path[i:]), id)
			return s.errorf(s.resources.get(id), "Resource "+id, "circular reference: %s", strings.Join(circle, " → "))
		}
		if done[id] {
			return nil
		}
		path = append(path, id)
		for _, other := range uses[id] {
			if err := visit(other); err != nil {
				return err
			}
		}
		path = path[:len(path)-1]
		done[id] = true
		return nil
	}
	for _, id := range s.resources.keys {
		if err := visit(id); err != nil {
			return err
		}
	}
	return nil
}

func (s *stack) resolveOutputs() ([]Output, error) {
	if s.outputs == nil {
		return nil, nil
	}
	var outputs []Output
	var faults []error
	for i, name := range s.outputs.keys {
		c := scope{stack: s, place: "Output " + name}
		output, exists, err := c.output(s.outputs.items[i], name)
		if err != nil {
			faults = append(faults, err)
		} else if exists {
			outputs = append(outputs, output)
		}
	}
	return outputs, errors.Join(faults...)
}

func (c scope) output(n *node, name string) (Output, bool, error) {
	if condition := n.get("Condition"); condition != nil {
		name, _ := literal(condition)
		exists, err := c.condition(name, condition)
		if err != nil || !exists {
			return Output{}, false, err
		}
	}
	o := Output{Name: name}
	o.Description, _ = literal(n.get("Description"))
	var err error
	if o.Value, err = c.text(n, n.get("Value"), "Value"); err != nil {
		return Output{}, false, err
	}
	if export := n.get("Export").get("Name"); export != nil {
		if o.ExportName, err = c.text(n, export, "Export"); err != nil {
			return Output{}, false, err
		}
	}
	return o, true, nil
}

// text resolves a member that must be text.
func (c scope) text(parent, n *node, what string) (string, error) {
	if n == nil {
		return "", c.errorf(parent, "there is no %s", what)
	}
	v, err := c.value(n)
	if err != nil {
		return "", err
	}
	s, ok := text(v)
	if !ok {
		return "", c.errorf(n, "%s is not text", what)
	}
	return s, nil
}
