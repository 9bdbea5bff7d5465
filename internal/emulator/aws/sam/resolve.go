package sam

import (
	"strconv"
	"strings"
)

// maxString bounds the text that a function may produce, because functions in functions can double it at every level.
const maxString = 1 << 20

// scope is the stack as seen from one place of the template.
type scope struct {
	*stack
	place string
	uses  func(id string) // told of every resource referred to; may be nil

	inCondition bool // where resources cannot be referred to
}

// noValue is what Ref AWS::NoValue resolves to: the property or list item that has it is left out.
type noValue struct{}

func (c scope) errorf(n *node, format string, args ...any) error {
	return c.stack.errorf(n, c.place, format, args...)
}

// value resolves a node to string, bool, int, float64, []any, map[string]any, nil or noValue.
func (c scope) value(n *node) (any, error) {
	switch n.kind {
	case mapping:
		return c.mapping(n)
	case sequence:
		return c.sequence(n)
	case call:
		v, err := c.call(n)
		if s, ok := v.(string); ok && len(s) > maxString {
			return nil, c.errorf(n, "%s produces more than %d bytes", n.name, maxString)
		}
		return v, err
	default:
		return n.value, nil
	}
}

func (c scope) mapping(n *node) (map[string]any, error) {
	m := make(map[string]any, len(n.keys))
	for i, key := range n.keys {
		v, err := c.value(n.items[i])
		if err != nil {
			return nil, err
		}
		if v != (noValue{}) {
			m[key] = v
		}
	}
	return m, nil
}

func (c scope) sequence(n *node) ([]any, error) {
	list := make([]any, 0, len(n.items))
	for _, item := range n.items {
		v, err := c.value(item)
		if err != nil {
			return nil, err
		}
		if v != (noValue{}) {
			list = append(list, v)
		}
	}
	return list, nil
}

// call evaluates an intrinsic function.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
func (c scope) call(n *node) (any, error) {
	switch n.name {
	case "Ref":
		return c.ref(n)
	case "Fn::GetAtt":
		return c.getAtt(n)
	case "Fn::Sub":
		return c.sub(n)
	case "Fn::Join":
		return c.join(n)
	case "Fn::Select":
		return c.selectItem(n)
	case "Fn::Split":
		return c.split(n)
	case "Fn::If":
		return c.ifElse(n)
	case "Fn::FindInMap":
		return c.findInMap(n)
	case "Fn::Base64":
		return c.base64(n)
	case "Fn::ToJsonString":
		return c.toJSONString(n)
	case "Fn::GetAZs":
		return []any{c.opts.Region + "a", c.opts.Region + "b", c.opts.Region + "c"}, nil
	case "Fn::Equals", "Fn::Not", "Fn::And", "Fn::Or":
		return c.truth(n)
	case "Fn::ImportValue":
		return nil, c.errorf(n, "Fn::ImportValue needs another stack's exports, which only AWS has")
	default:
		return nil, c.errorf(n, "%s is not supported", n.name)
	}
}

// text returns the text that a value which is neither list nor map has inside a string.
func text(v any) (string, bool) {
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

// arguments resolves a function's list of exactly count arguments.
func (c scope) arguments(n *node, count int) ([]any, error) {
	argument := n.items[0]
	if argument.kind != sequence || len(argument.items) != count {
		return nil, c.errorf(n, "%s takes a list of %d arguments", n.name, count)
	}
	values := make([]any, count)
	for i, item := range argument.items {
		var err error
		if values[i], err = c.value(item); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func (c scope) ref(n *node) (any, error) {
	name, ok := literal(n.items[0])
	if !ok {
		return nil, c.errorf(n, "Ref takes a name")
	}
	return c.lookup(n, name)
}

// lookup returns what Ref gives for a parameter, a pseudo parameter or a resource.
func (c scope) lookup(n *node, name string) (any, error) {
	if v, ok := c.parameters[name]; ok {
		return v, nil
	}
	if strings.HasPrefix(name, "AWS::") {
		return c.pseudo(n, name)
	}
	if id, suffix, ok := strings.Cut(name, "."); ok {
		return c.generated(n, id, suffix)
	}
	identity, err := c.identity(n, name)
	if err != nil {
		return nil, err
	}
	return identity.ref, nil
}

func (c scope) pseudo(n *node, name string) (any, error) {
	switch name {
	case "AWS::Region":
		return c.opts.Region, nil
	case "AWS::AccountId":
		return c.opts.AccountID, nil
	case "AWS::StackName":
		return c.opts.StackName, nil
	case "AWS::StackId":
		return c.expand("arn:{partition}:cloudformation:{region}:{account}:stack/" + c.opts.StackName +
			"/00000000-0000-0000-0000-000000000000"), nil
	case "AWS::Partition":
		return c.partition(), nil
	case "AWS::URLSuffix":
		return c.urlSuffix(), nil
	case "AWS::NoValue":
		return noValue{}, nil
	case "AWS::NotificationARNs":
		return []any{}, nil
	default:
		return nil, c.errorf(n, "there is no pseudo parameter %s", name)
	}
}

func (s *stack) partition() string {
	switch {
	case strings.HasPrefix(s.opts.Region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(s.opts.Region, "us-gov-"):
		return "aws-us-gov"
	default:
		return "aws"
	}
}

func (s *stack) urlSuffix() string {
	if s.partition() == "aws-cn" {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

// getAtt takes "Resource.Attribute" or ["Resource", "Attribute"].
func (c scope) getAtt(n *node) (any, error) {
	argument := n.items[0]
	if name, ok := literal(argument); ok {
		id, attribute, ok := strings.Cut(name, ".")
		if !ok {
			return nil, c.errorf(n, "Fn::GetAtt takes a resource and an attribute, not %q", name)
		}
		return c.attribute(n, id, attribute)
	}
	values, err := c.arguments(n, 2)
	if err != nil {
		return nil, err
	}
	id, okID := values[0].(string)
	attribute, okAttribute := text(values[1])
	if !okID || !okAttribute {
		return nil, c.errorf(n, "Fn::GetAtt takes a resource and an attribute")
	}
	return c.attribute(n, id, attribute)
}

func (c scope) attribute(n *node, id, attribute string) (any, error) {
	identity, err := c.identity(n, id)
	if err != nil {
		return nil, err
	}
	v, ok := identity.attribute(attribute)
	if !ok {
		return nil, c.errorf(n, "%s (%s) has no attribute %q; it has %s",
			id, identity.resourceType, attribute, strings.Join(identity.attributeNames(), ", "))
	}
	return v, nil
}
