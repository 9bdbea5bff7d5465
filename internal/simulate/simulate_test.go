package simulate

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"
)

// The flags of internal/simulate/run.
var flags struct {
	events  int
	seeds   string
	mutant  string
	outcome string
	brief   bool
	burst   int
}

func TestMain(m *testing.M) {
	flag.IntVar(&flags.events, "events", 0, "events of each world; 0 runs the tests")
	flag.StringVar(&flags.seeds, "seeds", "1", "a seed, or a range such as 1-1000")
	flag.StringVar(&flags.mutant, "mutant", "", "the mutant that is built in, for the command that repeats a run")
	flag.IntVar(&flags.burst, "burst", 0, "events of the burst; 0 runs the tests")
	flag.StringVar(&flags.outcome, "outcome", "", "the file for the lines that -events and -burst have to show")
	flag.BoolVar(&flags.brief, "brief", false, "do not shrink a world in which something is wrong")
	flag.Parse()
	debug.SetGCPercent(1600) // worlds make much garbage, and are small
	os.Exit(m.Run())
}

// The worlds that every change has to pass.
const (
	worldSeeds  = 200
	worldEvents = 100
)

// TestWorlds: no promise is broken in two hundred worlds, or in those of the flags. Every fault and
// every outage happens in some of them.
func TestWorlds(t *testing.T) {
	if flags.events > 0 {
		runWorlds(t)
		return
	}
	t.Parallel()
	var all struct {
		sync.Mutex
		tally
	}
	t.Run("seed", func(t *testing.T) {
		for seed := range uint64(worldSeeds) {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				opts := Options{Events: worldEvents, Seed: seed}
				r := Run(t, opts)
				if !r.OK() {
					t.Error(strings.Join(report(t, opts), "\n"))
				}
				all.Lock()
				defer all.Unlock()
				all.merge(&r.tally)
			})
		}
	})
	for f, n := range all.faults {
		if n == 0 && fault(f).possible() {
			t.Errorf("the fault %q has not struck once", fault(f))
		}
	}
	for kind, n := range all.outages {
		if n == 0 {
			t.Errorf("the outage %q has not happened once", windowNames[kind])
		}
	}
}

func (t *tally) merge(other *tally) {
	for f, n := range other.faults {
		t.faults[f] += n
	}
	for kind, n := range other.outages {
		t.outages[kind] += n
	}
}

// possible reports whether there is such a fault: a process can only crash as it returns, and nothing
// befalls a mere wait.
func (f fault) possible() bool {
	first := faultOf(opReturn, fails)
	return f < first || f >= putThrottled || f == faultOf(opReturn, crashBefore)
}

// report shrinks a world in which something is wrong, and describes it.
func report(t *testing.T, opts Options) []string {
	t.Helper()
	minimal, r := Shrink(t, opts)
	command := fmt.Sprintf("make simulate EVENTS=%d SEED=%d", opts.Events, opts.Seed)
	if flags.mutant != "" {
		command += " MUTANT=" + flags.mutant
	}
	return append(Explain(minimal, r), "repeat it with "+command)
}

// runWorlds runs the worlds of the flags, up to the first in which something is wrong, and writes
// what that is, and a line that sums all worlds up.
func runWorlds(t *testing.T) {
	first, last := uint64(0), uint64(0)
	if n, _ := fmt.Sscanf(flags.seeds, "%d-%d", &first, &last); n == 1 {
		last = first
	}
	var lines []string
	all, total, start := sha256.New(), Result{}, time.Now()
	worlds, took := 0, time.Duration(0)
	for seed := first; seed <= last && len(lines) == 0; seed++ {
		opts := Options{Events: flags.events, Seed: seed}
		r := Run(t, opts)
		worlds, took = worlds+1, time.Since(start)
		all.Write(r.History[:])
		total.History = r.History
		total.Lost, total.Forged, total.Doubled = total.Lost+r.Lost, total.Forged+r.Forged, total.Doubled+r.Doubled
		switch {
		case r.OK():
		case flags.brief:
			lines = append(lines, fmt.Sprintf("seed %d: %v", seed, r.wrongs[0]))
		default:
			lines = report(t, opts)
		}
	}
	if len(lines) > 0 {
		t.Error(lines[0])
	}
	if first != last {
		all.Sum(total.History[:0]) // of the histories
	}
	if !flags.brief {
		events := worlds * flags.events
		lines = append(lines, fmt.Sprintf("%d events in %.1f s, %.0f a second", events, took.Seconds(), float64(events)/took.Seconds()))
	}
	writeOutcome(t, append(lines, fmt.Sprintf("simulate events=%d seed=%s history=sha256:%x lost=%d forged=%d doubled=%d",
		flags.events, flags.seeds, total.History, total.Lost, total.Forged, total.Doubled))...)
}

// writeOutcome writes the lines for internal/simulate/run.
func writeOutcome(t *testing.T, lines ...string) {
	t.Helper()
	if err := os.WriteFile(flags.outcome, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestSameSeedSameHistory: the history of a world does not depend on how many processors there are
// and in which order they run goroutines. In these worlds, goroutines of one process have waited for
// the same read of a key, and all but one have equal calls.
func TestSameSeedSameHistory(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	twins := 0
	for _, seed := range []uint64{10, 34, 72, 93, 103} {
		opts := Options{Events: 300, Seed: seed, Text: true}
		want := Run(t, opts)
		if want.tally.resumed == 0 {
			t.Errorf("in the world of seed %d nothing has waited for what others have waited for: choose another", seed)
		}
		twins += want.tally.twins
		for _, processors := range []int{1, 2, 4} {
			runtime.GOMAXPROCS(processors)
			if got := Run(t, opts); got.History != want.History {
				t.Errorf("seed %d, %d processors: %s", seed, processors, difference(got.Text, want.Text))
				break
			}
		}
	}
	if twins == 0 {
		t.Error("no world has equal calls: choose other seeds")
	}
	if one, other := Run(t, Options{Events: 10, Seed: 1}), Run(t, Options{Events: 10, Seed: 2}); one.History == other.History {
		t.Error("the seeds 1 and 2 have the same history")
	}
}

// difference describes where two histories part.
func difference(got, want []string) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("line %d differs, after\n%s\ngot:\n%s\nwant:\n%s", i+1, strings.Join(want[max(i-3, 0):i], "\n"), got[i], want[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(got), len(want))
}
