package sam

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam/schema"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/spelling"
)

// partial stands for Globals that have every member: a value in Globals itself need not have the
// members that a resource can add.
var partial = &node{kind: scalar}

// value checks a value. global is the value at the same place of Globals, whose members need not be
// repeated; nil if there is none.
func (c *checker) value(n *node, s *schema.Shape, at place, global *node) {
	switch {
	case n.kind == call:
		for _, branch := range n.branches() {
			c.value(branch, s, at, global)
		}
	case s.Format != "":
		c.format(n, s.Format, at)
	case n.kind == scalar:
		c.scalar(n, s, at)
	case n.kind == sequence && c.allowed(n, schema.List, s, at):
		for i, item := range n.items {
			if s.Items != nil {
				c.value(item, s.Items, at.item(i), nil)
			}
		}
	case n.kind == mapping && c.allowed(n, schema.Object, s, at):
		if s.Kinds != 0 {
			c.object(n, s, at, n.line, global)
		}
	}
}

// branches returns the values that a call of Fn::If can have. For any other function it returns
// none.
func (n *node) branches() []*node {
	if argument := n.items[0]; n.name == "Fn::If" && argument.kind == sequence && len(argument.items) == 3 {
		return argument.items[1:]
	}
	return nil
}

func (c *checker) allowed(n *node, kind schema.Kind, s *schema.Shape, at place) bool {
	if s.Kinds.Allows(kind) {
		return true
	}
	c.fail(n.line, at, func() string { return fmt.Sprintf("must be %s, not %v", describe(s.Kinds), n.kind) })
	return false
}

// describe names the kinds, as in "a string or a list".
func describe(kinds schema.Kind) string {
	var names []string
	for _, kind := range []struct {
		kind schema.Kind
		name string
	}{
		{schema.String, "a string"},
		{schema.Number, "a number"},
		{schema.Integer, "an integer"},
		{schema.Boolean, "true or false"},
		{schema.List, "a list"},
		{schema.Object, "a map"},
	} {
		if kinds&kind.kind != 0 {
			names = append(names, kind.name)
		}
	}
	return strings.Join(names, " or ")
}

func (c *checker) scalar(n *node, s *schema.Shape, at place) {
	text, ok := n.literal()
	if !ok {
		return // null: the same as a member that is absent
	}
	const texts = schema.String | schema.Number | schema.Integer | schema.Boolean
	switch {
	case s.Kinds == 0:
	case s.Kinds&texts == 0:
		c.fail(n.line, at, func() string { return fmt.Sprintf("must be %s, not %s", describe(s.Kinds), quote(text)) })
	case len(s.Enum) > 0 && !slices.Contains(s.Enum, text):
		c.fail(n.line, at, func() string {
			if near := spelling.Nearest(text, s.Enum); near != "" {
				return fmt.Sprintf("no value %s: did you mean %s?", quote(text), near)
			}
			return fmt.Sprintf("no value %s; there are %s", quote(text), strings.Join(s.Enum, ", "))
		})
	case !readable(text, s.Kinds):
		c.fail(n.line, at, func() string { return fmt.Sprintf("must be %s, not %s", describe(s.Kinds&texts), quote(text)) })
	}
}

// quote quotes the start of a text.
func quote(text string) string {
	const most = 60
	if len(text) > most {
		return strconv.Quote(text[:most]) + "…"
	}
	return strconv.Quote(text)
}

// readable reports whether CloudFormation reads a text as a value of one of the kinds.
func readable(text string, kinds schema.Kind) bool {
	if kinds&schema.String != 0 {
		return true
	}
	if kinds&schema.Boolean != 0 && slices.Contains(booleans, strings.ToLower(text)) {
		return true
	}
	number, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	finite := err == nil && number-number == 0
	return finite && (kinds&schema.Number != 0 || kinds&schema.Integer != 0 && number == math.Trunc(number))
}

// booleans are those of YAML 1.1, which CloudFormation reads.
var booleans = []string{"true", "false", "yes", "no", "on", "off", "y", "n"}

// object checks the members of a map. line is the line at which to report that one is missing.
func (c *checker) object(n *node, s *schema.Shape, at place, line int, global *node) {
	if s.Variants != nil {
		if s = c.variant(n, s, at); s == nil {
			return
		}
	}
	var misspelt []string // required members that are there by another name
	for i, key := range n.keys {
		member := s.Properties[key]
		switch {
		case member != nil:
		case s.Values != nil:
			member = s.Values
		case !strings.HasPrefix(key, "Fn::"):
			c.fail(n.keyLine(i), at, func() string {
				if inner := s.Properties["Properties"]; inner != nil && inner.Properties[key] != nil {
					return misplaced("member", key)
				}
				return unknown("property", key, s.Names())
			})
			misspelt = append(misspelt, spelling.Nearest(key, s.Required))
			continue
		default:
			continue // it adds members that are not known here
		}
		c.value(n.items[i], member, at.member(key), globalMember(global, key))
	}
	if global == partial || slices.ContainsFunc(n.keys, func(key string) bool { return strings.HasPrefix(key, "Fn::") }) {
		return
	}
	for _, name := range s.Required {
		if n.get(name) == nil && global.get(name) == nil && !slices.Contains(misspelt, name) {
			c.fail(line, at, func() string { return "the property " + name + " is missing" })
		}
	}
}

func globalMember(global *node, name string) *node {
	if global == partial {
		return partial
	}
	return global.get(name)
}

// variant returns the shape of an object that depends on its member Type, or nil if that is not
// known.
func (c *checker) variant(n *node, s *schema.Shape, at place) *schema.Shape {
	named := n.get("Type")
	name, ok := named.literal()
	switch {
	case named == nil:
		c.fail(n.line, at, func() string { return "the property Type is missing" })
	case ok && s.Variants[name] == nil:
		c.fail(named.line, at, func() string { return unknown("type", name, s.Names()) })
	}
	return s.Variants[name]
}
