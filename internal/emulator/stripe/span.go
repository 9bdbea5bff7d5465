package stripe

import (
	"errors"
	"strconv"
	"time"
)

// A span is a range of times. A zero bound is none.
type span struct{ gt, gte, lt, lte time.Time }

func (s span) contains(t time.Time) bool {
	return (s.gt.IsZero() || t.After(s.gt)) && (s.gte.IsZero() || !t.Before(s.gte)) &&
		(s.lt.IsZero() || t.Before(s.lt)) && (s.lte.IsZero() || !t.After(s.lte))
}

// span reads name[gt], name[gte], name[lt] and name[lte], at most one of each pair.
func (q *query) span(name string, parse func(string) (time.Time, error)) span {
	var s span
	for _, bound := range []struct {
		key string
		at  *time.Time
	}{{"gt", &s.gt}, {"gte", &s.gte}, {"lt", &s.lt}, {"lte", &s.lte}} {
		param := name + "[" + bound.key + "]"
		if text, ok := q.take(param); ok {
			*bound.at = q.instant(param, text, parse)
		}
	}
	if !s.gt.IsZero() && !s.gte.IsZero() || !s.lt.IsZero() && !s.lte.IsZero() {
		q.fail(invalid(name, "%s takes one lower and one upper bound.", name))
	}
	return s
}

// spanOrInstant also reads name alone, which v1 takes as one instant.
func (q *query) spanOrInstant(name string, parse func(string) (time.Time, error)) span {
	text, ok := q.take(name)
	if !ok {
		return q.span(name, parse)
	}
	at := q.instant(name, text, parse)
	return span{gte: at, lte: at}
}

func (q *query) instant(param, text string, parse func(string) (time.Time, error)) time.Time {
	at, err := parse(text)
	if err != nil {
		q.fail(invalid(param, "%s must be %v; got %q.", param, err, text))
	}
	return at
}

var (
	errNotRFC3339 = errors.New("a time such as 2026-09-30T12:00:00.000Z")
	errNotUnix    = errors.New("a whole number of seconds since 1970")
)

// parseRFC3339 reads the times of API v2.
func parseRFC3339(text string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, errNotRFC3339
	}
	return at, nil
}

// parseUnix reads the times of API v1.
func parseUnix(text string) (time.Time, error) {
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, errNotUnix
	}
	return time.Unix(seconds, 0), nil
}
