package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// duration formats a time span in one unit, with a decimal where that tells something: 0.4 ms,
// 12 ms, 1.3 s, 28 s, 4 min, 2.5 h, 3 d.
func duration(d time.Duration) string {
	for _, unit := range []struct {
		name  string
		size  time.Duration
		below time.Duration // of what the next unit is used from here on, after rounding
	}{
		{"ms", time.Millisecond, time.Second},
		{"s", time.Second, 2 * time.Minute},
		{"min", time.Minute, 2 * time.Hour},
		{"h", time.Hour, 48 * time.Hour},
	} {
		if d.Round(unit.size) < unit.below {
			return amount(d, unit.size) + " " + unit.name
		}
	}
	return amount(d, 24*time.Hour) + " d"
}

// amount returns d in units of a size, with one decimal below 10 unless that is 0.
func amount(d, unit time.Duration) string {
	if n := float64(d) / float64(unit); n < 9.95 {
		return strings.TrimSuffix(strconv.FormatFloat(n, 'f', 1, 64), ".0")
	}
	return strconv.FormatInt(int64(d.Round(unit)/unit), 10)
}

// count formats a number with its noun in the singular or, regularly, the plural.
func count(n int, noun string) string {
	stem, y := strings.CutSuffix(noun, "y")
	switch {
	case n == 1:
		return "1 " + noun
	case y:
		return fmt.Sprintf("%d %sies", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// were is count with the verb.
func were(n int, noun string) string {
	if n == 1 {
		return count(n, noun) + " was"
	}
	return count(n, noun) + " were"
}
