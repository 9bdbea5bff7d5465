package sam

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// readParameters gives every parameter its value. All faults are reported together.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
func (s *stack) readParameters(n *node) error {
	s.parameters, s.parameterTexts = map[string]any{}, map[string]string{}
	if n == nil {
		n = &node{kind: mapping}
	}
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(s.opts.Parameters)) {
		if n.get(name) == nil {
			faults = append(faults, s.unknownParameter(name, n.keys))
		}
	}
	for i, name := range n.keys {
		p := parameter{stack: s, node: n.items[i], name: name}
		if err := p.read(); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

func (s *stack) unknownParameter(name string, known []string) error {
	if len(known) == 0 {
		return s.errorf(nil, "Parameter "+name, "the template has no parameters")
	}
	return s.errorf(nil, "Parameter "+name, "the template has no such parameter; it has %s", strings.Join(known, ", "))
}

type parameter struct {
	*stack
	node *node
	name string
}

func (p parameter) errorf(format string, args ...any) error {
	return p.stack.errorf(p.node, "Parameter "+p.name, format, args...)
}

func (p parameter) read() error {
	value, err := p.given()
	if err != nil {
		return err
	}
	typed, err := p.convert(value)
	if err != nil {
		return err
	}
	p.parameters[p.name], p.parameterTexts[p.name] = typed, value
	return p.check(typed)
}

// given returns the value as text: the override, or else the default.
func (p parameter) given() (string, error) {
	if value, ok := p.opts.Parameters[p.name]; ok {
		return value, nil
	}
	if strings.HasPrefix(p.typeName(), "AWS::SSM::Parameter::Value<") {
		return "", p.errorf("its value lives in AWS Systems Manager: give it one here")
	}
	value, ok := literal(p.node.get("Default"))
	if !ok {
		return "", p.errorf("no value is given and there is no default")
	}
	return value, nil
}

func (p parameter) typeName() string {
	t, _ := literal(p.node.get("Type"))
	return t
}

// convert returns the value that Ref has: numbers for Number, lists for the list types, else the text.
func (p parameter) convert(value string) (any, error) {
	t := p.typeName()
	if inner, ok := strings.CutPrefix(t, "AWS::SSM::Parameter::Value<"); ok {
		t = strings.TrimSuffix(inner, ">")
	}
	switch {
	case t == "String" || strings.HasPrefix(t, "AWS::"):
		return value, nil
	case t == "Number":
		return p.number(value)
	case t == "CommaDelimitedList" || strings.HasPrefix(t, "List<"):
		return p.list(value, t == "List<Number>")
	default:
		return nil, p.errorf("unknown type %q", t)
	}
}

func (p parameter) number(value string) (any, error) {
	value = strings.TrimSpace(value)
	if i, err := strconv.Atoi(value); err == nil {
		return i, nil
	}
	f, err := strconv.ParseFloat(value, 64)
	if err != nil || f-f != 0 {
		return nil, p.errorf("%q is not a number", value)
	}
	return f, nil
}

func (p parameter) list(value string, numbers bool) (any, error) {
	list := []any{}
	if value == "" {
		return list, nil
	}
	for item := range strings.SplitSeq(value, ",") {
		item = strings.TrimSpace(item)
		if !numbers {
			list = append(list, item)
			continue
		}
		n, err := p.number(item)
		if err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, nil
}

// check applies the constraints to the value, or to each item of a list.
func (p parameter) check(value any) error {
	list, ok := value.([]any)
	if !ok {
		return p.checkOne(value)
	}
	for _, item := range list {
		if err := p.checkOne(item); err != nil {
			return err
		}
	}
	return nil
}

func (p parameter) checkOne(value any) error {
	s, _ := text(value)
	if allowed := p.node.get("AllowedValues"); allowed != nil {
		var names []string
		for _, item := range allowed.items {
			name, _ := literal(item)
			names = append(names, name)
		}
		if !slices.Contains(names, s) {
			return p.refuse(s, "is not one of "+strings.Join(names, ", "))
		}
	}
	if pattern, ok := literal(p.node.get("AllowedPattern")); ok {
		re, err := regexp.Compile("^(?:" + pattern + ")$")
		if err != nil {
			return p.errorf("AllowedPattern is not understood: %v", err)
		}
		if !re.MatchString(s) {
			return p.refuse(s, "does not match "+pattern)
		}
	}
	length := float64(utf8.RuneCountInString(s))
	if err := p.checkRange(s, "MinLength", "MaxLength", length, " characters"); err != nil {
		return err
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		return p.checkRange(s, "MinValue", "MaxValue", f, "")
	}
	return nil
}

func (p parameter) checkRange(s, least, most string, f float64, unit string) error {
	if bound, ok := p.bound(least); ok && f < bound {
		return p.refuse(s, fmt.Sprintf("is less than %v%s", bound, unit))
	}
	if bound, ok := p.bound(most); ok && f > bound {
		return p.refuse(s, fmt.Sprintf("is more than %v%s", bound, unit))
	}
	return nil
}

func (p parameter) bound(key string) (float64, bool) {
	s, ok := literal(p.node.get(key))
	f, err := strconv.ParseFloat(s, 64)
	return f, ok && err == nil
}

func (p parameter) refuse(value, why string) error {
	if noEcho, _ := literal(p.node.get("NoEcho")); noEcho == "true" {
		value = "the value"
	} else {
		value = strconv.Quote(value)
	}
	if description, ok := literal(p.node.get("ConstraintDescription")); ok {
		why += ": " + description
	}
	return p.errorf("%s %s", value, why)
}
