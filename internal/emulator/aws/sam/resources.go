package sam

import (
	"errors"
	"maps"
	"slices"
	"strings"
)

// resolveResources resolves the resources whose condition is true and reports all their faults
// together.
func (r *resolver) resolveResources() ([]Resource, error) {
	var resources []Resource
	var faults []error
	dependencies := map[string][]string{}
	for _, id := range r.resources.keys {
		created, err := r.isCreated(id)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if !created {
			continue
		}
		resource, needed, err := r.resolveResource(id)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		resources, dependencies[id] = append(resources, resource), needed
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return resources, r.checkCycles(dependencies)
}

// isCreated reports whether a resource of the template has no condition or one that is true.
func (r *resolver) isCreated(id string) (bool, error) {
	n := r.resources.get(id).get("Condition")
	if n == nil {
		return true, nil
	}
	e := evaluator{resolver: r, element: "Resource " + id}
	name, ok := n.literal()
	if !ok {
		return false, e.errorf(n, "Condition takes the name of a condition")
	}
	return e.condition(name, n)
}

// resolveResource returns the resource and the logical IDs of the resources that must be created
// before it.
func (r *resolver) resolveResource(id string) (Resource, []string, error) {
	n := r.resources.get(id)
	references := map[string]bool{}
	e := evaluator{resolver: r, element: "Resource " + id, onReference: func(other string) { references[other] = true }}
	identity, err := e.identity(n, id)
	if err != nil {
		return Resource{}, nil, err
	}
	delete(references, id)
	resource := Resource{
		LogicalID: id, Type: identity.resourceType, Line: r.resources.lineOf(id),
		Name: identity.name, ARN: identity.arn, URL: identity.url,
	}
	if resource.Properties, err = e.resolveProperties(id); err != nil {
		return Resource{}, nil, err
	}
	if resource.Metadata, err = e.resolveMap(n.get("Metadata"), "Metadata"); err != nil {
		return Resource{}, nil, err
	}
	if resource.DependsOn, err = e.dependsOn(n.get("DependsOn")); err != nil {
		return Resource{}, nil, err
	}
	return resource, slices.Concat(slices.Sorted(maps.Keys(references)), resource.DependsOn), nil
}

func (e evaluator) resolveProperties(id string) (map[string]any, error) {
	if own := e.resources.get(id).get("Properties"); own != nil && own.kind != mapping {
		return nil, e.errorf(own, "Properties must be a map, not %v", own.kind)
	}
	n := e.properties(id)
	properties := make(map[string]any, len(n.keys))
	for i, key := range n.keys {
		inner := e
		if key == "Events" && e.resourceType(id) == "AWS::Serverless::Function" {
			// SAM makes separate resources of a function's events, so the resources that the events
			// refer to need not exist before the function does.
			inner.onReference = nil
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

func (e evaluator) resolveMap(n *node, attribute string) (map[string]any, error) {
	if n == nil {
		return nil, nil
	}
	if n.kind != mapping {
		return nil, e.errorf(n, "%s must be a map, not %v", attribute, n.kind)
	}
	return e.mapping(n)
}

// dependsOn leaves out resources whose condition is false, as CloudFormation does.
func (e evaluator) dependsOn(n *node) ([]string, error) {
	if n == nil {
		return nil, nil
	}
	items := n.items
	if n.kind == scalar {
		items = []*node{n}
	}
	var ids []string
	for _, item := range items {
		id, ok := item.literal()
		if !ok || e.resources.get(id) == nil {
			return nil, e.errorf(item, "DependsOn: the template has no resource %q", id)
		}
		created, err := e.isCreated(id)
		if err != nil {
			return nil, err
		}
		if created {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// checkCycles returns an error if a resource must, through others, be created before itself.
func (r *resolver) checkCycles(dependencies map[string][]string) error {
	done := map[string]bool{}
	var path []string
	var visit func(id string) error
	visit = func(id string) error {
		if i := slices.Index(path, id); i >= 0 {
			return r.errorf(r.resources.get(id), "Resource "+id, "circular reference: %s", formatCycle(path[i:], id))
		}
		if done[id] {
			return nil
		}
		path = append(path, id)
		for _, other := range dependencies[id] {
			if err := visit(other); err != nil {
				return err
			}
		}
		path = path[:len(path)-1]
		done[id] = true
		return nil
	}
	for _, id := range r.resources.keys {
		if err := visit(id); err != nil {
			return err
		}
	}
	return nil
}

// formatCycle formats a path of references whose last leads to id.
func formatCycle(path []string, id string) string {
	return strings.Join(path, " → ") + " → " + id
}
