package sam

import "strconv"

// maxString is the largest string, in bytes, that an intrinsic function may produce. Without a
// limit, nested functions could double the length at every level.
const maxString = 1 << 20

// evaluator evaluates the values in one element of a template, such as a resource.
type evaluator struct {
	*resolver
	element     string          // the element, as errors name it: "Resource FetchRule"
	onReference func(id string) // called for every resource that is referred to, if not nil
	inCondition bool            // whether this is a condition, which cannot refer to resources
}

// noValue is the value of Ref AWS::NoValue: the property or list item that has it is left out.
type noValue struct{}

func (e evaluator) errorf(n *node, format string, args ...any) error {
	return e.resolver.errorf(n, e.element, format, args...)
}

// value evaluates a node to string, bool, int, float64, []any, map[string]any, nil or noValue.
func (e evaluator) value(n *node) (any, error) {
	switch n.kind {
	case mapping:
		return e.mapping(n)
	case sequence:
		return e.sequence(n)
	case call:
		v, err := e.call(n)
		if s, ok := v.(string); ok && len(s) > maxString {
			return nil, e.errorf(n, "%s produces more than %d bytes", n.name, maxString)
		}
		return v, err
	default:
		return n.value, nil
	}
}

func (e evaluator) mapping(n *node) (map[string]any, error) {
	m := make(map[string]any, len(n.keys))
	for i, key := range n.keys {
		v, err := e.value(n.items[i])
		if err != nil {
			return nil, err
		}
		if v != (noValue{}) {
			m[key] = v
		}
	}
	return m, nil
}

func (e evaluator) sequence(n *node) ([]any, error) {
	list := make([]any, 0, len(n.items))
	for _, item := range n.items {
		v, err := e.value(item)
		if err != nil {
			return nil, err
		}
		if v != (noValue{}) {
			list = append(list, v)
		}
	}
	return list, nil
}

// arguments evaluates the arguments of a function that takes a list of exactly count.
func (e evaluator) arguments(n *node, count int) ([]any, error) {
	argument := n.items[0]
	if argument.kind != sequence || len(argument.items) != count {
		return nil, e.errorf(n, "%s takes a list of %d arguments", n.name, count)
	}
	values := make([]any, count)
	for i, item := range argument.items {
		var err error
		if values[i], err = e.value(item); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// scalarString formats a string, boolean or number as a string, which CloudFormation does wherever
// it wants one. It returns false for any other value.
func scalarString(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int:
		return strconv.Itoa(v), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	default:
		return "", false
	}
}
