// Package eventjson reads the JSON of Stripe's events so that every reader of the same bytes sees the same values.
//
// encoding/json does not promise that: it matches names whatever their case, keeps the last of two equal names and
// replaces bytes that are not UTF-8. An attacker who cannot forge a signature could still profit where two readers of
// one signed body disagree, so this package refuses such bodies. The grammar itself is left to encoding/json.
package eventjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxDepth is the number of objects and arrays that may be nested in each other. Stripe's events use about ten.
const MaxDepth = 100

// The values of the "object" member by which the two kinds of event are told apart.
const (
	ThinObject     = "v2.core.event"
	SnapshotObject = "event"
)

// The errors of this package. Packages that parse events export them under their own name.
var (
	ErrSyntax = errors.New("stripe event: not one strict JSON object")
	ErrObject = errors.New("stripe event: wrong kind of object")
	ErrField  = errors.New("stripe event: invalid field")
)

// Parse checks that data is exactly one JSON object, in UTF-8, without duplicate names at any level and nested at most
// MaxDepth deep, and returns a Reader of its members. Any other data is an ErrSyntax whose text never quotes it.
//
// The Reader copies data, so the caller may reuse it.
func Parse(data []byte) (*Reader, error) {
	switch {
	case !utf8.Valid(data):
		return nil, fmt.Errorf("%w: bytes that are not UTF-8", ErrSyntax)
	case !json.Valid(data):
		return nil, fmt.Errorf("%w: invalid JSON", ErrSyntax)
	}
	text := string(data)
	text = text[skipSpace(text, 0):]
	if text[0] != '{' {
		return nil, fmt.Errorf("%w: %s at the top level", ErrSyntax, kindOf(text))
	}
	if err := check(text); err != nil {
		return nil, err
	}
	r := &Reader{members: split(text)}
	r.root = r
	return r, nil
}

// check walks valid JSON once and refuses deep nesting and duplicate names.
func check(text string) error {
	open := make([]names, 0, 8)
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			if len(open) == MaxDepth {
				return fmt.Errorf("%w: nested more than %d deep", ErrSyntax, MaxDepth)
			}
			open = append(open, names{})
		case '}', ']':
			open = open[:len(open)-1]
		case '"':
			end := stringEnd(text, i)
			// In valid JSON only a name is followed by a colon.
			if text[skipSpace(text, end)] == ':' && !open[len(open)-1].add(unquote(text[i:end])) {
				return fmt.Errorf("%w: a name occurs twice in one object", ErrSyntax)
			}
			i = end - 1
		}
	}
	return nil
}

// fewNames is the size up to which comparing names one by one beats hashing them.
const fewNames = 16

// names are those met so far in one open object. The array spares a small object any allocation; the map keeps one with
// very many names from costing quadratic time.
type names struct {
	few  [fewNames]string
	n    int
	many map[string]struct{}
}

// add notes a name and reports whether it is new.
func (s *names) add(name string) bool {
	if s.n < fewNames {
		if slices.Contains(s.few[:s.n], name) {
			return false
		}
		s.few[s.n] = name
		s.n++
		return true
	}
	if s.many == nil {
		s.many = make(map[string]struct{}, 2*fewNames)
		for _, known := range s.few {
			s.many[known] = struct{}{}
		}
	}
	if _, known := s.many[name]; known {
		return false
	}
	s.many[name] = struct{}{}
	return true
}

// member is one name of an object and the text of its value, without space around it.
type member struct{ name, value string }

// split cuts a valid object into its members.
func split(object string) []member {
	members := make([]member, 0, min(1+len(object)/20, 12)) // about right for Stripe's, which spares growing
	for i := skipSpace(object, 1); object[i] != '}'; {
		nameEnd := stringEnd(object, i)
		start := skipSpace(object, skipSpace(object, nameEnd)+1)
		end := valueEnd(object, start)
		members = append(members, member{unquote(object[i:nameEnd]), object[start:end]})
		i = skipSeparator(object, end)
	}
	return members
}

// elements cuts a valid array into its values.
func elements(array string) []string {
	var values []string
	for i := skipSpace(array, 1); array[i] != ']'; {
		end := valueEnd(array, i)
		values = append(values, array[i:end])
		i = skipSeparator(array, end)
	}
	return values
}

// skipSeparator returns the index of the next member, element or closing bracket after a value.
func skipSeparator(text string, i int) int {
	if i = skipSpace(text, i); text[i] == ',' {
		return skipSpace(text, i+1)
	}
	return i
}

// skipSpace returns the index of the first byte at or after i that is not JSON white space.
func skipSpace(text string, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\t' || text[i] == '\n' || text[i] == '\r') {
		i++
	}
	return i
}

// stringEnd returns the index after the string that opens at i.
func stringEnd(text string, i int) int {
	for i++; text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// valueEnd returns the index after the value that begins at i.
func valueEnd(text string, i int) int {
	depth := 0
	for ; ; i++ {
		switch text[i] {
		case '"':
			i = stringEnd(text, i) - 1
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
		default:
			if depth == 0 {
				return literalEnd(text, i)
			}
			continue
		}
		if depth == 0 {
			return i + 1
		}
	}
}

// literalEnd returns the index after the number, true, false or null that begins at i. Something always follows it: at
// least the end of the object around it.
func literalEnd(text string, i int) int {
	for ; ; i++ {
		switch text[i] {
		case ',', '}', ']', ' ', '\t', '\n', '\r':
			return i
		}
	}
}

// unquote returns the content of a valid JSON string. Without escapes it costs nothing.
func unquote(quoted string) string {
	if strings.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	var s string
	_ = json.Unmarshal([]byte(quoted), &s) // a valid string decodes
	return s
}

// kindOf names the JSON kind of a value for error texts.
func kindOf(value string) string {
	switch value[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	default:
		return "a number"
	}
}
