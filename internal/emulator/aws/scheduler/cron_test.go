package scheduler

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// next returns the runs of an expression after a time, as 2006-01-02T15:04 in its zone.
func next(t *testing.T, expression, zone, after string, n int) (runs []string) {
	t.Helper()
	location, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.Parse(time.RFC3339, after)
	if err != nil {
		t.Fatal(err)
	}
	times, err := parse(expression, location)
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		if at = times.next(at, at); at.IsZero() {
			break
		}
		runs = append(runs, at.In(location).Format("2006-01-02T15:04 MST"))
	}
	return runs
}

// TestCronHasTheMeaningThatAWSDocuments, with the examples of these pages:
//
//	https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html
//	https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
//	https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
func TestCronHasTheMeaningThatAWSDocuments(t *testing.T) {
	t.Parallel()
	const sunday = "2026-11-01T00:00:00Z"
	for _, tt := range []struct{ expression, after, want string }{
		{"cron(0 10 * * ? *)", sunday, "11-01T10:00 11-02T10:00 11-03T10:00"},
		{"cron(15 12 * * ? *)", sunday, "11-01T12:15 11-02T12:15 11-03T12:15"},
		{"cron(0 18 ? * MON-FRI *)", "2026-11-05T18:00:00Z", "11-06T18:00 11-09T18:00 11-10T18:00"},
		{"cron(0 8 1 * ? *)", sunday, "11-01T08:00 12-01T08:00 2027-01-01T08:00"},
		{"cron(0/15 * * * ? *)", sunday, "11-01T00:15 11-01T00:30 11-01T00:45"},
		{"cron(0/10 * ? * MON-FRI *)", sunday, "11-02T00:00 11-02T00:10 11-02T00:20"},
		{"cron(0/5 8-17 ? * MON-FRI *)", "2026-11-06T17:50:00Z", "11-06T17:55 11-09T08:00 11-09T08:05"},
		// from 22:00 to 2:00 of the following day, also from 0:00 to 2:00 on Monday
		{"cron(0/30 20-2 ? * MON-FRI *)", "2026-11-02T02:00:00Z", "11-02T02:30 11-02T20:00 11-02T20:30"},
		{"cron(15 10 ? * 6L 2026-2027)", sunday, "11-27T10:15 12-25T10:15 2027-01-29T10:15"}, // the last Friday
		{"cron(1/10 0 * * ? *)", sunday, "11-01T00:01 11-01T00:11 11-01T00:21"},              // "the 11th, 21st, and 31st minute"
		{"cron(0 0 7 * ? *)", sunday, "11-07T00:00 12-07T00:00 2027-01-07T00:00"},
		{"cron(0 0 L * ? *)", sunday, "11-30T00:00 12-31T00:00 2027-01-31T00:00"}, // of the month
		{"cron(0 0 ? * L *)", sunday, "11-07T00:00 11-14T00:00 11-21T00:00"},      // of the week, Saturday
		{"cron(0 0 3W * ? *)", "2026-09-30T00:00:00Z", "10-02T00:00 11-03T00:00 12-03T00:00"},
		{"cron(0 0 1W * ? *)", "2026-07-31T00:00:00Z", "08-03T00:00 09-01T00:00 10-01T00:00"}, // within the month
		{"cron(0 0 31W * ? *)", "2027-01-01T00:00:00Z", "01-29T00:00 03-31T00:00 05-31T00:00"},
		{"cron(0 0 LW * ? *)", "2027-01-01T00:00:00Z", "01-29T00:00 02-26T00:00 03-31T00:00"},
		{"cron(0 0 ? * 3#2 *)", sunday, "11-10T00:00 12-08T00:00 2027-01-12T00:00"}, // the second Tuesday
		{"cron(0 0 ? * SUN#5 *)", sunday, "11-29T00:00 2027-01-31T00:00 2027-05-30T00:00"},
		{"cron(0 0 ? JAN,FEB,MAR 1 *)", "2027-03-21T00:00:00Z", "03-28T00:00 2028-01-02T00:00 2028-01-09T00:00"}, // 1 is Sunday
		{"cron(0 0 ? * 7 *)", sunday, "11-07T00:00 11-14T00:00 11-21T00:00"},                                     // 7 is Saturday
		{"cron(0 0 ? * 2/2 *)", sunday, "11-02T00:00 11-04T00:00 11-06T00:00"},
		{"cron(0 0 ? * fri-Mon *)", sunday, "11-02T00:00 11-06T00:00 11-07T00:00"},
		{"cron(0 0 1,15,L * ? *)", sunday, "11-15T00:00 11-30T00:00 12-01T00:00"},
		{"cron(0 0 29 2 ? *)", sunday, "2028-02-29T00:00 2032-02-29T00:00 2036-02-29T00:00"},
		{"cron(0 0 1 NOV-FEB/2 ? *)", sunday, "2027-01-01T00:00 2027-11-01T00:00 2028-01-01T00:00"},
		{"cron(0 0 1 1 ? 1970-2199/100)", sunday, "2070-01-01T00:00"},
		{"cron(0 0 1 1 ? 2098,2099,2199)", sunday, "2098-01-01T00:00 2099-01-01T00:00"},
		{"cron(59 23 31 12 ? 2199)", sunday, ""}, // later than any clock shows
		{"cron(0 0 1 1 ? 1999)", sunday, ""},
		{"cron(0 0 31 4,6,9,11 ? *)", sunday, ""},
	} {
		var got []string
		for _, run := range next(t, tt.expression, "UTC", tt.after, 3) {
			got = append(got, strings.TrimSuffix(strings.TrimPrefix(run, tt.after[:5]), " UTC"))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s after %s: %s, want %s", tt.expression, tt.after, strings.Join(got, " "), tt.want)
		}
	}
}

