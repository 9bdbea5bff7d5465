package soak_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/faults"
	"github.com/meterbridge/meterbridge/internal/emulator/soak"
	"github.com/meterbridge/meterbridge/internal/testbed"
)

// The soaks of the tests are small. For larger ones run
// go test ./internal/emulator/soak -run AllFaults -soak.events=3000, or meterbridge local --soak.
var events = flag.Int("soak.events", 60, "events in each soak of TestAllFaultsTogetherLoseNothing")

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

// base returns options for the repository's template. The first call builds its functions, and
// tries them.
func base(t *testing.T) *soak.Options {
	t.Helper()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	o := &soak.Options{
		Template: filepath.Join(root, "template.yaml"), Parameters: map[string]string{"StripeRateLimit": "500", "ReconcileRateLimit": "500"},
		BuildDir: buildDir, Prebuilt: true,
	}
	build.Do(func() {
		testbed.Builds(t, root, buildDir)
		o := *o
		o.Events = 1
		if r, err := soak.Run(t.Context(), &o); err != nil || r.Emitted != 1 {
			t.Errorf("one event without faults: %v, %v", r, err)
		}
	})
	return o
}

var build sync.Once

// starting limits how many soaks start at once. Each starts three processes, which end if they
// cannot read their secrets in time.
var starting = make(chan struct{}, 2)

// soaks runs soaks side by side: most of their time is spent on waiting for leases and for answers
// that do not come.
type soaks struct {
	t       *testing.T
	running sync.WaitGroup
}

// start starts a soak once those before it have started, and checks what it finds.
func (s *soaks) start(name string, o soak.Options, check func(*soak.Report)) {
	starting <- struct{}{}
	started := sync.OnceFunc(func() { <-starting })
	o.Progress = func(soak.Progress) { started() }
	s.running.Go(func() {
		defer started()
		r, err := soak.Run(s.t.Context(), &o)
		if err != nil {
			s.t.Errorf("%s: %v", name, err)
			return
		}
		s.t.Logf("%s: %v, struck %v, explained %v", name, r, r.Injected, r.Explained)
		if err := r.Err(); err != nil {
			s.t.Errorf("%s: %v\n%v\n%q", name, err, r.Troubles, r.Warnings)
		}
		check(r)
	})
}

// TestAllFaultsTogetherLoseNothing injects all faults at once, with ten seeds: no event is lost, no
// forged one is accepted, and none is doubled except by a crash, a lost answer or a missing record.
func TestAllFaultsTogetherLoseNothing(t *testing.T) {
	t.Parallel()
	all, err := faults.Parse("all")
	if err != nil {
		t.Fatal(err)
	}
	o := base(t)
	o.Events, o.Faults, o.Template = *events, all, withFetcherTimeout(t, o.Template, 10)
	soaks := &soaks{t: t}
	for seed := range uint64(10) {
		o, name := *o, fmt.Sprintf("seed %d", seed)
		o.Seed = seed
		soaks.start(name, o, func(r *soak.Report) {
			if r.Emitted+r.Parked != o.Events {
				t.Errorf("%s: %d emitted and %d parked of %d", name, r.Emitted, r.Parked, o.Events)
			}
		})
	}
	soaks.running.Wait()
}

// withFetcherTimeout copies a template with another timeout of the fetcher, in seconds. The events
// of a killed fetcher wait for the end of its lease, which is ten seconds after its deadline, and
// with other faults that can happen several times in a row.
func withFetcherTimeout(t *testing.T, template string, seconds int) string {
	t.Helper()
	source, err := os.ReadFile(template)
	if err != nil {
		t.Fatal(err)
	}
	text := string(source)
	for old, replacement := range map[string]string{
		"\n      Timeout: 60\n": fmt.Sprintf("\n      Timeout: %d\n", seconds),
		"CodeUri: .\n":          "CodeUri: " + filepath.Dir(template) + "\n",
	} {
		if strings.Count(text, old) != 1 {
			t.Fatalf("the template has %q %d times, want once", old, strings.Count(text, old))
		}
		text = strings.Replace(text, old, replacement, 1)
	}
	name := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestEachFaultLosesNothing injects each fault on its own, often, and checks that it strikes and
// that the guarantees hold.
func TestEachFaultLosesNothing(t *testing.T) {
	t.Parallel()
	o := base(t)
	o.Events, o.Template = 40, withFetcherTimeout(t, o.Template, 20)
	list := faults.All()
	slices.SortStableFunc(list, func(a, b faults.Fault) int { return cmp.Compare(patience(b), patience(a)) })
	soaks := &soaks{t: t}
	for _, f := range list {
		o := *o
		o.Faults, o.Share = []string{f.Name}, 0.3
		soaks.start(f.Name, o, func(r *soak.Report) {
			if r.Injected[f.Name] == 0 || len(r.Injected) != 1 {
				t.Errorf("%s: %v struck, want it alone", f.Name, r.Injected)
			}
		})
	}
	soaks.running.Wait()
}

// patience orders the faults by how long their soaks wait in real time, so that the longest starts
// first.
func patience(f faults.Fault) int {
	return slices.Index([]string{faults.StripeTrickle, faults.StripeHang, faults.FunctionKill}, f.Name)
}
