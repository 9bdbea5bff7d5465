package stripe

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A query hands out the parameters of one request. An endpoint reads what it knows; what remains is unknown to it and
// is refused by done, and so is the first malformed value that any of the readers met.
type query struct {
	values url.Values
	err    error
}

func parseQuery(raw string) (*query, error) {
	values, err := url.ParseQuery(raw)
	if plain, _ := url.QueryUnescape(raw); err != nil || !utf8.ValidString(plain) {
		return nil, invalid("", "The query string is malformed.")
	}
	return &query{values: values}, nil
}

// fail keeps the first error.
func (q *query) fail(err error) {
	if q.err == nil {
		q.err = err
	}
}

// done returns what was wrong with the parameters, if anything.
func (q *query) done() error {
	if q.err == nil && len(q.values) > 0 {
		q.err = unknown(slices.Sorted(maps.Keys(q.values))[0])
	}
	return q.err
}

// take removes a parameter, which must have one value that is not empty, and reports whether it was there.
func (q *query) take(name string) (string, bool) {
	values, ok := q.values[name]
	if !ok {
		return "", false
	}
	delete(q.values, name)
	if len(values) > 1 {
		q.fail(invalid(name, "%s was given %d times.", name, len(values)))
	} else if values[0] == "" {
		q.fail(invalid(name, "%s is empty; leave it out instead.", name))
	}
	return values[0], true
}

// text returns a parameter's value, or "".
func (q *query) text(name string) string {
	value, _ := q.take(name)
	return value
}

// integer returns a whole number between low and high, or fallback where there is none.
func (q *query) integer(name string, low, high, fallback int) int {
	text, ok := q.take(name)
	if !ok {
		return fallback
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high {
		q.fail(invalid(name, "%s must be a whole number from %d to %d; got %q.", name, low, high, text))
		return fallback
	}
	return n
}

// list returns name[0], name[1] and so on, at most limit of them. API v2 takes no other spelling.
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
		q.fail(invalid(name, "%s takes at most %d values; got %d.", name, limit, len(items)))
	}
	for key := range q.values {
		if key == name || strings.HasPrefix(key, name+"[") {
			q.fail(invalid(name, "%s must be spelled %s[0], %s[1] and so on, without gaps.", name, name, name))
		}
	}
	return items
}

// looseList returns a list in either of v1's spellings, indexed as by list or repeated as name[].
func (q *query) looseList(name string, limit int) []string {
	items, ok := q.values[name+"[]"]
	if !ok {
		return q.list(name, limit)
	}
	delete(q.values, name+"[]")
	if len(items) > limit || slices.Contains(items, "") {
		q.fail(invalid(name, "%s takes up to %d values, none of them empty.", name, limit))
	}
	return items
}
