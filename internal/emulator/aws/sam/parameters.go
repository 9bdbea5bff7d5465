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

// readParameters determines the values of all parameters and reports all their faults together.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
func (r *resolver) readParameters(n *node) error {
	r.parameters, r.parameterTexts = map[string]any{}, map[string]string{}
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(r.opts.Parameters)) {
		if n.get(name) == nil {
			reason := "the template has no parameters"
			if len(n.keys) > 0 {
				reason = "the template has no such parameter; its parameters are " + strings.Join(n.keys, ", ")
			}
			faults = append(faults, r.errorf(nil, "Parameter "+name, "%s", reason))
		}
	}
	for i, name := range n.keys {
		p := parameter{resolver: r, node: n.items[i], name: name}
		if err := p.read(); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// parameter is one parameter of the template.
type parameter struct {
	*resolver
	node *node
	name string
}

func (p parameter) errorf(format string, args ...any) error {
	return p.resolver.errorf(p.node, "Parameter "+p.name, format, args...)
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

// given returns the value as text: the one in [Options], otherwise the default.
func (p parameter) given() (string, error) {
	if value, ok := p.opts.Parameters[p.name]; ok {
		return value, nil
	}
	if strings.HasPrefix(p.typeName(), "AWS::SSM::Parameter::Value<") {
		return "", p.errorf("the value is stored in AWS Systems Manager, which is not read here; pass a value")
	}
	value, ok := p.node.get("Default").literal()
	if !ok {
		return "", p.errorf("the parameter has no default; pass a value")
	}
	return value, nil
}

func (p parameter) typeName() string {
	t, _ := p.node.get("Type").literal()
	return t
}

// parameterTypes are the types that CloudFormation defines, besides those of AWS's resources.
var parameterTypes = []string{"String", "Number", "List<Number>", "List<String>", "CommaDelimitedList"}

// convert returns the value of Ref: a number for Number, a list for a list type, otherwise the
// text.
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
		return nil, p.errorf("unknown parameter type %q%s", t, meant(t, parameterTypes))
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
		item = strings.Trim(item, " ") // CloudFormation trims only spaces
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

// check checks a value, or each item of a list, against the constraints. An empty text is a list of
// no items, but has to match a pattern.
func (p parameter) check(value any) error {
	list, ok := value.([]any)
	if !ok {
		return p.checkOne(value)
	}
	if _, hasPattern := p.node.get("AllowedPattern").literal(); hasPattern && len(list) == 0 {
		list = []any{""}
	}
	for _, item := range list {
		if err := p.checkOne(item); err != nil {
			return err
		}
	}
	return nil
}

func (p parameter) checkOne(value any) error {
	s, _ := scalarString(value)
	if allowed := p.allowedValues(); allowed != nil && !slices.Contains(allowed, s) {
		return p.invalid(s, "is not one of "+strings.Join(allowed, ", "))
	}
	if pattern, ok := p.node.get("AllowedPattern").literal(); ok {
		re, err := regexp.Compile("^(?:" + pattern + ")$")
		if err != nil {
			return p.errorf("AllowedPattern is not a regular expression that Go supports: %v", err)
		}
		if !re.MatchString(s) {
			return p.invalid(s, "does not match "+pattern)
		}
	}
	length := float64(utf8.RuneCountInString(s))
	number, notNumber := strconv.ParseFloat(s, 64)
	for _, limit := range []struct {
		key, fault string
		broken     func(bound float64) bool
	}{
		{"MinLength", "has fewer than %v characters", func(bound float64) bool { return length < bound }},
		{"MaxLength", "has more than %v characters", func(bound float64) bool { return length > bound }},
		{"MinValue", "is less than %v", func(bound float64) bool { return notNumber == nil && number < bound }},
		{"MaxValue", "is greater than %v", func(bound float64) bool { return notNumber == nil && number > bound }},
	} {
		if bound, ok := p.bound(limit.key); ok && limit.broken(bound) {
			return p.invalid(s, fmt.Sprintf(limit.fault, bound))
		}
	}
	return nil
}

// allowedValues returns the values that the parameter can have. Nil: any.
func (p parameter) allowedValues() []string {
	allowed := p.node.get("AllowedValues")
	if allowed == nil {
		return nil
	}
	values := make([]string, len(allowed.items))
	for i, item := range allowed.items {
		values[i], _ = item.literal()
	}
	return values
}

func (p parameter) bound(key string) (float64, bool) {
	s, ok := p.node.get(key).literal()
	f, err := strconv.ParseFloat(s, 64)
	return f, ok && err == nil
}

// invalid returns an error about the value, with the template's own description of the constraint.
// It leaves out the value if the parameter is NoEcho.
func (p parameter) invalid(value, fault string) error {
	if noEcho, _ := p.node.get("NoEcho").literal(); noEcho == "true" {
		value = "the value"
	} else {
		value = strconv.Quote(value)
	}
	if description, ok := p.node.get("ConstraintDescription").literal(); ok {
		fault += ": " + description
	}
	return p.errorf("%s %s", value, fault)
}
