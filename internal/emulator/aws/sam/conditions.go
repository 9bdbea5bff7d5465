package sam

import (
	"errors"
	"fmt"
)

// checkConditions evaluates all conditions, used or not, as CloudFormation does.
func (r *resolver) checkConditions() error {
	var faults []error
	for i, name := range r.conditions.keys {
		e := r.evaluator("Condition " + name)
		e.condition(name, r.conditions.items[i])
		faults = append(faults, e.err)
	}
	return errors.Join(faults...)
}

// condition evaluates the named condition. n is the node that refers to it, for errors.
func (e *evaluator) condition(name string, n *node) bool {
	definition := e.conditions.get(name)
	if definition == nil {
		e.fail(n, "the template has no condition %q%s", name, meant(name, e.conditions.keys))
		return false
	}
	if value, known := e.conditionValues[name]; known && value == nil {
		e.fail(n, "condition %q depends on itself", name)
		return false
	} else if known {
		return *value
	}
	e.conditionValues[name] = nil
	inner := e.resolver.evaluator("Condition " + name)
	inner.inCondition = true
	value := inner.conditionFunction(definition)
	if e.conditionValues[name] = &value; inner.err != nil {
		delete(e.conditionValues, name)
		e.adopt(inner)
	}
	return value
}

const conditionFunctions = "Fn::And, Fn::Equals, Fn::Not, Fn::Or or Condition"

// conditionFunction evaluates a call of a condition function.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-conditions.html
func (e *evaluator) conditionFunction(n *node) bool {
	if e.err != nil {
		return false
	}
	if n.kind == mapping && len(n.keys) == 1 && n.keys[0] == "Condition" {
		n = &node{kind: call, line: n.line, name: "Condition", items: n.items}
	}
	if n.kind != call {
		e.fail(n, "a condition must be a call of %s, not %v", conditionFunctions, n.kind)
		return false
	}
	switch n.name {
	case "Condition":
		name, ok := n.items[0].literal()
		if !ok {
			e.fail(n, "Condition takes the name of a condition")
			return false
		}
		return e.condition(name, n)
	case "Fn::Equals":
		return e.equals(n)
	case "Fn::Not":
		return e.combine(n, 1, 1, false, e.conditionFunction)
	case "Fn::And":
		return !e.combine(n, 2, 10, false, e.conditionFunction)
	case "Fn::Or":
		return e.combine(n, 2, 10, true, e.conditionFunction)
	default:
		e.fail(n, "%s is not a condition function; use %s", n.name, conditionFunctions)
		return false
	}
}

// combine reports whether one of the conditions that a call lists, all of which it evaluates, has
// the value.
func (e *evaluator) combine(n *node, least, most int, value bool, evaluate func(*node) bool) (found bool) {
	argument := n.items[0]
	if argument.kind != sequence || len(argument.items) < least || len(argument.items) > most {
		count := "one condition"
		if most > 1 {
			count = fmt.Sprintf("%d to %d conditions", least, most)
		}
		e.fail(n, "%s takes a list of %s", n.name, count)
	}
	for _, item := range argument.items {
		found = evaluate(item) == value || found
	}
	return found
}

// equals compares its arguments as text, as CloudFormation does: 0 and "0" are equal.
func (e *evaluator) equals(n *node) bool {
	values := e.arguments(n, 2)
	const compares = "Fn::Equals compares strings, not lists or maps"
	return e.scalar(n, values[0], compares) == e.scalar(n, values[1], compares)
}
