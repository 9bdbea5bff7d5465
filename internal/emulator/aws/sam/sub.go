package sam

import (
	"regexp"
	"strings"
)

// placeholder is ${Name}, ${Name.Attribute} or ${!Literal}; CloudFormation lets blanks stand around the name.
var placeholder = regexp.MustCompile(`\$\{([^{}]*)\}`)

var variable = regexp.MustCompile(`^[A-Za-z0-9_.:-]+$`)

// sub takes a text, or a list of a text and a map of further variables.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-sub.html
func (c scope) sub(n *node) (any, error) {
	format, variables := n.items[0], &node{kind: mapping}
	if format.kind == sequence && len(format.items) == 2 {
		format, variables = format.items[0], format.items[1]
	}
	s, ok := literal(format)
	if !ok || variables.kind != mapping {
		return nil, c.errorf(n, "Fn::Sub takes a text, or a list of a text and a map of variables")
	}
	known := map[string]any{} // variables of the map, each resolved once: they nest, and twice at each level is too often
	var b strings.Builder
	end := 0
	for _, at := range placeholder.FindAllStringSubmatchIndex(s, -1) {
		b.WriteString(s[end:at[0]])
		end = at[1]
		replacement, err := c.placeholder(n, strings.TrimSpace(s[at[2]:at[3]]), variables, known)
		if err != nil {
			return nil, err
		}
		if b.WriteString(replacement); b.Len() > maxString {
			return nil, c.errorf(n, "Fn::Sub produces more than %d bytes", maxString)
		}
	}
	b.WriteString(s[end:])
	return b.String(), nil
}

func (c scope) placeholder(n *node, name string, variables *node, known map[string]any) (string, error) {
	if literal, ok := strings.CutPrefix(name, "!"); ok {
		return "${" + literal + "}", nil
	}
	if !variable.MatchString(name) {
		return "", c.errorf(n, "Fn::Sub: ${%s} is not the name of a variable", name)
	}
	v, err := c.substitute(n, name, variables, known)
	if err != nil {
		return "", err
	}
	s, ok := text(v)
	if !ok {
		return "", c.errorf(n, "Fn::Sub: ${%s} is not text", name)
	}
	return s, nil
}

func (c scope) substitute(n *node, name string, variables *node, known map[string]any) (any, error) {
	if v, ok := known[name]; ok {
		return v, nil
	}
	if definition := variables.get(name); definition != nil {
		v, err := c.value(definition)
		known[name] = v
		return v, err
	}
	id, attribute, dotted := strings.Cut(name, ".")
	if dotted && !c.isGenerated(id, attribute) {
		return c.attribute(n, id, attribute)
	}
	return c.lookup(n, name)
}
