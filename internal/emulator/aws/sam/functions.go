package sam

import (
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// call evaluates a call of an intrinsic function.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
func (e evaluator) call(n *node) (any, error) {
	switch n.name {
	case "Ref":
		return e.ref(n)
	case "Fn::GetAtt":
		return e.getAtt(n)
	case "Fn::Sub":
		return e.sub(n)
	case "Fn::Join":
		return e.join(n)
	case "Fn::Select":
		return e.selectItem(n)
	case "Fn::Split":
		return e.split(n)
	case "Fn::If":
		return e.ifElse(n)
	case "Fn::FindInMap":
		return e.findInMap(n)
	case "Fn::Base64":
		return e.base64(n)
	case "Fn::ToJsonString":
		return e.toJSONString(n)
	case "Fn::GetAZs":
		return []any{e.opts.Region + "a", e.opts.Region + "b", e.opts.Region + "c"}, nil
	case "Fn::Equals", "Fn::Not", "Fn::And", "Fn::Or":
		return e.conditionFunction(n)
	case "Fn::ImportValue":
		return nil, e.errorf(n, "Fn::ImportValue is not supported, because only AWS has the exports of other stacks")
	default:
		return nil, e.errorf(n, "%s is not supported", n.name)
	}
}

func (e evaluator) join(n *node) (any, error) {
	values, err := e.arguments(n, 2)
	if err != nil {
		return nil, err
	}
	delimiter, okDelimiter := scalarString(values[0])
	list, okList := values[1].([]any)
	if !okDelimiter || !okList {
		return nil, e.errorf(n, "Fn::Join takes a delimiter and a list")
	}
	parts := make([]string, len(list))
	for i, item := range list {
		var ok bool
		if parts[i], ok = scalarString(item); !ok {
			return nil, e.errorf(n, "Fn::Join: item %d is not a string", i)
		}
	}
	return strings.Join(parts, delimiter), nil
}

func (e evaluator) selectItem(n *node) (any, error) {
	values, err := e.arguments(n, 2)
	if err != nil {
		return nil, err
	}
	position, _ := scalarString(values[0])
	i, err := strconv.Atoi(position)
	list, ok := values[1].([]any)
	if err != nil || !ok {
		return nil, e.errorf(n, "Fn::Select takes an index and a list")
	}
	if i < 0 || i >= len(list) {
		return nil, e.errorf(n, "Fn::Select: there is no item %d in a list of %d items, which are numbered from 0", i, len(list))
	}
	return list[i], nil
}

func (e evaluator) split(n *node) (any, error) {
	values, err := e.arguments(n, 2)
	if err != nil {
		return nil, err
	}
	delimiter, okDelimiter := scalarString(values[0])
	source, okSource := scalarString(values[1])
	if !okDelimiter || !okSource || delimiter == "" {
		return nil, e.errorf(n, "Fn::Split takes a delimiter, which cannot be empty, and a string")
	}
	list := []any{}
	for part := range strings.SplitSeq(source, delimiter) {
		list = append(list, part)
	}
	return list, nil
}

// ifElse evaluates only the branch that the condition selects: the other may refer to resources
// that do not exist.
func (e evaluator) ifElse(n *node) (any, error) {
	argument := n.items[0]
	if argument.kind != sequence || len(argument.items) != 3 {
		return nil, e.errorf(n, "Fn::If takes the name of a condition and two values")
	}
	name, ok := argument.items[0].literal()
	if !ok {
		return nil, e.errorf(n, "Fn::If takes the name of a condition and two values")
	}
	selected, err := e.condition(name, n)
	if err != nil {
		return nil, err
	}
	if selected {
		return e.value(argument.items[1])
	}
	return e.value(argument.items[2])
}

func (e evaluator) findInMap(n *node) (any, error) {
	values, err := e.arguments(n, 3)
	if err != nil {
		return nil, err
	}
	at, path := e.mappings, "Mappings"
	for _, v := range values {
		key, ok := scalarString(v)
		if !ok {
			return nil, e.errorf(n, "Fn::FindInMap takes the name of a mapping and two keys")
		}
		if at = at.get(key); at == nil {
			return nil, e.errorf(n, "Fn::FindInMap: %s has no key %q", path, key)
		}
		path += "." + key
	}
	return e.value(at)
}

func (e evaluator) base64(n *node) (any, error) {
	v, err := e.value(n.items[0])
	if err != nil {
		return nil, err
	}
	s, ok := scalarString(v)
	if !ok {
		return nil, e.errorf(n, "Fn::Base64 takes a string")
	}
	return base64.StdEncoding.EncodeToString([]byte(s)), nil
}

func (e evaluator) toJSONString(n *node) (any, error) {
	v, err := e.value(n.items[0])
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, e.errorf(n, "Fn::ToJsonString: %v", err)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// subVariable is ${Name}, ${Name.Attribute} or ${!Literal}. CloudFormation allows blanks around the
// name.
var subVariable = regexp.MustCompile(`\$\{([^{}]*)\}`)

var subVariableName = regexp.MustCompile(`^[A-Za-z0-9_.:-]+$`)

// sub evaluates Fn::Sub, which takes a string, or a list of a string and a map of further
// variables.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-sub.html
func (e evaluator) sub(n *node) (any, error) {
	format, variables := n.items[0], &node{kind: mapping}
	if format.kind == sequence && len(format.items) == 2 {
		format, variables = format.items[0], format.items[1]
	}
	s, ok := format.literal()
	if !ok || variables.kind != mapping {
		return nil, e.errorf(n, "Fn::Sub takes a string, or a list of a string and a map of variables")
	}
	// The variables of the map are evaluated once each: their values nest, so evaluating them at every use
	// would take exponential time.
	evaluated := map[string]any{}
	var b strings.Builder
	end := 0
	for _, at := range subVariable.FindAllStringSubmatchIndex(s, -1) {
		b.WriteString(s[end:at[0]])
		end = at[1]
		replacement, err := e.substitute(n, strings.TrimSpace(s[at[2]:at[3]]), variables, evaluated)
		if err != nil {
			return nil, err
		}
		if b.WriteString(replacement); b.Len() > maxString {
			return nil, e.errorf(n, "Fn::Sub produces more than %d bytes", maxString)
		}
	}
	b.WriteString(s[end:])
	return b.String(), nil
}

// substitute returns what replaces ${name}.
func (e evaluator) substitute(n *node, name string, variables *node, evaluated map[string]any) (string, error) {
	if literal, ok := strings.CutPrefix(name, "!"); ok {
		return "${" + literal + "}", nil
	}
	if !subVariableName.MatchString(name) {
		return "", e.errorf(n, "Fn::Sub: ${%s} does not name a variable; write ${!%s} for the text itself", name, name)
	}
	v, err := e.subValue(n, name, variables, evaluated)
	if err != nil {
		return "", err
	}
	s, ok := scalarString(v)
	if !ok {
		return "", e.errorf(n, "Fn::Sub: the value of ${%s} is not a string", name)
	}
	return s, nil
}

// subValue returns the value of a variable: its entry in the map, or what Ref or Fn::GetAtt returns
// for it.
func (e evaluator) subValue(n *node, name string, variables *node, evaluated map[string]any) (any, error) {
	if v, ok := evaluated[name]; ok {
		return v, nil
	}
	if definition := variables.get(name); definition != nil {
		v, err := e.value(definition)
		evaluated[name] = v
		return v, err
	}
	id, attribute, dotted := strings.Cut(name, ".")
	if dotted && !e.isGenerated(id, attribute) {
		return e.attribute(n, id, attribute)
	}
	return e.lookup(n, name)
}
