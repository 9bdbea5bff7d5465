package contract_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/faults"
	"github.com/meterbridge/meterbridge/internal/simulate/mutant"
)

var (
	faultRow  = regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\|[^|]+\\|[^|]+\\|([^|]+)\\|$")
	mutantRow = regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\| (.+) \\| (\\d+) \\| [^|]+ \\|$")
	soakLine  = regexp.MustCompile(`(?m)^[0-9 ]*soak sent=\d+ .*$`)
)

// Each fault has a row that names a test, and no row describes anything else.
func TestReliabilityPageDescribesEveryFault(t *testing.T) {
	t.Parallel()
	described := map[string]bool{}
	for _, row := range faultRow.FindAllStringSubmatch(read(t, "docs/reliability.md"), -1) {
		if namedTest.MatchString(row[2]) { // rows of the table of results name no test
			described[row[1]] = true
		}
	}
	for _, f := range faults.All() {
		if !described[f.Name] {
			t.Errorf("reliability.md has no row for %s that names a test", f.Name)
		}
		delete(described, f.Name)
	}
	for name := range described {
		t.Errorf("reliability.md describes %s, which is not a fault", name)
	}
}

// Every soak that the page quotes lost nothing and accepted no forgery.
func TestReliabilityPageQuotesOnlySoaksWithoutLoss(t *testing.T) {
	t.Parallel()
	lines := soakLine.FindAllString(read(t, "docs/reliability.md"), -1)
	if len(lines) == 0 {
		t.Error("reliability.md quotes no soak")
	}
	for _, line := range lines {
		if !strings.Contains(line, " lost=0 ") || !strings.Contains(line, " forged_accepted=0 ") {
			t.Errorf("reliability.md quotes %q", line)
		}
	}
}

// The table of mutants has a row for each, with what it says of itself. make verify checks the seeds.
func TestReliabilityPageListsEveryMutant(t *testing.T) {
	t.Parallel()
	all, err := mutant.All(repository)
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for _, row := range mutantRow.FindAllStringSubmatch(read(t, "docs/reliability.md"), -1) {
		listed[row[1]] = row[2]
	}
	for _, m := range all {
		if listed[m.Name] != m.Why {
			t.Errorf("reliability.md says of the mutant %s %q, want %q", m.Name, listed[m.Name], m.Why)
		}
		delete(listed, m.Name)
	}
	for name := range listed {
		t.Errorf("reliability.md lists %s, which is not a mutant", name)
	}
}
