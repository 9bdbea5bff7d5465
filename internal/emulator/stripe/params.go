package stripe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A query contains the parameters of one query string. An endpoint reads, and so removes, each
// parameter that it knows; done reports the first malformed value or a remaining parameter.
type query struct {
	values url.Values
	err    error
}

func parseQuery(raw string) (*query, error) {
	values, err := url.ParseQuery(raw)
	if plain, _ := url.QueryUnescape(raw); err != nil || !utf8.ValidString(plain) {
		return nil, invalidParam("", "The query string is malformed.")
	}
	return &query{values: values}, nil
}

func (q *query) fail(err error) {
	if q.err == nil {
		q.err = err
	}
}

func (q *query) done() error {
	if q.err == nil && len(q.values) > 0 {
		q.err = unknownParam(slices.Sorted(maps.Keys(q.values))[0])
	}
	return q.err
}

// take removes and returns a parameter, if present. It must have exactly one value, which is not
// empty.
func (q *query) take(name string) (string, bool) {
	values, ok := q.values[name]
	if !ok {
		return "", false
	}
	delete(q.values, name)
	if len(values) > 1 {
		q.fail(invalidParam(name, "%s was given %d times.", name, len(values)))
	} else if values[0] == "" {
		q.fail(invalidParam(name, "%s is empty; leave it out instead.", name))
	}
	return values[0], true
}

func (q *query) string(name string) string {
	value, _ := q.take(name)
	return value
}

// integer returns a whole number between low and high; fallback if it is absent.
func (q *query) integer(name string, low, high, fallback int) int {
	value, ok := q.take(name)
	if !ok {
		return fallback
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < low || n > high {
		q.fail(invalidParam(name, "%s must be a whole number from %d to %d; got %q.", name, low, high, value))
		return fallback
	}
	return n
}

// list returns the values of name[0], name[1] and so on, the only notation of API v2.
func (q *query) list(name string, limit int) []string {
	var items []string
	for {
		item, ok := q.take(fmt.Sprintf("%s[%d]", name, len(items)))
		if !ok {
			break
		}
		items = append(items, item)
	}
	if len(items) > limit {
		q.fail(invalidParam(name, "%s accepts at most %d values; got %d.", name, limit, len(items)))
	}
	for key := range q.values {
		if key == name || strings.HasPrefix(key, name+"[") {
			q.fail(invalidParam(name, "%s must be written %s[0], %s[1] and so on, without gaps.", name, name, name))
		}
	}
	return items
}

// v1List returns a list in either notation of API v1: indexed as in list, or with name[] repeated.
func (q *query) v1List(name string, limit int) []string {
	items, ok := q.values[name+"[]"]
	if !ok {
		return q.list(name, limit)
	}
	delete(q.values, name+"[]")
	if len(items) > limit || slices.Contains(items, "") {
		q.fail(invalidParam(name, "%s accepts up to %d values, none of them empty.", name, limit))
	}
	return items
}

// A timeRange is a range of times. A zero bound means none.
type timeRange struct{ gt, gte, lt, lte time.Time }

func (r timeRange) contains(t time.Time) bool {
	return (r.gt.IsZero() || t.After(r.gt)) && (r.gte.IsZero() || !t.Before(r.gte)) &&
		(r.lt.IsZero() || t.Before(r.lt)) && (r.lte.IsZero() || !t.After(r.lte))
}

// timeRange reads name[gt] or name[gte], and name[lt] or name[lte].
func (q *query) timeRange(name string, parse func(string) (time.Time, error)) timeRange {
	var r timeRange
	for _, bound := range []struct {
		key string
		at  *time.Time
	}{{"gt", &r.gt}, {"gte", &r.gte}, {"lt", &r.lt}, {"lte", &r.lte}} {
		param := name + "[" + bound.key + "]"
		if value, ok := q.take(param); ok {
			*bound.at = q.instant(param, value, parse)
		}
	}
	if !r.gt.IsZero() && !r.gte.IsZero() || !r.lt.IsZero() && !r.lte.IsZero() {
		q.fail(invalidParam(name, "%s accepts one lower and one upper bound.", name))
	}
	return r
}

// timeRangeOrInstant also reads name without a bound, which API v1 accepts as a single instant.
func (q *query) timeRangeOrInstant(name string, parse func(string) (time.Time, error)) timeRange {
	value, ok := q.take(name)
	if !ok {
		return q.timeRange(name, parse)
	}
	at := q.instant(name, value, parse)
	return timeRange{gte: at, lte: at}
}

func (q *query) instant(param, value string, parse func(string) (time.Time, error)) time.Time {
	at, err := parse(value)
	if err != nil {
		q.fail(invalidParam(param, "%s must be %v; got %q.", param, err, value))
	}
	return at
}

var (
	errNotRFC3339 = errors.New("a time such as 2026-09-30T12:00:00.000Z")
	errNotUnix    = errors.New("a whole number of seconds since 1970")
)

func parseRFC3339(value string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, value)
	if err != nil {
		return time.Time{}, errNotRFC3339
	}
	return at, nil
}

