package sam

import "errors"

// resolveOutputs resolves the outputs whose condition is true.
func (r *resolver) resolveOutputs() ([]Output, error) {
	if r.outputs == nil {
		return nil, nil
	}
	var outputs []Output
	var faults []error
	for i, name := range r.outputs.keys {
		e := evaluator{resolver: r, element: "Output " + name}
		output, created, err := e.output(r.outputs.items[i], name)
		if err != nil {
			faults = append(faults, err)
		} else if created {
			outputs = append(outputs, output)
		}
	}
	return outputs, errors.Join(faults...)
}

// output resolves an output, and reports whether its condition is true.
func (e evaluator) output(n *node, name string) (Output, bool, error) {
	if condition := n.get("Condition"); condition != nil {
		name, _ := condition.literal()
		created, err := e.condition(name, condition)
		if err != nil || !created {
			return Output{}, false, err
		}
	}
	o := Output{Name: name}
	o.Description, _ = n.get("Description").literal()
	var err error
	if o.Value, err = e.outputMember(n, n.get("Value"), "Value"); err != nil {
		return Output{}, false, err
	}
	if export := n.get("Export").get("Name"); export != nil {
		if o.ExportName, err = e.outputMember(n, export, "Export"); err != nil {
			return Output{}, false, err
		}
	}
	return o, true, nil
}

// outputMember resolves a member of an output that must be a string.
func (e evaluator) outputMember(output, n *node, name string) (string, error) {
	if n == nil {
		return "", e.errorf(output, "the output has no %s", name)
	}
	v, err := e.value(n)
	if err != nil {
		return "", err
	}
	s, ok := scalarString(v)
	if !ok {
		return "", e.errorf(n, "%s must be a string", name)
	}
	return s, nil
}