// TestCronFollowsTheClocksOfItsZone: a time that they skip is left out, and one that they repeat
// counts once. https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time
func TestCronFollowsTheClocksOfItsZone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		expression, zone, after string
		want                    []string
	}{
		{"cron(30 8 * * ? *)", "Europe/Zurich", "2026-03-28T00:00:00Z", []string{"2026-03-28T08:30 CET", "2026-03-29T08:30 CEST", "2026-03-30T08:30 CEST"}},
		{"cron(30 2 * * ? *)", "Europe/Zurich", "2026-03-27T12:00:00Z", []string{"2026-03-28T02:30 CET", "2026-03-30T02:30 CEST", "2026-03-31T02:30 CEST"}},
		{"cron(30 2 * * ? *)", "Europe/Zurich", "2026-10-24T12:00:00Z", []string{"2026-10-25T02:30 CEST", "2026-10-26T02:30 CET", "2026-10-27T02:30 CET"}},
		{"cron(0/30 1-2 * * ? *)", "America/New_York", "2026-11-01T05:00:00Z", []string{"2026-11-01T01:30 EDT", "2026-11-01T02:00 EST", "2026-11-01T02:30 EST"}},
		{"cron(15,45 * * * ? *)", "America/New_York", "2026-11-01T06:20:00Z", []string{"2026-11-01T02:15 EST", "2026-11-01T02:45 EST", "2026-11-01T03:15 EST"}}, // 1:20, the second time
		{"cron(0 0 * * ? *)", "Australia/Lord_Howe", "2026-04-04T00:00:00Z", []string{"2026-04-05T00:00 +11", "2026-04-06T00:00 +1030", "2026-04-07T00:00 +1030"}},
		{"cron(45 1 * * ? *)", "Australia/Lord_Howe", "2026-04-04T00:00:00Z", []string{"2026-04-05T01:45 +11", "2026-04-06T01:45 +1030", "2026-04-07T01:45 +1030"}},
		{"cron(0 12 * * ? *)", "Pacific/Apia", "2011-12-29T00:00:00Z", []string{"2011-12-29T12:00 -10", "2011-12-31T12:00 +14", "2012-01-01T12:00 +14"}}, // the 30th never was
		{"cron(0 12 1 * ? *)", "Asia/Kathmandu", "2026-11-26T00:00:00Z", []string{"2026-12-01T12:00 +0545", "2027-01-01T12:00 +0545", "2027-02-01T12:00 +0545"}},
		{"at(2026-10-25T02:30:00)", "Europe/Zurich", "2026-01-01T00:00:00Z", []string{"2026-10-25T02:30 CEST"}},
	} {
		if got := next(t, tt.expression, tt.zone, tt.after, 3); !slices.Equal(got, tt.want) {
			t.Errorf("%s in %s after %s: %q, want %q", tt.expression, tt.zone, tt.after, got, tt.want)
		}
	}
}

