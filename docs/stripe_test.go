// Package docs_test keeps what the pages of this folder say about the code true.
package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var testName = regexp.MustCompile("`(\\w+)\\.((?:Test|Fuzz)\\w+)`")

// Every test that stripe.md names is there.
func TestNamedTestsExist(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("stripe.md")
	if err != nil {
		t.Fatal(err)
	}
	named := testName.FindAllStringSubmatch(string(page), -1)
	if len(named) < 40 {
		t.Errorf("stripe.md names %d tests, fewer than its table needs", len(named))
	}
	for _, name := range named {
		if !strings.Contains(testsOf(t, name[1]), "\nfunc "+name[2]+"(") {
			t.Errorf("stripe.md names %s.%s, which does not exist", name[1], name[2])
		}
	}
}

// testsOf returns the test sources of a package under pkg.
func testsOf(t *testing.T, name string) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "pkg", name, "*_test.go"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no tests of package %s: %v", name, err)
	}
	var all strings.Builder
	for _, path := range paths {
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(source)
	}
	return all.String()
}
