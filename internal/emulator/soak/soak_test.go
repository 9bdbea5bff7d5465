package soak_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/faults"
	"github.com/meterbridge/meterbridge/internal/emulator/soak"
)

// The soaks of the tests are small. For larger ones run
// go test ./internal/emulator/soak -run AllFaults -soak.events=3000, or meterbridge local --soak.
var events = flag.Int("soak.events", 120, "events in each soak of TestAllFaultsTogetherLoseNothing")

// buildDir contains the built functions, which all soaks of the tests share.
var buildDir string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "soak")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	buildDir = dir
	return m.Run()
}

// base returns options for the repository's template. The first call builds its functions.
func base(t *testing.T) *soak.Options {
	t.Helper()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	o := &soak.Options{
		Template: filepath.Join(root, "template.yaml"), Parameters: map[string]string{"StripeRateLimit": "500"},
		BuildDir: buildDir, Prebuilt: true,
	}
	build.Do(func() {
		o := *o
		o.Events = 1
		if r, err := soak.Run(t.Context(), &o); err != nil || r.Emitted != 1 {
			t.Errorf("one event without faults: %v, %v", r, err)
		}
	})
	return o
}

var build sync.Once

// TestAllFaultsTogetherLoseNothing injects all faults at once, with ten seeds: no event is lost, no forged one is
// accepted, and none is doubled except by a crash, a lost answer or a missing record.
func TestAllFaultsTogetherLoseNothing(t *testing.T) {
	t.Parallel()
	all, err := faults.Parse("all")
	if err != nil {
		t.Fatal(err)
	}
	o := base(t)
	o.Events, o.Faults = *events, all
	var soaks sync.WaitGroup
	for seed := range uint64(10) {
		soaks.Go(func() {
			o := *o
			o.Seed = seed
			r, err := soak.Run(t.Context(), &o)
			check(t, fmt.Sprintf("seed %d", seed), r, err)
			if err == nil && r.Emitted+r.Parked != o.Events {
				t.Errorf("seed %d: %d emitted and %d parked of %d", seed, r.Emitted, r.Parked, o.Events)
			}
		})
	}
	soaks.Wait()
}

// TestEachFaultLosesNothing injects each fault on its own, often, and checks that it strikes and that the
// guarantees hold.
func TestEachFaultLosesNothing(t *testing.T) {
	t.Parallel()
	o := base(t)
	o.Events, o.Share = 40, 0.3
	var soaks sync.WaitGroup
	for _, f := range faults.All() {
		soaks.Go(func() {
			o := *o
			o.Faults = []string{f.Name}
			if f.Name == faults.FunctionKill {
				o.Share = 0.1 // the events that a killed function had claimed wait until its lease ends
			}
			r, err := soak.Run(t.Context(), &o)
			check(t, f.Name, r, err)
			if err == nil && (r.Injected[f.Name] == 0 || len(r.Injected) != 1) {
				t.Errorf("%s: %v struck, want it alone", f.Name, r.Injected)
			}
		})
	}
	soaks.Wait()
}

// check reports what a soak found.
func check(t *testing.T, name string, r *soak.Report, err error) {
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	t.Logf("%s: %v, struck %v, explained %v", name, r, r.Injected, r.Explained)
	if err := r.Err(); err != nil {
		t.Errorf("%s: %v\n%v\n%q", name, err, r.Troubles, r.Warnings)
	}
}
