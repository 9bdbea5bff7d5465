package sam

import (
	"encoding/base64"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
)

// functions are the functions that are evaluated, in their short form.
var functions = []string{
	"!Ref", "!GetAtt", "!Sub", "!Join", "!Select", "!Split", "!If", "!FindInMap", "!Base64", "!ToJsonString", "!GetAZs", "!Equals",
	"!Not", "!And", "!Or", "!ImportValue",
}

// call evaluates a call of an intrinsic function.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
func (e *evaluator) call(n *node) any {
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
		s := e.scalar(n, e.value(n.items[0]), "Fn::Base64 takes a string")
		return base64.StdEncoding.EncodeToString([]byte(s))
	case "Fn::ToJsonString":
		return string(awsjson.Marshal(e.value(n.items[0])))
	case "Fn::GetAZs":
		return []any{e.opts.Region + "a", e.opts.Region + "b", e.opts.Region + "c"}
	case "Fn::Equals", "Fn::Not", "Fn::And", "Fn::Or":
		return e.conditionFunction(n)
	case "Fn::ImportValue":
		return e.importValue(n)
	default:
		e.fail(n, "%s is not supported%s", n.name, meant("!"+strings.TrimPrefix(n.name, "Fn::"), functions))
	}
	return nil
}

// importValue returns an export of a stack that runs beside this one: the exports of other stacks
// are only on AWS.
func (e *evaluator) importValue(n *node) any {
	name := e.scalar(n, e.value(n.items[0]), "Fn::ImportValue takes the name of an export")
	value, ok := e.opts.Exports[name]
	if !ok {
		exports := "none has exports"
		if len(e.opts.Exports) > 0 {
			exports = "they export " + strings.Join(slices.Sorted(maps.Keys(e.opts.Exports)), ", ")
		}
		e.fail(n, "Fn::ImportValue: no template before this one exports %q (%s); use a parameter whose default is the value, "+
			"such as the name of the bus", name, exports)
	}
	return value
}

func (e *evaluator) join(n *node) any {
	const takes = "Fn::Join takes a delimiter and a list"
	values := e.arguments(n, 2)
	delimiter := e.scalar(n, values[0], takes)
	list, ok := values[1].([]any)
	if !ok {
		e.fail(n, takes)
	}
	parts := make([]string, len(list))
	for i, item := range list {
		parts[i] = e.scalar(n, item, "Fn::Join: item %d is not a string", i)
	}
	return strings.Join(parts, delimiter)
}

func (e *evaluator) selectItem(n *node) any {
	values := e.arguments(n, 2)
	position, _ := scalarString(values[0])
	i, err := strconv.Atoi(position)
	list, ok := values[1].([]any)
	switch {
	case err != nil || !ok:
		e.fail(n, "Fn::Select takes an index and a list")
	case i < 0 || i >= len(list):
		e.fail(n, "Fn::Select: there is no item %d in a list of %d items, which are numbered from 0", i, len(list))
	default:
		return list[i]
	}
	return nil
}

func (e *evaluator) split(n *node) any {
	const takes = "Fn::Split takes a delimiter, which cannot be empty, and a string"
	values := e.arguments(n, 2)
	delimiter, source := e.scalar(n, values[0], takes), e.scalar(n, values[1], takes)
	if delimiter == "" {
		e.fail(n, takes)
		return nil
	}
	list := []any{}
	for part := range strings.SplitSeq(source, delimiter) {
		list = append(list, part)
	}
	return list
}

// ifElse evaluates only the selected branch: the other may refer to resources that do not exist.
func (e *evaluator) ifElse(n *node) any {
	argument := n.items[0]
	if argument.kind == sequence && len(argument.items) == 3 {
		if name, ok := argument.items[0].literal(); ok {
			if e.condition(name, n) {
				return e.value(argument.items[1])
			}
			return e.value(argument.items[2])
		}
	}
	e.fail(n, "Fn::If takes the name of a condition and two values")
	return nil
}

func (e *evaluator) findInMap(n *node) any {
	at, path := e.mappings, "Mappings"
	for _, v := range e.arguments(n, 3) {
		key := e.scalar(n, v, "Fn::FindInMap takes the name of a mapping and two keys")
		keys := at.keys
		if at = at.get(key); at == nil {
			e.fail(n, "Fn::FindInMap: %s has no key %q%s", path, key, meant(key, keys))
			return nil
		}
		path += "." + key
	}
	return e.value(at)
}

// subVariable matches ${Name}, ${Name.Attribute} or ${!Literal}, with optional spaces around the
// name.
var subVariable = regexp.MustCompile(`\$\{([^{}]*)\}`)

var subVariableName = regexp.MustCompile(`^[A-Za-z0-9_.:-]+$`)

// sub evaluates Fn::Sub, whose argument is a string, or a list of a string and a map of further
// variables.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-sub.html
func (e *evaluator) sub(n *node) any {
	format, variables := n.items[0], &node{kind: mapping}
	if format.kind == sequence && len(format.items) == 2 {
		format, variables = format.items[0], format.items[1]
	}
	s, ok := format.literal()
	if !ok || variables.kind != mapping {
		e.fail(n, "Fn::Sub takes a string, or a list of a string and a map of variables")
		return nil
	}
	// The variables nest, so evaluating them at every use would take exponential time.
	evaluated := map[string]any{}
	var b strings.Builder
	end := 0
	for _, at := range subVariable.FindAllStringSubmatchIndex(s, -1) {
		b.WriteString(s[end:at[0]])
		end = at[1]
		b.WriteString(e.substitute(n, strings.TrimSpace(s[at[2]:at[3]]), variables, evaluated))
		if b.Len() > maxString {
			e.fail(n, "Fn::Sub produces more than %d bytes", maxString)
		}
		if e.err != nil {
			return nil
		}
	}
	b.WriteString(s[end:])
	return b.String()
}

func (e *evaluator) substitute(n *node, name string, variables *node, evaluated map[string]any) string {
	if literal, ok := strings.CutPrefix(name, "!"); ok {
		return "${" + literal + "}"
	}
	if !subVariableName.MatchString(name) {
		e.fail(n, "Fn::Sub: ${%s} does not name a variable; write ${!%s} for the text itself", name, name)
		return ""
	}
	v, known := evaluated[name]
	if !known {
		v = e.subValue(n, name, variables)
		evaluated[name] = v
	}
	return e.scalar(n, v, "Fn::Sub: the value of ${%s} is not a string", name)
}

// subValue returns a variable's entry in the map, or what Ref or Fn::GetAtt returns for it.
func (e *evaluator) subValue(n *node, name string, variables *node) any {
	if definition := variables.get(name); definition != nil {
		return e.value(definition)
	}
	id, attribute, dotted := strings.Cut(name, ".")
	if dotted && !e.isGenerated(id, attribute) {
		return e.attribute(n, id, attribute)
	}
	return e.lookup(n, name)
}
