package main

import (
	"testing"
	"time"
)

func TestSinceAndUntilAreTimesOrAges(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"72h":                  now.Add(-72 * time.Hour),
		"30d":                  now.Add(-30 * 24 * time.Hour),
		"0s":                   now,
		"2026-11-20T08:00:00Z": time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC),
		"-1h":                  {},
		"-1d":                  {},
		"d":                    {},
		"yesterday":            {},
		"2026-11-20":           {},
	} {
		if got, err := parseMoment("--since", text, now); !got.Equal(want) || (err != nil) != want.IsZero() {
			t.Errorf("parseMoment(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
}
