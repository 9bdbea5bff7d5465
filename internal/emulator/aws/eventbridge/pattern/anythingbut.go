package pattern

// anythingBut accepts every value, of any type, except the listed ones.
func anythingBut(o operand) (test, error) {
	if o.kind != object {
		return noneOf(o, equalOperand)
	}
	inner, err := o.inner()
	if err != nil {
		return nil, err
	}
	switch inner.operator {
	case "prefix", "suffix":
		return noneOf(inner, nonEmptyAffix)
	case "equals-ignore-case":
		return noneOf(inner, equalsIgnoreCase)
	case "wildcard":
		return noneOf(inner, wildcard)
	default:
		return nil, inner.errorf("unknown operator inside anything-but")
	}
}

// noneOf compiles one operand or a list of operands of one type, and accepts what none of them accepts.
func noneOf(o operand, compile func(operand) (test, error)) (test, error) {
	list := []operand{o}
	if o.kind == array {
		list = nil
		for i, member := range o.members {
			list = append(list, operand{node: member, at: o.at + index(i), operator: o.operator})
		}
	}
	if len(list) == 0 {
		return nil, o.errorf("an empty list excludes nothing")
	}
	var excluded []test
	for _, each := range list {
		accept, err := compile(each)
		if err != nil {
			return nil, err
		}
		if each.kind != list[0].kind {
			return nil, each.errorf("strings and numbers cannot be mixed")
		}
		excluded = append(excluded, accept)
	}
	return func(v value) bool {
		for _, excludes := range excluded {
			if excludes(v) {
				return false
			}
		}
		return true
	}, nil
}

// equalOperand compiles a plain string or number. Unlike an exact value outside anything-but, the string is compared as
// text even when it is an IP address, and the number must be one that can be compared.
func equalOperand(o operand) (test, error) {
	switch o.kind {
	case text:
		return exactly(o)
	case number:
		if _, ok := parseNumber(o.text); !ok {
			return nil, o.errorf("%s cannot be compared: a 64-bit float does not hold it exactly", o.text)
		}
		return equalNumber(o.text), nil
	default:
		return nil, o.errorf("a string, a number or a list of either is wanted, not %v", o.kind)
	}
}

func nonEmptyAffix(o operand) (test, error) {
	if o.kind == text && o.text == "" {
		return nil, o.errorf("an empty string would exclude every string")
	}
	want, err := o.string()
	if err != nil {
		return nil, err
	}
	return onStrings(affixFunc(o.operator, want, false)), nil
}
