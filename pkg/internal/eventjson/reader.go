package eventjson

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Reader reads the members of one object. Its methods return no errors: the first fault of a
// document is kept for [Reader.Err], and every read of the faulty member returns the zero value. A
// nil Reader stands for an absent object; call only methods on it that accept an absent member.
//
// Unless a method says otherwise the member must be present and not null. A Reader is not safe for
// concurrent use.
type Reader struct {
	document *document
	parent   *Reader
	name     string // in parent
	members  []member
}

// maxFaults bounds the list of faults, since the author of the document chooses how many there are.
const maxFaults = 20

// CollectFaults makes [Reader.Err] report every fault found from now on, up to a limit, instead of
// only the first.
func (r *Reader) CollectFaults() { r.document.collect = true }

// AllowMissing makes a member that is missing or null read as the zero value from now on. A member
// of the wrong kind is still a fault.
func (r *Reader) AllowMissing() { r.document.lenient = true }

// Require keeps an [ErrField] for the named member if a condition on its value does not hold,
// unless missing members are allowed: then values are not checked either.
func (r *Reader) Require(name string, holds bool, problem string) {
	if !holds && !r.document.lenient {
		r.Fail(name, problem)
	}
}

// Err returns the first fault found in the whole document: an [ErrField] that names the member's
// path, or nil.
func (r *Reader) Err() error { return r.document.fault }

// Fail keeps an [ErrField] for the named member, unless there is an earlier fault.
func (r *Reader) Fail(name, problem string) {
	d := r.document
	switch {
	case d.fault == nil:
		d.fault = fmt.Errorf("%w: %s: %s", ErrField, r.path(name), problem)
		d.faults = 1
	case d.collect && d.faults < maxFaults:
		d.fault = fmt.Errorf("%w; %s: %s", d.fault, r.path(name), problem)
		d.faults++
	}
}

// Has reports whether the member is present, null included.
func (r *Reader) Has(name string) bool {
	_, ok := r.find(name)
	return ok
}

// Text reads a string that is not empty.
func (r *Reader) Text(name string) string {
	s := r.String(name)
	if s == "" {
		r.Fail(name, "empty string")
	}
	return s
}

// String reads a string, which may be empty.
func (r *Reader) String(name string) string {
	value, ok := r.want(name, "a string")
	if !ok {
		return ""
	}
	return unquote(value)
}

// OptionalString reads a string; absent and null read as "".
func (r *Reader) OptionalString(name string) string {
	if r.Null(name) {
		return ""
	}
	return r.String(name)
}

// Bool reads a boolean.
func (r *Reader) Bool(name string) bool {
	value, ok := r.want(name, "a boolean")
	return ok && value == "true"
}

// Time reads an RFC 3339 date and time with any fraction of a second.
func (r *Reader) Time(name string) time.Time {
	value, ok := r.want(name, "a string")
	if !ok {
		return time.Time{}
	}
	t, ok := parseTime(unquote(value))
	if !ok {
		r.Fail(name, "not an RFC 3339 date and time")
	}
	return t
}

// TimeOrZero reads an RFC 3339 date and time; anything else reads as the zero time.
func (r *Reader) TimeOrZero(name string) time.Time {
	value, ok := r.find(name)
	if !ok || kindOf(value) != "a string" {
		return time.Time{}
	}
	t, _ := parseTime(unquote(value))
	return t
}

// parseTime is strict: the time package also accepts an hour of one digit and a comma before the
// fraction.
func parseTime(text string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || text[len("2006-01-02T15")] != ':' || text[len("2006-01-02T15:04:05")] == ',' {
		return time.Time{}, false
	}
	return t, true
}

// Int reads a whole number of at most 64 bits. Stripe sends some int64 fields as strings, so "12"
// reads as 12.
func (r *Reader) Int(name string) int64 {
	value, ok := r.find(name)
	if !ok || kindOf(value) != "a string" {
		value, ok = r.want(name, "a number")
	}
	if !ok {
		return 0
	}
	n, err := parseInt(value)
	if err != nil {
		r.Fail(name, "not a whole number of 64 bits")
		return 0
	}
	return n
}

// OptionalInt reads as Int does; absent and null read as 0.
func (r *Reader) OptionalInt(name string) int64 {
	if r.Null(name) {
		return 0
	}
	return r.Int(name)
}

