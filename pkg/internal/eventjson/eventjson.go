// Package eventjson reads the JSON of Stripe's events so that every reader of the same bytes sees
// the same values.
//
// encoding/json does not promise that: it matches names whatever their case, keeps the last of two
// equal names and replaces bytes that are not UTF-8. An attacker who cannot forge a signature could
// still exploit that two readers of one signed body disagree, so this package refuses such bodies.
// It accepts nothing that encoding/json refuses; a fuzz target checks that.
package eventjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"
)

// MaxDepth is the number of levels to which objects and arrays may be nested. Stripe's events use
// about ten levels.
const MaxDepth = 100

// The values of the "object" member, which distinguish the two kinds of event.
const (
	ThinObject     = "v2.core.event"
	SnapshotObject = "event"
)

// The errors of this package. The packages that parse events export them.
var (
	ErrSyntax = errors.New("stripe event: not one strict JSON object")
	ErrObject = errors.New("stripe event: wrong kind of object")
	ErrField  = errors.New("stripe event: invalid field")
)

// Parse checks that data is exactly one JSON object, in UTF-8, without duplicate names at any level
// and nested at most [MaxDepth] deep, and returns a [Reader] of its members. For any other data the
// error is [ErrSyntax], whose text never quotes the data.
//
// The Reader copies data, so the caller may reuse it. [Reader.Release] is optional.
func Parse(data []byte) (*Reader, error) {
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("%w: bytes that are not UTF-8", ErrSyntax)
	}
	d := documents.Get().(*document)
	d.text = string(data)
	d.root.document = d
	d.root.members = d.members[:0]
	s := scanner{text: d.text, root: &d.root}
	if err := s.document(); err != nil {
		return nil, err
	}
	d.used = min(len(d.root.members), len(d.members))
	return &d.root, nil
}

// documents contains zero documents for reuse, which halves the memory that parsing an event
// allocates.
var documents = sync.Pool{New: func() any { return new(document) }}

// Release returns the document's memory for use by another [Parse]. No Reader of the document may be
// used afterwards; the strings and bytes that they returned stay valid.
func (r *Reader) Release() {
	d := r.document
	*d = document{}
	documents.Put(d)
}

// document is the state of reading one document. For a document the size of a thin event it is a
// single allocation.
type document struct {
	text    string
	root    Reader
	fault   error     // the first, or all of them if they are collected
	faults  int       // the number of faults in fault
	collect bool      // whether all faults are collected
	lenient bool      // whether members may be missing or null
	nested  [3]Reader // for nested objects
	opened  int       // number of nested in use
	members [20]member
	used    int // number of members in use
}

// member is one name of an object and the text of its value, without space around it.
type member struct{ name, value string }

// split cuts a valid object into its members and appends them.
func split(members []member, object string) []member {
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

// stringEnd returns the index after the valid string that opens at i.
func stringEnd(text string, i int) int {
	if end := i + 1 + strings.IndexByte(text[i+1:], '"'); text[end-1] != '\\' {
		return end + 1 // most strings contain no escaped quote
	}
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

// literalEnd returns the index after the number, true, false or null that begins at i. Something
// always follows it: at least the end of the object around it.
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
