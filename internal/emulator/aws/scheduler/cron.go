package scheduler

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/cronexpr"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/spelling"
)

// cron is a cron expression in a time zone. Its fields have the meaning that AWS gives them:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html
type cron struct {
	expression *cronexpr.Expression // nil if it never runs
	zone       *time.Location
}

// cronField is a field of an expression.
type cronField struct {
	name        string
	least, most int
	names       []string       // names of the values, from the least
	special     *regexp.Regexp // matches a part that the library reads itself
}

var cronFields = []cronField{
	{name: "minutes", most: 59},
	{name: "hours", most: 23},
	{name: "day-of-month", least: 1, most: 31, special: regexp.MustCompile(`^(L|LW|([1-9]|[12][0-9]|3[01])W)$`)},
	{name: "month", least: 1, most: 12, names: []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}},
	{name: "day-of-week", least: 1, most: 7, names: []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}, special: regexp.MustCompile(`^([^#]*L|[^#]*#[1-5])$`)},
	{name: "year", least: 1970, most: 2199},
}

const (
	dayOfMonth = 2
	dayOfWeek  = 4
	lastYear   = 2099 // that the library knows
)

// parseCron reads the fields of an expression, without cron(…). It translates them for the library,
// which has Unix's meaning of some: it counts the days of the week from 0, and combines the days of
// month and week instead of requiring a question mark.
func parseCron(text string, zone *time.Location) (cron, error) {
	fields := strings.Fields(text)
	if len(fields) != len(cronFields) {
		return cron{}, fmt.Errorf("it has %d fields; there are six: minutes hours day-of-month month day-of-week year", len(fields))
	}
	if (fields[dayOfMonth] == "?") == (fields[dayOfWeek] == "?") {
		return cron{}, fmt.Errorf("day-of-month and day-of-week are %s and %s: exactly one of them has to be ?", quote(fields[dayOfMonth]), quote(fields[dayOfWeek]))
	}
	for i, field := range cronFields {
		translated, err := field.translate(fields[i])
		if err != nil {
			return cron{}, fmt.Errorf("%s: %w", field.name, err)
		}
		if translated == "" {
			return cron{zone: zone}, nil
		}
		fields[i] = translated
	}
	expression, err := cronexpr.Parse(strings.Join(fields, " "))
	return cron{expression, zone}, err
}

// translate returns a field as the library reads it. Empty: no value that it knows is left.
func (f cronField) translate(text string) (string, error) {
	if text == "*" || text == "?" && (f.name == "day-of-month" || f.name == "day-of-week") {
		return "*", nil
	}
	var values []int
	var translated []string
	parts := strings.Split(text, ",")
	for _, part := range parts {
		part = strings.ToUpper(part)
		if f.special != nil && f.special.MatchString(part) {
			if strings.Contains(part, "#") && len(parts) > 1 {
				return "", fmt.Errorf("%s can only stand alone", quote(part))
			}
			special, err := f.translateSpecial(part)
			if err != nil {
				return "", err
			}
			translated = append(translated, special)
			continue
		}
		some, err := f.values(part)
		if err != nil {
			return "", err
		}
		values = append(values, some...)
	}
	slices.Sort(values)
	for _, v := range slices.Compact(values) {
		if f.name == "day-of-week" {
			v--
		}
		if v <= lastYear {
			translated = append(translated, strconv.Itoa(v))
		}
	}
	return strings.Join(translated, ","), nil
}

// translateSpecial translates L, W and #. L alone is the last day of the month or of the week.
func (f cronField) translateSpecial(part string) (string, error) {
	switch {
	case f.name == "day-of-month":
		return part, nil
	case part == "L":
		return "6", nil
	}
	end := strings.IndexAny(part, "L#")
	day, err := f.value(part[:end])
	return strconv.Itoa(day-1) + part[end:], err
}

// values returns the values of a number, a range or an increment. A range that ends before it begins
// continues at the least value: the hours 20-2 are those around midnight.
func (f cronField) values(part string) ([]int, error) {
	base, increment, isIncrement := strings.Cut(part, "/")
	first, last, isRange := strings.Cut(base, "-")
	from, to, step := f.least, f.most, 1
	var err error
	if base != "*" {
		if from, err = f.value(first); err != nil {
			return nil, err
		}
		if !isIncrement {
			to = from
		}
		if isRange {
			if to, err = f.value(last); err != nil {
				return nil, err
			}
		}
	}
	if isIncrement {
		if step, err = strconv.Atoi(increment); err != nil || step < 1 {
			return nil, fmt.Errorf("the increment in %s is not a positive number", quote(part))
		}
	}
	size := f.most - f.least + 1
	if to < from {
		if f.name == "year" {
			return nil, fmt.Errorf("%s ends before it begins", quote(part))
		}
		to += size
	}
	var values []int
	for v := from; v <= to; v += min(step, size) {
		values = append(values, f.least+(v-f.least)%size)
	}
	return values, nil
}

var digits = regexp.MustCompile(`^[0-9]{1,9}$`)

// value returns the value of a number or a name.
func (f cronField) value(text string) (int, error) {
	if i := slices.Index(f.names, text); i >= 0 {
		return f.least + i, nil
	}
	if !digits.MatchString(text) {
		if f.special != nil && strings.Contains(text, "#") {
			return 0, fmt.Errorf("%s does not end in a number between 1 and 5", quote(text))
		}
		return 0, fmt.Errorf("no value %s%s", quote(text), spelling.Question(text, f.names))
	}
	v, err := strconv.Atoi(text)
	if v < f.least || v > f.most {
		return 0, fmt.Errorf("%d is not between %d and %d", v, f.least, f.most)
	}
	return v, err
}

// next returns the first time after another at which the expression matches the zone's wall clock.
// As on AWS, a time that the clock skips in spring is left out, and one that it repeats in autumn
// counts once: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
func (c cron) next(after, _ time.Time) time.Time {
	if c.expression == nil {
		return time.Time{}
	}
	for wall := wallClock(after, c.zone); ; {
		if wall = c.expression.Next(wall); wall.IsZero() {
			return wall
		}
		if at, exists := instant(wall, c.zone); exists && at.After(after) {
			return at
		}
	}
}

// wallClock returns what the clocks of a zone show, as a time in UTC.
func wallClock(t time.Time, zone *time.Location) time.Time {
	_, offset := t.In(zone).Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// instant returns the first time at which the clocks of a zone show something, if they ever do.
func instant(wall time.Time, zone *time.Location) (at time.Time, exists bool) {
	for _, shift := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, offset := wall.Add(shift).In(zone).Zone() // before and after a change of the offset
		candidate := wall.Add(-time.Duration(offset) * time.Second)
		if wallClock(candidate, zone).Equal(wall) && (!exists || candidate.Before(at)) {
			at, exists = candidate, true
		}
	}
	return at, exists
}