func parseUnix(value string) (time.Time, error) {
	seconds, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return time.Time{}, errNotUnix
	}
	return time.Unix(seconds, 0), nil
}

// A document contains the members of a JSON object and is read like a [query]: members that were
// not read are unknown, and the first error is kept, for nested documents in the outermost one.
type document struct {
	prefix  string // of member names in errors
	members map[string]json.RawMessage
	err     *error
}

// parseDocument parses a JSON object, or an empty body as an empty one.
func parseDocument(body []byte) (*document, error) {
	d := &document{members: map[string]json.RawMessage{}, err: new(error)}
	if len(body) == 0 {
		return d, nil
	}
	if err := json.Unmarshal(body, &d.members); err != nil || d.members == nil {
		return nil, invalidParam("", "The request body must be a JSON object.")
	}
	return d, nil
}

func (d *document) fail(err error) {
	if *d.err == nil {
		*d.err = err
	}
}

func (d *document) done() error {
	if len(d.members) > 0 {
		d.fail(unknownParam(d.prefix + slices.Sorted(maps.Keys(d.members))[0]))
	}
	return *d.err
}

func (d *document) has(name string) bool {
	_, ok := d.members[name]
	return ok
}

// read decodes a member if it is present, and reports whether it was. A null is malformed. The
// description of the expected value completes the sentence "name must be ….".
func (d *document) read(name string, into any, expected string) bool {
	raw, ok := d.members[name]
	if !ok {
		return false
	}
	delete(d.members, name)
	if bytes.Equal(raw, []byte("null")) || json.Unmarshal(raw, into) != nil {
		d.fail(invalidParam(d.prefix+name, "%s must be %s.", d.prefix+name, expected))
	}
	return true
}

// string returns a string that is not empty; nil if the member is absent.
func (d *document) string(name string) *string {
	var value string
	if !d.read(name, &value, "a string") {
		return nil
	}
	if value == "" {
		d.fail(invalidParam(d.prefix+name, "%s is empty.", d.prefix+name))
	}
	return &value
}

func (d *document) required(name string) string {
	value := d.string(name)
	if value == nil {
		d.fail(missingParam(d.prefix + name))
		return ""
	}
	return *value
}

// choice returns a required string, which must be one of the values.
func (d *document) choice(name string, values ...string) string {
	value := d.required(name)
	if !slices.Contains(values, value) {
		d.fail(invalidParam(d.prefix+name, "%s must be one of %q; got %q.", d.prefix+name, values, value))
	}
	return value
}

func (d *document) choices(name string, values ...string) []string {
	var items []string
	d.read(name, &items, "an array of strings")
	checkChoices(d.fail, d.prefix+name, items, values)
	return items
}

func checkChoices(fail func(error), name string, items, values []string) {
	for _, item := range items {
		if !slices.Contains(values, item) {
			fail(invalidParam(name, "%s accepts %q; got %q.", name, values, item))
		}
	}
}

func (d *document) object(name string) *document {
	nested := &document{prefix: d.prefix + name + ".", err: d.err}
	if !d.read(name, &nested.members, "an object") {
		return nil
	}
	return nested
}

// requiredStrings reads a required nested object whose members are all required strings.
func (d *document) requiredStrings(name string, members ...string) map[string]string {
	values := map[string]string{}
	nested := d.object(name)
	if nested == nil {
		d.fail(missingParam(name))
		return values
	}
	for _, member := range members {
		values[member] = nested.required(member)
	}
	_ = nested.done() // nested keeps its error in d
	return values
}
