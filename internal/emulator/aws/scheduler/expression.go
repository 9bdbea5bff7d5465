package scheduler

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a machine can lack the time zones
)

// timetable says when a schedule runs.
type timetable interface {
	// next returns the first run after a time, of a schedule that began at another. Zero: none.
	next(after, began time.Time) time.Time
}

// parse reads a schedule expression, whose cron(…) or at(…) is in a time zone:
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
func parse(expression string, zone *time.Location) (timetable, error) {
	kind, arguments, _ := strings.Cut(strings.TrimSuffix(expression, ")"), "(")
	var table timetable
	var err error
	switch {
	case !strings.HasSuffix(expression, ")"):
		err = errShape
	case kind == "rate":
		table, err = parseRate(arguments)
	case kind == "cron":
		table, err = parseCron(arguments, zone)
	case kind == "at":
		table, err = parseAt(arguments, zone)
	default:
		err = errShape
	}
	if err != nil {
		return nil, fmt.Errorf("%s is not a schedule: %w", quote(expression), err)
	}
	return table, nil
}

var errShape = errors.New("write it as rate(15 minutes), cron(0 8 ? * MON-FRI *) or at(2030-01-31T08:00:00)")

// quote quotes a text in an error, where it is at most as long as a line.
func quote(text string) string {
	const most = 100
	if len(text) > most {
		return strconv.Quote(text[:most]) + "…"
	}
	return strconv.Quote(text)
}

// rate is a fixed interval.
type rate time.Duration

var rateArguments = regexp.MustCompile(`^([1-9][0-9]{0,8}) (minute|hour|day)(s?)$`)

// parseRate reads a value and a unit, which is in the singular for 1 and otherwise in the plural.
func parseRate(arguments string) (rate, error) {
	parts := rateArguments.FindStringSubmatch(arguments)
	if parts == nil || (parts[1] == "1") != (parts[3] == "") {
		return 0, errors.New("write it as rate(1 hour) or rate(15 minutes)")
	}
	value, err := strconv.Atoi(parts[1])
	unit := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}[parts[2]]
	if time.Duration(value) > math.MaxInt64/unit {
		return 0, errors.New("it runs less than once in 292 years")
	}
	return rate(time.Duration(value) * unit), err
}

// next returns a whole number of intervals after the beginning, which can be so long ago that a
// [time.Duration] does not reach back to it.
func (r rate) next(after, began time.Time) time.Time {
	every := time.Duration(r)
	if after.Before(began) {
		return began.Add(every)
	}
	seconds := int64(every / time.Second)
	passed := (after.Unix() - began.Unix()) / seconds * seconds
	next := time.Unix(began.Unix()+passed, int64(began.Nanosecond()))
	if passed < math.MaxInt64/int64(time.Second) {
		next = began.Add(time.Duration(passed) * time.Second)
	}
	for !next.After(after) {
		next = next.Add(every)
	}
	return next
}

// once is a single time.
type once time.Time

func parseAt(arguments string, zone *time.Location) (once, error) {
	wall, err := time.Parse("2006-01-02T15:04:05", arguments)
	if err != nil {
		return once{}, errors.New("write it as at(2030-01-31T08:00:00), without a time zone")
	}
	at, exists := instant(wall, zone)
	if !exists {
		return once{}, fmt.Errorf("the clocks of %s skip this time", zone)
	}
	return once(at), nil
}

func (o once) next(after, _ time.Time) time.Time {
	if at := time.Time(o); at.After(after) {
		return at
	}
	return time.Time{}
}

// bounded is a recurring timetable with a start, an end or both. Zero: none.
type bounded struct {
	timetable
	start, end time.Time
}

func (b bounded) next(after, began time.Time) time.Time {
	var next time.Time
	switch _, isRate := b.timetable.(rate); {
	case b.start.IsZero():
		next = b.timetable.next(after, began)
	case isRate && after.Before(b.start):
		next = b.start
	case isRate:
		next = b.timetable.next(after, b.start)
	case after.Before(b.start):
		next = b.timetable.next(b.start.Add(-1), began)
	default:
		next = b.timetable.next(after, began)
	}
	if !b.end.IsZero() && next.After(b.end) {
		return time.Time{}
	}
	return next
}

// parseZone returns the time zone with a name of the IANA database; UTC if it is empty.
func parseZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fmt.Errorf("ScheduleExpressionTimezone: %s is not a time zone: use a name such as Europe/Zurich or UTC", quote(name))
	}
	return zone, nil
}

// parseDate reads a StartDate or EndDate, in UTC unless it says otherwise. Empty: zero.
func parseDate(property, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, format := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if at, err := time.Parse(format, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s: %s is not a time: write it as 2030-01-31T08:00:00Z", property, quote(text))
}