func TestErrorOfACronExpressionNamesTheField(t *testing.T) {
	t.Parallel()
	for fields, want := range map[string]string{
		"60 8 * * ? *":          "minutes: 60 is not between 0 and 59",
		"* 24 * * ? *":          "hours: 24 is not between 0 and 23",
		"0 0 0 * ? *":           "day-of-month: 0 is not between 1 and 31",
		"0 0 32W * ? *":         `day-of-month: no value "32W"`,
		"0 0 L-3 * ? *":         `day-of-month: no value "L"`,
		"0 0 1 13 ? *":          "month: 13 is not between 1 and 12",
		"0 0 1 JANUARY ? *":     `month: no value "JANUARY"`,
		"0 0 1 JNA ? *":         `month: no value "JNA": did you mean JAN?`,
		"0 0 ? * 0 *":           "day-of-week: 0 is not between 1 and 7",
		"0 0 ? * 8 *":           "day-of-week: 8 is not between 1 and 7",
		"0 0 ? * MOM *":         `day-of-week: no value "MOM": did you mean MON?`,
		"0 0 ? * 2#6 *":         `day-of-week: "2#6" does not end in a number between 1 and 5`,
		"0 0 ? * 3#1,6#3 *":     `day-of-week: "3#1" can only stand alone`,
		"0 0 ? * 9L *":          "day-of-week: 9 is not between 1 and 7",
		"0 0 ? * 3W *":          `day-of-week: no value "3W"`,
		"0 0 1 1 ? 1969":        "year: 1969 is not between 1970 and 2199",
		"0 0 1 1 ? 2200":        "year: 2200 is not between 1970 and 2199",
		"0 0 1 1 ? 2030-2020":   `year: "2030-2020" ends before it begins`,
		"*/0 0 1 1 ? *":         `minutes: the increment in "*/0" is not a positive number`,
		"/5 0 1 1 ? *":          `minutes: no value ""`,
		"1--3 0 1 1 ? *":        `minutes: no value "-3"`,
		"? 0 1 1 ? *":           `minutes: no value "?"`,
		"1, 0 1 1 ? *":          `minutes: no value ""`,
		"0 0 * * * *":           `day-of-month and day-of-week are "*" and "*": exactly one of them has to be ?`,
		"0 0 1 * MON *":         `day-of-month and day-of-week are "1" and "MON": exactly one of them has to be ?`,
		"0 0 ? * ? *":           `day-of-month and day-of-week are "?" and "?": exactly one of them has to be ?`,
		"0 0 * * ?":             "it has 5 fields",
		"0 0 0 * * ? *":         "it has 7 fields",
		"":                      "it has 0 fields",
		"@daily":                "it has 1 fields",
		"99999999999 0 * * ? *": `minutes: no value "99999999999"`,
	} {
		_, err := parse("cron("+fields+")", time.UTC)
		if err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("%q is not a schedule: %s", "cron("+fields+")", want)) {
			t.Errorf("cron(%s): %v, want an error with %q", fields, err, want)
		}
	}
}

// TestNextRunIsTheFirstThatMatches compares the next run of made-up expressions with that of a search
// through all minutes, which reads AWS's page on its own.
func TestNextRunIsTheFirstThatMatches(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	never := 0
	for range 3000 {
		fields := madeUpFields(r)
		after := time.Date(1990+r.IntN(100), time.Month(1+r.IntN(12)), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), 0, time.UTC)
		times, err := parse("cron("+strings.Join(fields, " ")+")", time.UTC)
		if err != nil {
			t.Fatalf("%q: %v", fields, err)
		}
		want := search(fields, after)
		if want.IsZero() {
			never++
		}
		if got := times.next(after, after); !got.Equal(want) {
			t.Errorf("cron(%s) after %v: %v, want %v", strings.Join(fields, " "), after, got, want)
		}
	}
	if never > 1500 {
		t.Errorf("%d of 3000 expressions never run: the others are too few", never)
	}
}

func madeUpFields(r *rand.Rand) []string {
	days, weekdays := madeUp(r, 1, 31, nil), "?"
	if r.IntN(3) == 0 {
		days = []string{"L", "LW", strconv.Itoa(1+r.IntN(31)) + "W"}[r.IntN(3)]
	}
	if r.IntN(2) == 0 {
		names := cronFields[dayOfWeek].names
		days, weekdays = "?", madeUp(r, 1, 7, names)
		if r.IntN(3) == 0 {
			weekdays = []string{"L", names[r.IntN(7)] + "L", fmt.Sprintf("%d#%d", 1+r.IntN(7), 1+r.IntN(5))}[r.IntN(3)]
		}
	}
	years := []string{"*", "*", strconv.Itoa(1990 + r.IntN(100)), "2024-2030", "2025/4", "*/3"}[r.IntN(6)]
	return []string{madeUp(r, 0, 59, nil), madeUp(r, 0, 23, nil), days, madeUp(r, 1, 12, cronFields[3].names), weekdays, years}
}

