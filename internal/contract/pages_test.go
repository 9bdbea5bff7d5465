package contract_test

import (
	"go/parser"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"
)

// The first screen of README.md shows the commands that a newcomer types.
func TestReadmeShowsTheCommands(t *testing.T) {
	t.Parallel()
	lines := strings.Split(read(t, "README.md"), "\n")
	first := strings.Join(lines[:min(45, len(lines))], "\n")
	for _, command := range []string{"make run", "make test", "make deploy"} {
		if !strings.Contains(first, command) {
			t.Errorf("the first 45 lines of README.md do not show %q", command)
		}
	}
}

var listedPath = regexp.MustCompile(`(?m)^((?:pkg|functions|internal|cmd|examples|schemas|verify|bench)/[^\s<]*)`)

// CONTRIBUTING.md lists every package folder in pkg/, internal/ and internal/emulator/, and no
// folder that does not exist.
func TestContributingListsEveryRoom(t *testing.T) {
	t.Parallel()
	listed := map[string]bool{}
	for _, match := range listedPath.FindAllStringSubmatch(read(t, "CONTRIBUTING.md"), -1) {
		folder := strings.TrimSuffix(match[1], "/")
		listed[folder] = true
		if _, err := fs.Stat(repository, folder); err != nil {
			t.Errorf("CONTRIBUTING.md lists %s: %v", folder, err)
		}
	}
	for name := range goFiles(t, parser.PackageClauseOnly) {
		parts, depth := strings.Split(name, "/"), 2
		switch {
		case strings.HasPrefix(name, "internal/emulator/"):
			depth = 3
		case parts[0] != "pkg" && parts[0] != "internal":
			continue
		}
		folder := strings.Join(parts[:depth], "/")
		if folder != "pkg/internal" && !listed[folder] {
			t.Errorf("CONTRIBUTING.md does not list %s", folder)
		}
	}
}

// The README lists every parameter of the template with its default, and the template describes each.
func TestReadmeListsEveryParameter(t *testing.T) {
	t.Parallel()
	template, readme := read(t, "template.yaml"), read(t, "README.md")
	_, table, _ := strings.Cut(readme, "\n## Configure it\n")
	table, _, _ = strings.Cut(table, "\n## ")
	listed := map[string]string{}
	for row := range strings.Lines(table) {
		cells := strings.Split(row, " | ")
		if len(cells) != 3 || !strings.HasPrefix(row, "| `") {
			continue
		}
		names, defaults := strings.Split(strings.TrimPrefix(cells[0], "| "), ", "), strings.Split(cells[1], ", ")
		for i, name := range names {
			listed[strings.Trim(name, "`")] = strings.Trim(defaults[min(i, len(defaults)-1)], "`")
		}
	}
	parameters := readTemplate(t, nil).Parameters
	for name, value := range parameters {
		got, ok := listed[name]
		inWords := value == "" || name == "FetchedTypes" // the row says what an empty text or a long list means
		if first, _, _ := strings.Cut(got, " "); !ok || !inWords && first != value {
			t.Errorf("README.md: %s has the default %q, want %q", name, got, value)
		}
		if !strings.Contains(template, "\n  "+name+":\n    Type: ") || !regexp.MustCompile("\n  "+name+":\n    Type: .*\n    Description: ").MatchString(template) {
			t.Errorf("template.yaml does not describe %s", name)
		}
	}
	for name := range listed {
		if _, ok := parameters[name]; !ok {
			t.Errorf("README.md lists %s, which is not a parameter", name)
		}
	}
}

var (
	// namedTest matches `package.TestName` and `TestName`, as the pages write them.
	namedTest = regexp.MustCompile("`(?:(\\w+)\\.)?((?:Test|Fuzz)[A-Z]\\w*)`")
	testFunc  = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
)

// Every test that a page names exists, in the package that the page gives.
func TestNamedTestsExist(t *testing.T) {
	t.Parallel()
	tests := testsByFolder(t)
	for page, least := range map[string]int{"stripe.md": 40, "operations.md": 10, "reliability.md": 20, "security.md": 2, "compare.md": 9} {
		named := namedTest.FindAllStringSubmatch(read(t, "docs/"+page), -1)
		if len(named) < least {
			t.Errorf("%s names %d tests, want at least %d", page, len(named), least)
		}
		for _, name := range named {
			if !exists(tests, name[1], name[2]) {
				t.Errorf("%s names the test %s, which does not exist", page, name[0])
			}
		}
	}
}

// stripe.md shows the tours of bench/tour unchanged, except that spaces indent them.
func TestStripePageShowsTheTours(t *testing.T) {
	t.Parallel()
	page := read(t, "docs/stripe.md")
	for _, file := range []string{"stripego/plain.go", "stripego/handlers.go", "meterbridge/plain.go", "meterbridge/handlers.go"} {
		_, function, _ := strings.Cut(read(t, "bench/tour/"+file), "\nfunc ")
		_, body, _ := strings.Cut(function, "{\n")
		var shown strings.Builder
		for line := range strings.Lines(strings.TrimSuffix(body, "}\n")) {
			shown.WriteString(strings.ReplaceAll(strings.TrimPrefix(line, "\t"), "\t", "    "))
		}
		if !strings.Contains(page, "```go\n"+shown.String()+"```") {
			t.Errorf("docs/stripe.md does not show the body of bench/tour/%s:\n%s", file, &shown)
		}
	}
}

// exists reports whether a test is in a folder of that name; an empty folder means any.
func exists(tests map[string][]string, folder, test string) bool {
	for _, in := range tests[test] {
		if folder == "" || in == folder {
			return true
		}
	}
	return false
}

// testsByFolder returns, for each test and fuzz target, the names of the folders that have it.
func testsByFolder(t *testing.T) map[string][]string {
	t.Helper()
	folders := map[string][]string{}
	err := fs.WalkDir(repository, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		for _, match := range testFunc.FindAllStringSubmatch(read(t, name), -1) {
			folders[match[1]] = append(folders[match[1]], path.Base(path.Dir(name)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return folders
}

// A line of a table that follows an empty line without a header is not part of a table.
func TestEveryTableHasAHeader(t *testing.T) {
	t.Parallel()
	pages, err := fs.Glob(repository, "docs/*.md")
	if err != nil || len(pages) < 5 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, page := range append(pages, "README.md", "CHANGELOG.md") {
		lines := strings.Split(read(t, page), "\n")
		for i, line := range lines {
			first := strings.HasPrefix(line, "|") && (i == 0 || !strings.HasPrefix(lines[i-1], "|"))
			if first && (i+1 == len(lines) || strings.Trim(lines[i+1], "|-: ") != "" || lines[i+1] == "") {
				t.Errorf("%s:%d: a table without a header", page, i+1)
			}
		}
	}
}
