package simulate

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestShrink: of a world of a hundred events and many faults, only one event and the faults are left
// without which nothing would be wrong, and the report shows them.
func TestShrink(t *testing.T) {
	t.Parallel()
	tests := []struct {
		forbidden string // what no line of the history may have
		fault     string // one that is left
	}{
		{"crashes after ledger.Settle", "ledger.Settle crash after"},
		{"queue keeps", "queue keeps a finished message"},
		{"Stripe's API is down", "Stripe's API is down"},
	}
	for _, tt := range tests {
		t.Run(tt.forbidden, func(t *testing.T) {
			t.Parallel()
			opts := Options{Events: worldEvents, Seed: seedWith(t, tt.forbidden), forbidden: tt.forbidden}
			shrunk, r := Shrink(t, opts)
			if r.OK() || !strings.Contains(strings.Join(r.Text, "\n"), tt.forbidden) {
				t.Fatalf("the shrunk world of seed %d does not show %q", opts.Seed, tt.forbidden)
			}
			report := strings.Join(Explain(shrunk, r), "\n")
			if shrunk.kept == nil || len(shrunk.kept) > 1 { // nil means all
				t.Errorf("%d events are left, want at most one:\n%s", len(shrunk.kept), report)
			}
			for i, strike := range r.struck {
				less := shrunk
				less.only = setOf(slices.Delete(slices.Clone(r.struck), i, i+1))
				if r := Run(t, less); !r.OK() {
					t.Errorf("the fault %v is left and not needed:\n%s", strike, report)
				}
			}
			for _, want := range []string{fmt.Sprintf("seed %d", opts.Seed), "fault: " + tt.fault, tt.forbidden, "WRONG"} {
				if !strings.Contains(report, want) {
					t.Errorf("the report does not show %q:\n%s", want, report)
				}
			}
			if again, second := Shrink(t, opts); second.History != r.History || !slices.Equal(Explain(again, second), Explain(shrunk, r)) {
				t.Error("shrinking again gives another world")
			}
		})
	}
}

// seedWith returns the first seed with a line in its history.
func seedWith(t *testing.T, line string) uint64 {
	t.Helper()
	for seed := range uint64(worldSeeds) {
		if r := Run(t, Options{Events: worldEvents, Seed: seed, forbidden: line}); !r.OK() {
			return seed
		}
	}
	t.Fatalf("the history of no seed has %q", line)
	return 0
}

// What is wrong is shown wherever it is in a long history.
func TestAbridgedHistoryShowsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for at := range 200 {
		text := make([]string, 200)
		for i := range text {
			text[i] = fmt.Sprintf("%d evt_1", i)
		}
		text[at] += " WRONG"
		got := abridge(text)
		if len(got) > mostLines+2 || !slices.Contains(got, text[at]) {
			t.Fatalf("line %d of 200 is not among the %d that are shown", at, len(got))
		}
	}
}

// A world in which nothing is wrong is not shrunk.
func TestShrinkOfSoundWorld(t *testing.T) {
	t.Parallel()
	opts, r := Shrink(t, Options{Events: 10, Seed: 1})
	if !r.OK() || opts.kept != nil || opts.only != nil {
		t.Errorf("Shrink = %+v, %v", opts, r.wrongs)
	}
}

func TestMinimize(t *testing.T) {
	t.Parallel()
	var items []int
	for i := range 200 {
		items = append(items, i)
	}
	for _, needed := range [][]int{nil, {0}, {199}, {3, 77}, {0, 1, 2, 100, 198}} {
		var best []int
		tries := 0
		minimize(items, func(some []int) bool {
			tries++
			for _, n := range needed {
				if !slices.Contains(some, n) {
					return false
				}
			}
			best = slices.Clone(some)
			return true
		})
		if !slices.Equal(best, needed) || tries > 200 {
			t.Errorf("of 200 numbers, %v are left after %d tries, want %v", best, tries, needed)
		}
	}
}
