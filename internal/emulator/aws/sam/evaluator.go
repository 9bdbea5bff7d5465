package sam

import (
	"slices"
	"strconv"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/spelling"
)

// maxString is the largest string, in bytes, that an intrinsic function may produce. Without a
// limit, nested functions could double the length at every level.
const maxString = 1 << 20

// evaluator evaluates the values in one element of a template, such as a resource. The first fault
// is kept in err. After it all values are nil and all conditions false, so that evaluation ends
// quickly.
type evaluator struct {
	*resolver
	element     string          // the element, as errors name it: "Resource FetchRule"
	onReference func(id string) // called for every resource that is referred to, if not nil
	inCondition bool            // true in a condition, which cannot refer to resources
	err         error
}

func (r *resolver) evaluator(element string) *evaluator {
	return &evaluator{resolver: r, element: element}
}

// noValue is the value of Ref AWS::NoValue: a property or list item with this value is left out.
type noValue struct{}

func (e *evaluator) fail(n *node, format string, args ...any) {
	if e.err == nil {
		e.err = e.errorf(n, e.element, format, args...)
	}
}

// meant returns a question for the end of an error about a name that does not exist, if one of the
// names that do is similar.
func meant(name string, known ...[]string) string {
	return spelling.Question(name, slices.Concat(known...))
}

func (e *evaluator) adopt(other *evaluator) {
	if e.err == nil {
		e.err = other.err
	}
}

// value evaluates a node to string, bool, int, float64, []any, map[string]any, nil or noValue.
func (e *evaluator) value(n *node) any {
	switch {
	case e.err != nil:
		return nil
	case n.kind == mapping:
		return e.mapping(n)
	case n.kind == sequence:
		return e.sequence(n)
	case n.kind != call:
		return n.value
	}
	v := e.call(n)
	if s, ok := v.(string); ok && len(s) > maxString {
		e.fail(n, "%s produces more than %d bytes", n.name, maxString)
	}
	if e.err != nil {
		return nil
	}
	return v
}

func (e *evaluator) mapping(n *node) map[string]any {
	m := make(map[string]any, len(n.keys))
	for i, key := range n.keys {
		if v := e.value(n.items[i]); v != (noValue{}) {
			m[key] = v
		}
	}
	return m
}

func (e *evaluator) sequence(n *node) []any {
	list := make([]any, 0, len(n.items))
	for _, item := range n.items {
		if v := e.value(item); v != (noValue{}) {
			list = append(list, v)
		}
	}
	return list
}

func (e *evaluator) arguments(n *node, count int) []any {
	values, argument := make([]any, count), n.items[0]
	if argument.kind != sequence || len(argument.items) != count {
		e.fail(n, "%s takes a list of %d arguments", n.name, count)
		return values
	}
	for i, item := range argument.items {
		values[i] = e.value(item)
	}
	return values
}

// scalar returns a value as a string, like scalarString. fault is the error for a value that is not a
// scalar.
func (e *evaluator) scalar(n *node, v any, fault string, args ...any) string {
	s, ok := scalarString(v)
	if !ok {
		e.fail(n, fault, args...)
	}
	return s
}

// scalarString formats a string, boolean or number, as CloudFormation does for a string.
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
