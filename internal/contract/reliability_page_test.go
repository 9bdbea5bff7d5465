package contract_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/faults"
)

var (
	faultRow = regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\|[^|]+\\|[^|]+\\|([^|]+)\\|$")
	soakLine = regexp.MustCompile(`(?m)^[0-9 ]*soak sent=\d+ .*$`)
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
