package sam

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	maxSize  = 1 << 20 // CloudFormation's limit on the size of a template, in bytes
	maxNodes = 200_000 // limit on values with aliases expanded, because nested aliases can expand to billions
)

type kind int

const (
	scalar kind = iota
	sequence
	mapping
	call
)

func (k kind) String() string {
	return [...]string{"a scalar", "a list", "a map", "an intrinsic function"}[k]
}

// node is an unresolved value. The long and the short form of a function are the same call.
type node struct {
	kind  kind
	line  int
	value any      // of a scalar: string, bool, int, float64 or nil
	name  string   // of a call: "Ref", "Condition" or "Fn::…"
	keys  []string // of a mapping, in the order of items
	lines []int    // lines of the keys
	items []*node  // members; a call has one, its argument
}

// literal returns a scalar as a string. It returns false if n is nil, null or not a scalar.
func (n *node) literal() (string, bool) {
	if n == nil || n.kind != scalar {
		return "", false
	}
	return scalarString(n.value)
}

// get returns the member of a mapping, or nil if there is none or n is not a mapping.
func (n *node) get(key string) *node {
	if n == nil || n.kind != mapping {
		return nil
	}
	if i := slices.Index(n.keys, key); i >= 0 {
		return n.items[i]
	}
	return nil
}

// callOf returns the first name of names that n calls somewhere, or "".
func (n *node) callOf(names []string) string {
	if n.kind == call && slices.Contains(names, n.name) {
		return n.name
	}
	for _, item := range n.items {
		if name := item.callOf(names); name != "" {
			return name
		}
	}
	return ""
}

// section returns the member of a mapping, or an empty mapping.
func (n *node) section(key string) *node { return cmp.Or(n.get(key), &node{kind: mapping}) }

// lineOf returns the line of a mapping's key, or 0.
func (n *node) lineOf(key string) int {
	if i := slices.Index(n.keys, key); i >= 0 && i < len(n.lines) {
		return n.lines[i]
	}
	return 0
}

// keyLine returns the line of a mapping's key, or of its value if the key's is not known.
func (n *node) keyLine(i int) int {
	if i < len(n.lines) {
		return n.lines[i]
	}
	return n.items[i].line
}

// yamlReader converts YAML to nodes.
type yamlReader struct {
	file      string
	remaining int                 // number of nodes that may still be read
	expanding map[*yaml.Node]bool // targets of the aliases that are being expanded
}

// readYAML reads a file with a single YAML document, which may be JSON.
func readYAML(src []byte, file string) (*node, error) {
	if len(src) > maxSize {
		return nil, &Error{File: file, Reason: fmt.Sprintf("the template is larger than %d bytes", maxSize)}
	}
	var document yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(src))
	if err := dec.Decode(&document); err != nil && !errors.Is(err, io.EOF) {
		return nil, syntaxError(file, err)
	}
	if len(document.Content) == 0 {
		return nil, &Error{File: file, Reason: "the template is empty"}
	}
	if err := dec.Decode(new(yaml.Node)); err == nil {
		return nil, &Error{File: file, Reason: "the template consists of more than one YAML document"}
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxError(file, err)
	}
	r := &yamlReader{file: file, remaining: maxNodes, expanding: map[*yaml.Node]bool{}}
	return r.read(document.Content[0])
}

// syntaxError moves the line number from the text of the YAML package's error to Error.Line.
func syntaxError(file string, err error) error {
	e := &Error{File: file, Reason: strings.TrimPrefix(err.Error(), "yaml: ")}
	if rest, ok := strings.CutPrefix(e.Reason, "line "); ok {
		line, reason, _ := strings.Cut(rest, ": ")
		if n, err := strconv.Atoi(line); err == nil {
			e.Line, e.Reason = n, reason
		}
	}
	return e
}

