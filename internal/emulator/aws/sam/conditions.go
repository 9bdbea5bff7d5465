package sam

import (
	"errors"
	"fmt"
)

// conditionState is what is known about a condition; the zero value means that it has not been
// evaluated.
type conditionState int

const (
	evaluating conditionState = iota + 1
	isTrue
	isFalse
)

// checkConditions evaluates all conditions, used or not, as CloudFormation does.
func (r *resolver) checkConditions() error {
	if r.conditions == nil {
		return nil
	}
	var faults []error
	for i, name := range r.conditions.keys {
		_, err := evaluator{resolver: r, element: "Condition " + name}.condition(name, r.conditions.items[i])
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// condition evaluates the named condition. n is the node that refers to it, for errors.
func (e evaluator) condition(name string, n *node) (bool, error) {
	definition := e.conditions.get(name)
	if definition == nil {
		return false, e.errorf(n, "the template has no condition %q", name)
	}
	switch e.conditionStates[name] {
	case evaluating:
		return false, e.errorf(n, "condition %q depends on itself", name)
	case isTrue, isFalse:
		return e.conditionStates[name] == isTrue, nil
	}
	e.conditionStates[name] = evaluating
	inner := evaluator{resolver: e.resolver, element: "Condition " + name, inCondition: true}
	ok, err := inner.conditionFunction(definition)
	switch {
	case err != nil:
		delete(e.conditionStates, name)
	case ok:
		e.conditionStates[name] = isTrue
	default:
		e.conditionStates[name] = isFalse
	}
	return ok, err
}

const conditionFunctions = "Fn::And, Fn::Equals, Fn::Not, Fn::Or or Condition"

// conditionFunction evaluates a call of a condition function.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-conditions.html
func (e evaluator) conditionFunction(n *node) (bool, error) {
	if n.kind == mapping && len(n.keys) == 1 && n.keys[0] == "Condition" {
		n = &node{kind: call, line: n.line, name: "Condition", items: n.items}
	}
	if n.kind != call {
		return false, e.errorf(n, "a condition must be a call of %s, not %v", conditionFunctions, n.kind)
	}
	switch n.name {
	case "Condition":
		name, ok := n.items[0].literal()
		if !ok {
			return false, e.errorf(n, "Condition takes the name of a condition")
		}
		return e.condition(name, n)
	case "Fn::Equals":
		return e.equals(n)
	case "Fn::Not":
		operands, err := e.conditionList(n, 1, 1)
		return err == nil && !operands[0], err
	case "Fn::And", "Fn::Or":
		operands, err := e.conditionList(n, 2, 10)
		if err != nil {
			return false, err
		}
		and := n.name == "Fn::And"
		for _, operand := range operands {
			if operand != and {
				return !and, nil
			}
		}
		return and, nil
	default:
		return false, e.errorf(n, "%s is not a condition function; use %s", n.name, conditionFunctions)
	}
}

// conditionList evaluates all the conditions that Fn::Not, Fn::And or Fn::Or is called with.
func (e evaluator) conditionList(n *node, least, most int) ([]bool, error) {
	argument := n.items[0]
	if argument.kind != sequence || len(argument.items) < least || len(argument.items) > most {
		count := "one condition"
		if most > 1 {
			count = fmt.Sprintf("%d to %d conditions", least, most)
		}
		return nil, e.errorf(n, "%s takes a list of %s", n.name, count)
	}
	values := make([]bool, len(argument.items))
	for i, item := range argument.items {
		var err error
		if values[i], err = e.conditionFunction(item); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// equals compares its arguments as text, as CloudFormation does: 0 and "0" are equal.
func (e evaluator) equals(n *node) (bool, error) {
	values, err := e.arguments(n, 2)
	if err != nil {
		return false, err
	}
	left, okLeft := scalarString(values[0])
	right, okRight := scalarString(values[1])
	if !okLeft || !okRight {
		return false, e.errorf(n, "Fn::Equals compares strings, not lists or maps")
	}
	return left == right, nil
}