// madeUp makes up a list of values, ranges and increments.
func madeUp(r *rand.Rand, least, most int, names []string) string {
	value := func() string {
		v := least + r.IntN(most-least+1)
		if names != nil && r.IntN(2) == 0 {
			return names[v-least]
		}
		return strconv.Itoa(v)
	}
	var parts []string
	for range 1 + r.IntN(3) {
		part := []string{"*", value(), value(), value() + "-" + value()}[r.IntN(4)]
		if r.IntN(3) == 0 {
			part += "/" + strconv.Itoa(1+r.IntN(most))
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ",")
}

func search(fields []string, after time.Time) time.Time {
	for day := after.Truncate(24 * time.Hour); day.Year() <= lastYear; day = day.AddDate(0, 0, 1) {
		if !matches(fields[5], day.Year(), 1970, 2199, nil) {
			day = time.Date(day.Year(), 12, 31, 0, 0, 0, 0, time.UTC)
			continue
		}
		if !matches(fields[3], int(day.Month()), 1, 12, cronFields[3].names) || !isDay(fields[2], day) || !isWeekday(fields[4], day) {
			continue
		}
		for minute := range 24 * 60 {
			at := day.Add(time.Duration(minute) * time.Minute)
			if at.After(after) && matches(fields[1], minute/60, 0, 23, nil) && matches(fields[0], minute%60, 0, 59, nil) {
				return at
			}
		}
	}
	return time.Time{}
}

func matches(field string, v, least, most int, names []string) bool {
	number := func(text string) int {
		if i := slices.Index(names, text); i >= 0 {
			return least + i
		}
		n, _ := strconv.Atoi(text)
		return n
	}
	for part := range strings.SplitSeq(field, ",") {
		base, increment, hasIncrement := strings.Cut(part, "/")
		from, to, isRange := strings.Cut(base, "-")
		first, last := number(from), number(to)
		switch {
		case base == "*":
			first, last = least, most
		case !isRange && hasIncrement:
			last = most
		case !isRange:
			last = first
		}
		step := max(1, number(increment))
		if hasIncrement {
			step, _ = strconv.Atoi(increment)
		}
		for i, at := 0, first; ; i, at = i+1, at+1 {
			if at > most {
				at = least
			}
			if i%step == 0 && at == v {
				return true
			}
			if at == last {
				break
			}
		}
	}
	return false
}

func isDay(field string, day time.Time) bool {
	last := day.AddDate(0, 1, -day.Day()).Day()
	wanted, isNearest := strings.CutSuffix(field, "W")
	switch {
	case field == "?":
		return true
	case field == "L":
		return day.Day() == last
	case !isNearest:
		return matches(field, day.Day(), 1, 31, nil)
	}
	number := last
	if wanted != "L" {
		number, _ = strconv.Atoi(wanted)
	}
	nearest := day.AddDate(0, 0, number-day.Day())
	switch {
	case number > last:
		return false
	case nearest.Weekday() == time.Saturday && number == 1:
		nearest = nearest.AddDate(0, 0, 2)
	case nearest.Weekday() == time.Saturday:
		nearest = nearest.AddDate(0, 0, -1)
	case nearest.Weekday() == time.Sunday && number == last:
		nearest = nearest.AddDate(0, 0, -2)
	case nearest.Weekday() == time.Sunday:
		nearest = nearest.AddDate(0, 0, 1)
	}
	return nearest.Equal(day)
}

func isWeekday(field string, day time.Time) bool {
	number, names := int(day.Weekday())+1, cronFields[dayOfWeek].names
	wanted, nth, isNth := strings.Cut(field, "#")
	lastWanted, isLast := strings.CutSuffix(field, "L")
	switch {
	case field == "?":
		return true
	case field == "L":
		return number == 7
	case isNth:
		n, _ := strconv.Atoi(nth)
		return matches(wanted, number, 1, 7, names) && (day.Day()+6)/7 == n
	case isLast:
		return matches(lastWanted, number, 1, 7, names) && day.AddDate(0, 0, 7).Month() != day.Month()
	}
	return matches(field, number, 1, 7, names)
}

func FuzzExpression(f *testing.F) {
	if seeds, err := os.ReadDir("testdata/fuzz/FuzzExpression"); err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds in testdata/fuzz/FuzzExpression: %v", err)
	}
	f.Fuzz(func(t *testing.T, expression, zone string, after int64) {
		location, err := parseZone(zone)
		if err != nil {
			return
		}
		times, err := parse(expression, location)
		if err != nil {
			return
		}
		at := time.Unix(after%(1<<33), 0) // within 272 years of 1970
		for range 3 {
			next := times.next(at, time.Unix(0, 0))
			if next.IsZero() {
				return
			}
			if !next.After(at) {
				t.Fatalf("%s in %s: %v follows %v", expression, zone, next, at)
			}
			at = next
		}
	})
}