// parseInt parses the text of a JSON number, or of a string of decimal digits. JSON has one
// number type, so 1.0 and 1e3 are whole too; beyond 2^53 a float could round and is refused.
func parseInt(value string) (int64, error) {
	if value[0] == '"' {
		digits := unquote(value)
		if strings.HasPrefix(digits, "+") {
			return 0, strconv.ErrSyntax
		}
		return strconv.ParseInt(digits, 10, 64)
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err == nil {
		return n, nil
	}
	const exact = 1 << 53
	if f, ferr := strconv.ParseFloat(value, 64); ferr == nil && f >= -exact && f <= exact && f == float64(int64(f)) {
		return int64(f), nil
	}
	return 0, err
}

// Object reads an object.
func (r *Reader) Object(name string) *Reader {
	value, ok := r.want(name, "an object")
	if !ok {
		return r.child(name, "{}")
	}
	return r.child(name, value)
}

// OptionalObject reads an object; absent, null and {} give nil.
func (r *Reader) OptionalObject(name string) *Reader {
	if r.Null(name) {
		return nil
	}
	if o := r.Object(name); len(o.members) > 0 {
		return o
	}
	return nil
}

// Objects reads an array whose elements are objects. The result is nil only if there is no array.
func (r *Reader) Objects(name string) []*Reader {
	value, ok := r.want(name, "an array")
	if !ok {
		return nil
	}
	list := elements(value)
	objects := make([]*Reader, len(list))
	for i, element := range list {
		at := name + "[" + strconv.Itoa(i) + "]"
		if element[0] != '{' {
			if element != "null" || !r.document.lenient {
				r.Fail(at, kindOf(element)+" where an object is due")
			}
			element = "{}"
		}
		objects[i] = r.child(at, element)
	}
	return objects
}

// RawObject returns the text of an object byte for byte.
func (r *Reader) RawObject(name string) json.RawMessage {
	value, ok := r.want(name, "an object")
	if !ok {
		return nil
	}
	return json.RawMessage(value)
}

// OptionalRawObject returns the text of an object byte for byte; absent and null give nil.
func (r *Reader) OptionalRawObject(name string) json.RawMessage {
	if r.Null(name) {
		return nil
	}
	return r.RawObject(name)
}

// RawArray returns the texts of an array's elements byte for byte.
func (r *Reader) RawArray(name string) []json.RawMessage {
	value, ok := r.want(name, "an array")
	if !ok {
		return nil
	}
	list := elements(value)
	raw := make([]json.RawMessage, len(list))
	for i, element := range list {
		raw[i] = json.RawMessage(element)
	}
	return raw
}

// Null reports whether the member is absent or null.
func (r *Reader) Null(name string) bool {
	value, ok := r.find(name)
	return !ok || value == "null"
}

// Kind names the JSON kind of the member ("a string", "null" …); absent gives "".
func (r *Reader) Kind(name string) string {
	value, ok := r.find(name)
	if !ok {
		return ""
	}
	return kindOf(value)
}

func (r *Reader) find(name string) (string, bool) {
	for _, m := range r.members {
		if m.name == name {
			return m.value, true
		}
	}
	return "", false
}

// want returns the member's text if it is of the kind, and otherwise keeps the fault.
func (r *Reader) want(name, kind string) (string, bool) {
	value, ok := r.find(name)
	switch {
	case r.document.lenient && (!ok || value == "null"):
		return "", false
	case !ok:
		r.Fail(name, "missing")
		return "", false
	case kindOf(value) != kind:
		r.Fail(name, kindOf(value)+" where "+kind+" is due")
		return "", false
	}
	return value, true
}

// child returns a Reader of a nested object.
func (r *Reader) child(name, object string) *Reader {
	d := r.document
	var child *Reader
	if d.opened < len(d.nested) {
		child = &d.nested[d.opened]
		d.opened++
	} else {
		child = new(Reader)
	}
	free := d.members[d.used:d.used]
	*child = Reader{document: d, parent: r, name: name, members: split(free, object)}
	d.used = min(d.used+len(child.members), len(d.members))
	return child
}

func (r *Reader) path(name string) string {
	if r.parent == nil {
		return name
	}
	return r.parent.path(r.name) + "." + name
}