func (r *yamlReader) read(y *yaml.Node) (*node, error) {
	if r.remaining--; r.remaining < 0 {
		return nil, r.errorf(y, "the template has more than %d values with its YAML aliases expanded; avoid aliases of aliases", maxNodes)
	}
	if y.Kind == yaml.AliasNode {
		return r.readAlias(y)
	}
	if name, ok := shortForm(y.Tag); ok {
		argument, err := r.readUntagged(y, true)
		return &node{kind: call, line: y.Line, name: name, items: []*node{argument}}, err
	}
	return r.readUntagged(y, false)
}

func (r *yamlReader) readAlias(y *yaml.Node) (*node, error) {
	if r.expanding[y.Alias] {
		return nil, r.errorf(y, "the alias *%s contains itself", y.Value)
	}
	r.expanding[y.Alias] = true
	defer delete(r.expanding, y.Alias)
	return r.read(y.Alias)
}

// shortForm returns the full name of the intrinsic function that a tag such as !Sub is short for.
func shortForm(tag string) (string, bool) {
	name, ok := strings.CutPrefix(tag, "!")
	switch {
	case !ok || name == "" || strings.HasPrefix(name, "!"):
		return "", false
	case name == "Ref" || name == "Condition":
		return name, true
	default:
		return "Fn::" + name, true
	}
}

// readUntagged reads a value and ignores a tag that is the short form of a function. A scalar with
// such a tag is always a string.
func (r *yamlReader) readUntagged(y *yaml.Node, tagged bool) (*node, error) {
	switch y.Kind {
	case yaml.MappingNode:
		return r.readMapping(y)
	case yaml.SequenceNode:
		n := &node{kind: sequence, line: y.Line}
		for _, content := range y.Content {
			item, err := r.read(content)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, item)
		}
		return n, nil
	default:
		if tagged {
			return &node{line: y.Line, value: y.Value}, nil
		}
		return &node{line: y.Line, value: scalarValue(y)}, nil
	}
}

// scalarValue converts numbers, booleans and null. A date stays a string, because AWS treats
// Version: 2012-10-17 in a policy as a string. So do digits that a number would not preserve, such
// as an account ID that begins with a zero, or twenty digits.
func scalarValue(y *yaml.Node) any {
	var v any
	switch y.ShortTag() {
	case "!!null":
		return nil
	case "!!bool", "!!int", "!!float":
		if err := y.Decode(&v); err != nil || unsafeDigits.MatchString(y.Value) {
			return y.Value
		}
	}
	switch v := v.(type) {
	case bool, int:
		return v
	case float64:
		if v-v == 0 { // neither infinite nor NaN, which JSON cannot represent
			return v
		}
	}
	return y.Value
}

// unsafeDigits matches integers that an int would not preserve.
var unsafeDigits = regexp.MustCompile(`^0[0-9]+$|^[0-9]{19,}$`)

func (r *yamlReader) readMapping(y *yaml.Node) (*node, error) {
	n := &node{kind: mapping, line: y.Line}
	seen := map[string]bool{}
	for i := 0; i+1 < len(y.Content); i += 2 {
		key := y.Content[i]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if key.Kind != yaml.ScalarNode {
			return nil, r.errorf(key, "a key of a map must be a string")
		}
		if key.ShortTag() == "!!merge" {
			return nil, r.errorf(key, "CloudFormation does not support YAML merge keys (<<)")
		}
		if seen[key.Value] {
			return nil, r.errorf(key, "duplicate key %q", key.Value)
		}
		seen[key.Value] = true
		item, err := r.read(y.Content[i+1])
		if err != nil {
			return nil, err
		}
		n.keys, n.lines, n.items = append(n.keys, key.Value), append(n.lines, key.Line), append(n.items, item)
	}
	if len(n.keys) == 1 && (n.keys[0] == "Ref" || strings.HasPrefix(n.keys[0], "Fn::")) {
		return &node{kind: call, line: n.line, name: n.keys[0], items: n.items}, nil
	}
	return n, nil
}

func (r *yamlReader) errorf(y *yaml.Node, format string, args ...any) error {
	return &Error{File: r.file, Line: y.Line, Reason: fmt.Sprintf(format, args...)}
}
