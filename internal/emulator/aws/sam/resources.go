package sam

import (
	"errors"
	"maps"
	"slices"
	"strings"
)

// resolveResources resolves the resources whose condition is true and joins their faults.
func (r *resolver) resolveResources() ([]Resource, error) {
	var resources []Resource
	var faults []error
	dependencies := map[string][]string{}
	for _, id := range r.resources.keys {
		e := r.evaluator("Resource " + id)
		if e.isCreated(id) {
			resource, references := e.resolveResource(id)
			resources = append(resources, resource)
			dependencies[id] = slices.Concat(references, resource.DependsOn)
		}
		faults = append(faults, e.err)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return resources, r.checkCycles(dependencies)
}

// isCreated reports whether a resource of the template has no condition or one that is true.
func (e *evaluator) isCreated(id string) bool {
	n := e.resources.get(id).get("Condition")
	if n == nil {
		return true
	}
	inner := e.resolver.evaluator("Resource " + id)
	name, ok := n.literal()
	if !ok {
		inner.fail(n, "Condition takes the name of a condition")
	}
	created := ok && inner.condition(name, n)
	e.adopt(inner)
	return created
}

// resolveResource also returns the logical IDs of the resources that it refers to.
func (e *evaluator) resolveResource(id string) (Resource, []string) {
	n := e.resources.get(id)
	identity := e.identity(n, id)
	references := map[string]bool{}
	e.onReference = func(other string) { references[other] = true }
	resolved := Resource{
		LogicalID: id, Type: identity.resourceType, File: e.opts.File, Line: e.resources.lineOf(id),
		Name: identity.name, ARN: identity.arn, URL: identity.url,
		Properties: e.resolveProperties(id), Metadata: e.resolveMap(n.get("Metadata"), "Metadata"), DependsOn: e.dependsOn(n.get("DependsOn")),
	}
	if e.opts.Qualified {
		resolved.Stack = e.opts.StackName
	}
	return resolved, slices.Sorted(maps.Keys(references))
}

func (e *evaluator) resolveProperties(id string) map[string]any {
	if own := e.resources.get(id).get("Properties"); own != nil && own.kind != mapping {
		e.fail(own, "Properties must be a map, not %v", own.kind)
	}
	// SAM generates resources for events, so resources that they refer to do not need to exist
	// before the function.
	events := *e
	events.onReference = nil
	n := e.properties(id)
	properties := make(map[string]any, len(n.keys))
	for i, key := range n.keys {
		inner := e
		if key == "Events" && e.resourceType(id) == "AWS::Serverless::Function" {
			inner = &events
		}
		if v := inner.value(n.items[i]); v != (noValue{}) {
			properties[key] = v
		}
	}
	e.adopt(&events)
	return properties
}

func (e *evaluator) resolveMap(n *node, attribute string) map[string]any {
	if n == nil {
		return nil
	}
	if n.kind != mapping {
		e.fail(n, "%s must be a map, not %v", attribute, n.kind)
	}
	return e.mapping(n)
}

// dependsOn leaves out resources whose condition is false, as CloudFormation does.
func (e *evaluator) dependsOn(n *node) (ids []string) {
	if n == nil {
		return nil
	}
	items := n.items
	if n.kind == scalar {
		items = []*node{n}
	}
	for _, item := range items {
		id, ok := item.literal()
		if !ok || e.resources.get(id) == nil {
			e.fail(item, "DependsOn: the template has no resource %q%s", id, meant(id, e.resources.keys))
		} else if e.isCreated(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// checkCycles returns an error if a resource depends, through others, on itself.
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
func formatCycle(path []string, id string) string { return strings.Join(path, " → ") + " → " + id }

// resolveOutputs resolves the outputs whose condition is true.
func (r *resolver) resolveOutputs() ([]Output, error) {
	var outputs []Output
	var faults []error
	for i, name := range r.outputs.keys {
		e, n := r.evaluator("Output "+name), r.outputs.items[i]
		if condition := n.get("Condition"); condition != nil {
			name, _ := condition.literal()
			if !e.condition(name, condition) {
				faults = append(faults, e.err)
				continue
			}
		}
		o := Output{Name: name, Value: e.outputMember(n, n.get("Value"), "Value")}
		o.Description, _ = n.get("Description").literal()
		if export := n.get("Export").get("Name"); export != nil {
			o.ExportName = e.outputMember(n, export, "Export")
		}
		outputs, faults = append(outputs, o), append(faults, e.err)
	}
	return outputs, errors.Join(faults...)
}

// outputMember resolves a member of an output that must be a string.
func (e *evaluator) outputMember(output, n *node, name string) string {
	if n == nil {
		e.fail(output, "the output has no %s", name)
		return ""
	}
	return e.scalar(n, e.value(n), "%s must be a string", name)
}
