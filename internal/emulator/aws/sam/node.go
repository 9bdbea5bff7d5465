package sam

import (
	"bytes"
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
	maxSize  = 1 << 20 // CloudFormation's limit for a template, in bytes
	maxNodes = 200_000 // after aliases are followed, so that a few of them cannot grow into billions
)

type kind int

const (
	scalar kind = iota
	sequence
	mapping
	call
)

func (k kind) String() string {
	return [...]string{"a value", "a list", "a map", "an intrinsic function"}[k]
}

// node is a value of the template before it is resolved. Long and short forms of an intrinsic function are one kind.
type node struct {
	kind  kind
	line  int
	value any      // of a scalar: string, bool, int, float64 or nil
	name  string   // of a call: "Ref", "Condition" or "Fn::…"
	keys  []string // of a mapping, in step with items
	lines []int    // of the keys
	items []*node  // members; a call has one, its argument
}

// get returns the member of a mapping, or nil.
func (n *node) get(key string) *node {
	if n == nil || n.kind != mapping {
		return nil
	}
	if i := slices.Index(n.keys, key); i >= 0 {
		return n.items[i]
	}
	return nil
}

// lineOf returns the line a mapping's key stands at, or 0.
func (n *node) lineOf(key string) int {
	if i := slices.Index(n.keys, key); i >= 0 && i < len(n.lines) {
		return n.lines[i]
	}
	return 0
}

// reader turns YAML into nodes.
type reader struct {
	file string
	left int                 // nodes that may still be read
	open map[*yaml.Node]bool // targets of the aliases being followed
}

func read(src []byte, file string) (*node, error) {
	if len(src) > maxSize {
		return nil, &Error{File: file, Reason: fmt.Sprintf("larger than %d bytes", maxSize)}
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
		return nil, &Error{File: file, Reason: "more than one YAML document"}
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxError(file, err)
	}
	r := &reader{file: file, left: maxNodes, open: map[*yaml.Node]bool{}}
	return r.read(document.Content[0])
}

// syntaxError moves the line from the YAML package's text to where it belongs.
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

func (r *reader) read(y *yaml.Node) (*node, error) {
	if r.left--; r.left < 0 {
		return nil, r.errorf(y, "more than %d values: are there aliases of aliases?", maxNodes)
	}
	if y.Kind == yaml.AliasNode {
		return r.readAlias(y)
	}
	if name, ok := shortForm(y.Tag); ok {
		argument, err := r.readPlain(y, true)
		return &node{kind: call, line: y.Line, name: name, items: []*node{argument}}, err
	}
	return r.readPlain(y, false)
}

func (r *reader) readAlias(y *yaml.Node) (*node, error) {
	if r.open[y.Alias] {
		return nil, r.errorf(y, "the alias *%s contains itself", y.Value)
	}
	r.open[y.Alias] = true
	defer delete(r.open, y.Alias)
	return r.read(y.Alias)
}

// shortForm returns the full name of the intrinsic function a tag such as !Sub stands for.
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

// readPlain reads a value without regard to its tag when that is a function's, which makes any scalar a string.
func (r *reader) readPlain(y *yaml.Node, tagged bool) (*node, error) {
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

// scalarValue keeps numbers and booleans. A date stays text, because Version: 2012-10-17 in a policy is a string to AWS,
// and so does a number that would change if it were one: an account id with a zero in front, or one of twenty digits.
func scalarValue(y *yaml.Node) any {
	var v any
	switch y.ShortTag() {
	case "!!null":
		return nil
	case "!!bool", "!!int", "!!float":
		if err := y.Decode(&v); err != nil || digits.MatchString(y.Value) {
			return y.Value
		}
	}
	switch v := v.(type) {
	case bool, int:
		return v
	case float64:
		if v-v == 0 { // neither infinite nor NaN, which JSON cannot say
			return v
		}
	}
	return y.Value
}

// digits are integers that a number would not preserve.
var digits = regexp.MustCompile(`^0[0-9]+$|^[0-9]{19,}$`)

func (r *reader) readMapping(y *yaml.Node) (*node, error) {
	n := &node{kind: mapping, line: y.Line}
	seen := map[string]bool{}
	for i := 0; i+1 < len(y.Content); i += 2 {
		key := y.Content[i]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if key.Kind != yaml.ScalarNode {
			return nil, r.errorf(key, "a key must be text")
		}
		if key.ShortTag() == "!!merge" {
			return nil, r.errorf(key, "CloudFormation knows no merge key (<<)")
		}
		if seen[key.Value] {
			return nil, r.errorf(key, "the key %q is there twice", key.Value)
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

func (r *reader) errorf(y *yaml.Node, format string, args ...any) error {
	return &Error{File: r.file, Line: y.Line, Reason: fmt.Sprintf(format, args...)}
}
