package dynamodb

import (
	"cmp"
	"slices"
	"strings"
)

// change is one action of an update expression. apply reads old and returns made with the change
// applied.
type change struct {
	path   path
	clause string
	apply  func(old, made Value) (Value, error)
}

// source computes the value that SET assigns, from the item before the update.
type source func(old Value) (Value, error)

// update reads the clauses, each of which can occur once.
func (p *parser) update() []change {
	var changes []change
	seen := map[string]bool{}
	for p.peek().kind != end {
		clause := strings.ToUpper(p.next().text)
		if seen[clause] {
			p.fail("The %q section can only be used once in an update expression", clause)
		}
		seen[clause] = true
		changes = append(changes, list(p, p.change(clause))...)
	}
	paths := make([]path, len(changes))
	for i, c := range changes {
		paths[i] = c.path
	}
	p.wantDisjoint(paths)
	slices.SortStableFunc(changes, inOrder)
	return changes
}

func (p *parser) change(clause string) func() change {
	rule, ok := map[string]func(path) func(Value, Value) (Value, error){
		"SET": p.set, "REMOVE": p.remove, "ADD": p.add, "DELETE": p.deleteElements,
	}[clause]
	return func() change {
		if !ok {
			p.fail("Syntax error; token: %q", clause)
			return change{}
		}
		path := p.path()
		return change{path: path, clause: clause, apply: rule(path)}
	}
}

// inOrder puts changes that can shorten a list last, from the end of the list backwards, so that
// every index refers to the item before the update.
func inOrder(a, b change) int {
	switch {
	case a.shrinks() && b.shrinks():
		return slices.CompareFunc(b.path, a.path, func(s, t segment) int { return cmp.Compare(s.index, t.index) })
	case a.shrinks():
		return 1
	case b.shrinks():
		return -1
	}
	return 0
}

func (c change) shrinks() bool { return c.clause == "REMOVE" || c.clause == "DELETE" }

// set reads: = source [ ( + | - ) source ].
func (p *parser) set(at path) func(Value, Value) (Value, error) {
	p.expect("=")
	from := p.source()
	for _, operator := range []string{"+", "-"} {
		if p.accept(operator) {
			from = both(from, p.source(), Number, func(l, r Value) (Value, error) { return l.add(r, operator == "-") })
			break
		}
	}
	return func(old, made Value) (Value, error) {
		value, err := from(old)
		if err != nil {
			return Value{}, err
		}
		return made.put(at, value)
	}
}

func (p *parser) remove(at path) func(Value, Value) (Value, error) {
	return func(_, made Value) (Value, error) { return made.remove(at) }
}

// add reads the number or set that is added. A missing attribute is zero or the empty set.
func (p *parser) add(at path) func(Value, Value) (Value, error) {
	operand := p.value()
	if operand.kind != Number && elements[operand.kind] == "" {
		p.wrongType("ADD", operand.kind)
	}
	return func(old, made Value) (Value, error) {
		value, exists := old.find(at)
		var err error
		switch {
		case !exists:
			value = operand
		case value.kind != operand.kind:
			err = wrongOperand()
		case value.kind == Number:
			value, err = value.add(operand, false)
		default:
			value.set = slices.Concat(value.set, operand.set)
			slices.Sort(value.set)
			value.set = slices.Compact(value.set)
		}
		if err != nil {
			return Value{}, err
		}
		return made.put(at, value)
	}
}

// deleteElements reads the set whose elements are deleted. A set that is left empty is removed.
func (p *parser) deleteElements(at path) func(Value, Value) (Value, error) {
	operand := p.value()
	if elements[operand.kind] == "" {
		p.wrongType("DELETE", operand.kind)
	}
	return func(old, made Value) (Value, error) {
		value, exists := old.find(at)
		if !exists {
			return made, nil
		}
		if value.kind != operand.kind {
			return Value{}, wrongOperand()
		}
		value.set = slices.DeleteFunc(slices.Clone(value.set), func(element string) bool { return slices.Contains(operand.set, element) })
		if len(value.set) == 0 {
			return made.remove(at)
		}
		return made.put(at, value)
	}
}

func (p *parser) source() source {
	if name, ok := p.call(); ok {
		return p.sourceFunction(name)
	}
	if p.peek().kind == valueRef {
		value := p.value()
		return func(Value) (Value, error) { return value, nil }
	}
	path := p.path()
	return func(old Value) (Value, error) {
		value, exists := old.find(path)
		if !exists {
			return Value{}, invalid("The provided expression refers to an attribute that does not exist in the item")
		}
		return value, nil
	}
}

func (p *parser) sourceFunction(name string) source {
	p.next()
	p.expect("(")
	var result source
	switch name {
	case "if_not_exists":
		result = p.ifNotExists()
	case "list_append":
		front := p.source()
		p.expect(",")
		result = both(front, p.source(), List, func(f, b Value) (Value, error) {
			return Value{kind: List, list: slices.Concat(f.list, b.list)}, nil
		})
	default:
		p.fail("Invalid function name; function: %s", name)
	}
	p.expect(")")
	return result
}

func (p *parser) ifNotExists() source {
	path := p.path()
	p.expect(",")
	otherwise := p.source()
	return func(old Value) (Value, error) {
		if value, exists := old.find(path); exists {
			return value, nil
		}
		return otherwise(old)
	}
}

// both combines the values of two sources, which must be of the same type.
func both(left, right source, kind Type, join func(l, r Value) (Value, error)) source {
	return func(old Value) (Value, error) {
		l, err := left(old)
		if err != nil {
			return Value{}, err
		}
		r, err := right(old)
		if err != nil {
			return Value{}, err
		}
		if l.kind != kind || r.kind != kind {
			return Value{}, wrongOperand()
		}
		return join(l, r)
	}
}

func wrongOperand() error {
	return invalid("An operand in the update expression has an incorrect data type")
}
