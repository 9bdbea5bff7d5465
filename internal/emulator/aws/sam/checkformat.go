package sam

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/pattern"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam/schema"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/spelling"
)

// format checks a value in one of the languages for which there is no shape. The value can also be
// a string with JSON.
func (c *checker) format(n *node, format string, at place) {
	if text, ok := n.literal(); ok && format != schema.Policies {
		parsed := parseJSON(text, n.line)
		if parsed == nil {
			return // not all of it may be in the template
		}
		n = parsed
	}
	switch format {
	case schema.Pattern:
		c.pattern(n, at, eventMembers)
	case schema.Filter:
		c.pattern(n, at, nil)
	case schema.Policy:
		c.document(n, at)
	case schema.Statement:
		c.statements(n, at)
	case schema.Policies:
		c.policies(n, at)
	}
}

// parseJSON returns the JSON in a string, all of it on the string's line, or nil.
func parseJSON(text string, line int) *node {
	if !json.Valid([]byte(text)) {
		return nil
	}
	n, err := readYAML([]byte(text), "")
	if err != nil {
		return nil
	}
	n.moveTo(line)
	return n
}

func (n *node) moveTo(line int) {
	n.line, n.lines = line, nil
	for _, item := range n.items {
		item.moveTo(line)
	}
}

// literalMap reports whether a value is a map. For Fn::If it checks both branches instead.
func (c *checker) literalMap(n *node, at place, check func(*node, place)) bool {
	if n.kind == call {
		for _, branch := range n.branches() {
			check(branch, at)
		}
	}
	return n.kind == mapping
}

// document checks an IAM policy document. IAM ignores the case of the names.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
func (c *checker) document(n *node, at place) {
	if !c.literalMap(n, at, c.document) {
		return
	}
	c.policyNames(n, at, "Version", "Id", "Statement")
	each(n, func(name string, _ int, member *node) {
		if strings.EqualFold(name, "Statement") {
			c.statements(member, at.member(name))
		}
	})
}

func (c *checker) statements(n *node, at place) {
	switch {
	case n.kind == sequence:
		for i, item := range n.items {
			c.statement(item, at.item(i))
		}
	default:
		c.statement(n, at)
	}
}

func (c *checker) statement(n *node, at place) {
	if !c.literalMap(n, at, c.statements) {
		return
	}
	c.policyNames(n, at, "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition")
	each(n, func(name string, _ int, member *node) {
		switch {
		case strings.EqualFold(name, "Effect"):
			c.scalar(member, &schema.Shape{Kinds: schema.String, Enum: []string{"Allow", "Deny"}}, at.member(name))
		case strings.EqualFold(name, "Principal") || strings.EqualFold(name, "NotPrincipal"):
			c.policyNames(member, at.member(name), "AWS", "Service", "Federated", "CanonicalUser")
		}
	})
}

// policyNames is names without regard to case.
func (c *checker) policyNames(n *node, at place, known ...string) {
	each(n, func(name string, line int, _ *node) {
		isName := func(other string) bool { return strings.EqualFold(name, other) }
		if !slices.ContainsFunc(known, isName) && !strings.HasPrefix(name, "Fn::") {
			c.unknown(line, at, "member", name, known)
		}
	})
}

// policies checks the policies of a function: names of managed policies, policy documents and SAM's
// policy templates, in a list or alone.
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-policy-templates.html
func (c *checker) policies(n *node, at place) {
	if n.kind == sequence {
		for i, item := range n.items {
			c.policies(item, at.item(i))
		}
		return
	}
	if !c.literalMap(n, at, c.policies) || len(n.keys) == 0 {
		return
	}
	if n.get("Statement") != nil || n.get("Version") != nil {
		c.document(n, at)
		return
	}
	name := n.keys[0]
	required, known := c.table.PolicyTemplates[name]
	if !known || len(n.keys) > 1 {
		c.fail(n.keyLine(0), at, func() string {
			return unknown("policy template", name, append(slices.Sorted(maps.Keys(c.table.PolicyTemplates)), "Statement"))
		})
		return
	}
	c.template(n.items[0], required, n.keyLine(0), at.member(name))
}

// template checks the parameters of a policy template, which ignores others.
func (c *checker) template(n *node, required []string, line int, at place) {
	if n.kind != mapping {
		return
	}
	for _, parameter := range required {
		if n.get(parameter) != nil {
			continue
		}
		given := slices.DeleteFunc(slices.Clone(n.keys), func(name string) bool { return slices.Contains(required, name) })
		if near := spelling.Nearest(parameter, given); near != "" {
			c.unknown(n.keyLine(slices.Index(n.keys, near)), at, "parameter", near, []string{parameter})
		} else {
			c.fail(line, at, func() string { return "the parameter " + parameter + " is missing" })
		}
	}
}

// eventMembers are the members of an event on a bus, and of a replayed one.
// https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html
var eventMembers = []string{
	"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail", "replay-name", "$or",
}

// pattern checks an event pattern, whose members must be among the known ones. Nil: any are.
func (c *checker) pattern(n *node, at place, members []string) {
	if !c.literalMap(n, at, func(branch *node, at place) { c.pattern(branch, at, members) }) {
		return
	}
	before := len(c.faults)
	each(n, func(name string, line int, _ *node) {
		if members != nil && !slices.Contains(members, name) {
			c.unknown(line, at, "member of an event", name, members)
		}
	})
	if len(c.faults) > before {
		return
	}
	var fault *pattern.Error
	if _, err := pattern.Compile(awsjson.Marshal(n.placeholders())); errors.As(err, &fault) {
		found, line := n.follow(fault.Path)
		if !found.calls() {
			c.fail(line, at, fault.Error)
		}
	}
}

// placeholders returns a value in which each call of a function is replaced by a string.
func (n *node) placeholders() any {
	switch n.kind {
	case mapping:
		m := make(map[string]any, len(n.keys))
		for i, key := range n.keys {
			m[key] = n.items[i].placeholders()
		}
		return m
	case sequence:
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = item.placeholders()
		}
		return list
	case call:
		return "placeholder"
	default:
		return n.value
	}
}

// calls reports whether a value depends on a call of a function.
func (n *node) calls() bool { return n.kind == call || slices.ContainsFunc(n.items, (*node).calls) }

// follow returns the value at a JSON path such as $.detail.id[0].prefix, as far as it exists, and
// its line, which is that of its name.
func (n *node) follow(path string) (*node, int) {
	line, path := n.line, strings.TrimPrefix(path, "$")
	for path != "" {
		i, length := n.step(path)
		if i < 0 {
			break
		}
		if line = n.items[i].line; n.kind == mapping {
			line = n.keyLine(i)
		}
		n, path = n.items[i], path[length:]
	}
	return n, line
}

// step returns the index of the member that a path starts with, and the length of its name in the
// path. A name can contain dots.
func (n *node) step(path string) (index, length int) {
	index = -1
	for i := range n.items {
		name := fmt.Sprintf("[%d]", i)
		if n.kind == mapping {
			name = "." + n.keys[i]
		}
		rest, ok := strings.CutPrefix(path, name)
		if ok && len(name) > length && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			index, length = i, len(name)
		}
	}
	return index, length
}
