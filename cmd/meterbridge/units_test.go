package main

import (
	"testing"
	"time"
)

func TestDurationsHaveOneUnit(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0:                         "0 ms",
		420 * time.Microsecond:    "0.4 ms",
		3700 * time.Microsecond:   "3.7 ms",
		9951 * time.Microsecond:   "10 ms",
		12 * time.Millisecond:     "12 ms",
		999499 * time.Microsecond: "999 ms",
		999500 * time.Microsecond: "1 s",
		1340 * time.Millisecond:   "1.3 s",
		28 * time.Second:          "28 s",
		119 * time.Second:         "119 s",
		2 * time.Minute:           "2 min",
		4 * time.Minute:           "4 min",
		150 * time.Second:         "2.5 min",
		90 * time.Minute:          "90 min",
		2 * time.Hour:             "2 h",
		47 * time.Hour:            "47 h",
		14 * 24 * time.Hour:       "14 d",
	} {
		if got := duration(d); got != want {
			t.Errorf("duration(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestNounsHaveAPlural(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		count(0, "event"): "0 events", count(1, "event"): "1 event", count(2, "try"): "2 tries", count(1, "try"): "1 try",
		were(1, "event"): "1 event was", were(2, "event"): "2 events were",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
