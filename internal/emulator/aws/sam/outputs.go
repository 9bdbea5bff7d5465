package sam

import "errors"

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
	return e.text(n, e.value(n), "%s must be a string", name)
}
