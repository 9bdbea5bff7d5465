package sam

import "errors"

// verdict is a condition's value, or the fact that it is being worked out.
type verdict int

const (
	pending verdict = iota + 1
	holds
	fails
)

// checkConditions evaluates all conditions, used or not, as CloudFormation does.
func (s *stack) checkConditions() error {
	if s.conditions == nil {
		return nil
	}
	var faults []error
	for i, name := range s.conditions.keys {
		_, err := scope{stack: s, place: "Condition " + name}.condition(name, s.conditions.items[i])
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// condition evaluates the named condition. n is the place that asks, for errors.
func (c scope) condition(name string, n *node) (bool, error) {
	definition := c.conditions.get(name)
	if definition == nil {
		return false, c.errorf(n, "there is no condition %q", name)
	}
	switch c.verdicts[name] {
	case pending:
		return false, c.errorf(n, "condition %q depends on itself", name)
	case holds, fails:
		return c.verdicts[name] == holds, nil
	}
	c.verdicts[name] = pending
	inner := scope{stack: c.stack, place: "Condition " + name, inCondition: true}
	ok, err := inner.truth(definition)
	switch {
	case err != nil:
		delete(c.verdicts, name)
	case ok:
		c.verdicts[name] = holds
	default:
		c.verdicts[name] = fails
	}
	return ok, err
}

// truth evaluates a condition function.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-conditions.html
func (c scope) truth(n *node) (bool, error) {
	if n.kind == mapping && len(n.keys) == 1 && n.keys[0] == "Condition" {
		n = &node{kind: call, line: n.line, name: "Condition", items: n.items}
	}
	if n.kind != call {
		return false, c.errorf(n, "a condition function is wanted, not %v", n.kind)
	}
	argument := n.items[0]
	switch n.name {
	case "Condition":
		name, ok := literal(argument)
		if !ok {
			return false, c.errorf(n, "Condition takes a name")
		}
		return c.condition(name, n)
	case "Fn::Equals":
		return c.equals(n)
	case "Fn::Not":
		truths, err := c.truths(n, 1, 1)
		return err == nil && !truths[0], err
	case "Fn::And", "Fn::Or":
		truths, err := c.truths(n, 2, 10)
		if err != nil {
			return false, err
		}
		and := n.name == "Fn::And"
		for _, t := range truths {
			if t != and {
				return !and, nil
			}
		}
		return and, nil
	default:
		return false, c.errorf(n, "%s is not a condition function", n.name)
	}
}

func (c scope) truths(n *node, least, most int) ([]bool, error) {
	argument := n.items[0]
	if argument.kind != sequence || len(argument.items) < least || len(argument.items) > most {
		return nil, c.errorf(n, "%s takes a list of %d to %d conditions", n.name, least, most)
	}
	truths := make([]bool, len(argument.items))
	for i, item := range argument.items {
		var err error
		if truths[i], err = c.truth(item); err != nil {
			return nil, err
		}
	}
	return truths, nil
}

// equals compares as text, as CloudFormation does: 0 and "0" are equal.
func (c scope) equals(n *node) (bool, error) {
	values, err := c.arguments(n, 2)
	if err != nil {
		return false, err
	}
	left, okLeft := text(values[0])
	right, okRight := text(values[1])
	if !okLeft || !okRight {
		return false, c.errorf(n, "Fn::Equals compares two values that are not lists or maps")
	}
	return left == right, nil
}
