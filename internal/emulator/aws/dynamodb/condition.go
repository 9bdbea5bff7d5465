package dynamodb

import (
	"slices"
	"strings"
)

// condition reports whether an item, a map value, satisfies it. A missing item has no attributes.
type condition func(item Value) bool

// operand is one side of a comparison: a document path, size() of a path, or a value.
type operand struct {
	kind Type                           // of a value, which does not depend on the item; empty for a path
	in   func(item Value) (Value, bool) // false if the item has nothing at the path
}

const maxIn = 100

// condition reads: and { OR and }.
func (p *parser) condition() condition {
	either := []condition{p.and()}
	for p.accept("OR") {
		either = append(either, p.and())
	}
	return func(item Value) bool {
		return slices.ContainsFunc(either, func(c condition) bool { return c(item) })
	}
}

// and reads: not { AND not }.
func (p *parser) and() condition {
	every := []condition{p.not()}
	for p.accept("AND") {
		every = append(every, p.not())
	}
	return func(item Value) bool {
		return !slices.ContainsFunc(every, func(c condition) bool { return !c(item) })
	}
}

// not reads: { NOT } ( parenthesis | function | comparison ).
func (p *parser) not() condition {
	if p.accept("NOT") {
		inner := p.not()
		return func(item Value) bool { return !inner(item) }
	}
	if p.peek().is("(") {
		return p.parenthesis()
	}
	if name, ok := p.call(); ok && name != "size" {
		return p.function(name)
	}
	return p.comparison()
}

// parenthesis reads ( condition ). Like DynamoDB it refuses redundant double parentheses.
func (p *parser) parenthesis() condition {
	p.expect("(")
	span := [2]int{len(p.tokens)}
	inner := p.condition()
	span[1] = len(p.tokens)
	if span == p.group {
		p.fail("The expression has redundant parentheses")
	}
	p.expect(")")
	p.group = [2]int{span[0] + 1, len(p.tokens)}
	return inner
}

// comparison reads: operand ( comparator operand | BETWEEN operand AND operand | IN ( operands ) ).
func (p *parser) comparison() condition {
	left := p.operand()
	switch t := p.next(); {
	case t.is("BETWEEN"):
		low := p.operand()
		p.expect("AND")
		high := p.operand()
		p.wantOrdered("BETWEEN", left, low, high)
		notBelow, notAbove := left.compared(low, comparators[">="]), left.compared(high, comparators["<="])
		return func(item Value) bool { return notBelow(item) && notAbove(item) }
	case t.is("IN"):
		return p.in(left)
	case t.is("="):
		return left.and(p.operand(), Value.equal)
	case t.is("<>"):
		same := left.and(p.operand(), Value.equal)
		return func(item Value) bool { return !same(item) } // an attribute that is missing differs from any value
	case t.kind == symbol && comparators[t.text] != nil:
		right := p.operand()
		p.wantOrdered(t.text, left, right)
		return left.compared(right, comparators[t.text])
	default:
		p.fail("Syntax error; token: %q", t.text)
		return nil
	}
}

// comparators report whether they accept an order as [strings.Compare] returns it.
var comparators = map[string]func(order int) bool{
	"<":  func(order int) bool { return order < 0 },
	"<=": func(order int) bool { return order <= 0 },
	">":  func(order int) bool { return order > 0 },
	">=": func(order int) bool { return order >= 0 },
}

// and is false when a side is missing.
func (o operand) and(right operand, holds func(l, r Value) bool) condition {
	return func(item Value) bool {
		l, lok := o.in(item)
		r, rok := right.in(item)
		return lok && rok && holds(l, r)
	}
}

// compared is false when a side is missing or their types differ.
func (o operand) compared(right operand, accept func(int) bool) condition {
	return o.and(right, func(l, r Value) bool {
		order, ok := l.compare(r)
		return ok && accept(order)
	})
}

func (p *parser) in(left operand) condition {
	p.expect("(")
	choices := list(p, p.operand)
	p.expect(")")
	if len(choices) > maxIn {
		p.fail("The IN operator takes at most %d operands, it was given %d", maxIn, len(choices))
	}
	return func(item Value) bool {
		return slices.ContainsFunc(choices, func(choice operand) bool { return left.and(choice, Value.equal)(item) })
	}
}

// wantOrdered refuses a value whose type has no order. Comparing an attribute of such a type is
// false.
func (p *parser) wantOrdered(operator string, operands ...operand) {
	for _, o := range operands {
		if o.kind != "" && !o.kind.ordered() {
			p.wrongType(operator, o.kind)
		}
	}
}

func (p *parser) wrongType(operator string, kind Type) {
	p.fail("Incorrect operand type for operator or function; operator or function: %s, operand type: %s", operator, kind)
}

func (p *parser) operand() operand {
	if name, ok := p.call(); ok {
		if name != "size" {
			p.fail("The function %s is not allowed to be used this way or does not exist", name)
		}
		return p.size()
	}
	if p.peek().kind == valueRef {
		value := p.value()
		return operand{kind: value.kind, in: func(Value) (Value, bool) { return value, true }}
	}
	path := p.path()
	return operand{in: func(item Value) (Value, bool) { return item.find(path) }}
}

func (p *parser) size() operand {
	p.next()
	p.expect("(")
	path := p.path()
	p.expect(")")
	return operand{in: func(item Value) (Value, bool) {
		value, ok := item.find(path)
		n, sized := value.length()
		return n, ok && sized
	}}
}

// function reads a function whose result is a condition.
func (p *parser) function(name string) condition {
	p.next()
	p.expect("(")
	var result condition
	switch name {
	case "attribute_exists", "attribute_not_exists":
		path, want := p.path(), name == "attribute_exists"
		result = func(item Value) bool { _, exists := item.find(path); return exists == want }
	case "attribute_type":
		result = p.attributeType()
	case "begins_with":
		result = p.twoOperands(name, beginsWith, String, Binary)
	case "contains":
		result = p.twoOperands(name, contains)
	default:
		p.fail("Invalid function name; function: %s", name)
	}
	p.expect(")")
	return result
}

// twoOperands reads the operands of a function that is false if one of them is missing. If the
// second operand is a value, it must be of one of the types; no types means any type.
func (p *parser) twoOperands(name string, holds func(a, b Value) bool, types ...Type) condition {
	left := p.operand()
	p.expect(",")
	right := p.operand()
	if right.kind != "" && types != nil && !slices.Contains(types, right.kind) {
		p.wrongType(name, right.kind)
	}
	return left.and(right, holds)
}

func (p *parser) attributeType() condition {
	path := p.path()
	p.expect(",")
	want := p.value()
	if want.kind != String {
		p.wrongType("attribute_type", want.kind)
	}
	return func(item Value) bool {
		value, exists := item.find(path)
		return exists && value.kind == Type(want.scalar)
	}
}

func beginsWith(v, prefix Value) bool {
	return v.kind == prefix.kind && (v.kind == String || v.kind == Binary) && strings.HasPrefix(v.scalar, prefix.scalar)
}

// contains reports whether part is a substring, or an element of a set or a list.
func contains(v, part Value) bool {
	switch v.kind {
	case String, Binary:
		return v.kind == part.kind && strings.Contains(v.scalar, part.scalar)
	case List:
		return slices.ContainsFunc(v.list, part.equal)
	}
	return elements[v.kind] == part.kind && slices.Contains(v.set, part.scalar)
}
