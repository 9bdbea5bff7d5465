package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/faults"
)

var (
	faultRow = regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\|[^|]+\\|[^|]+\\|([^|]+)\\|$")
	bareTest = regexp.MustCompile("`(Test[A-Z]\\w+)`")
	soakLine = regexp.MustCompile(`(?m)^[0-9 ]*soak sent=\d+ .*$`)
)

// TestReliabilityKnowsEveryFault: each fault has its row, no row is of another, and the tests that it names are there.
func TestReliabilityKnowsEveryFault(t *testing.T) {
	t.Parallel()
	page := read(t, "reliability.md")
	described := map[string]bool{}
	for _, row := range faultRow.FindAllStringSubmatch(page, -1) {
		if !bareTest.MatchString(row[2]) {
			continue // the table of the figures
		}
		described[row[1]] = true
	}
	for _, f := range faults.All() {
		if !described[f.Name] {
			t.Errorf("reliability.md has no row for %s that names a test", f.Name)
		}
		delete(described, f.Name)
	}
	for name := range described {
		t.Errorf("reliability.md describes %s, which is no fault", name)
	}
	there := testsOfTheRepository(t)
	for _, name := range bareTest.FindAllStringSubmatch(page, -1) {
		if !there[name[1]] {
			t.Errorf("reliability.md names %s, which is no test", name[1])
		}
	}
}

// TestReliabilityShowsGoodRunsOnly: a line that shows a loss is not one to publish beside the promises.
func TestReliabilityShowsGoodRunsOnly(t *testing.T) {
	t.Parallel()
	lines := soakLine.FindAllString(read(t, "reliability.md"), -1)
	if len(lines) == 0 {
		t.Error("reliability.md shows no run")
	}
	for _, line := range lines {
		if !strings.Contains(line, " lost=0 ") || !strings.Contains(line, " forged_accepted=0 ") {
			t.Errorf("reliability.md shows %q", line)
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func testsOfTheRepository(t *testing.T) map[string]bool {
	t.Helper()
	there := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, match := range testFunc.FindAllStringSubmatch(string(source), -1) {
			there[match[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return there
}
