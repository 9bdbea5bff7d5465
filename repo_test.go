// Package meterbridge_test holds the rules of the repository that no single package can hold.
package meterbridge_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/pattern"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

const module = "github.com/meterbridge/meterbridge/"

// TestImportsPointDown holds the layers apart: functions and commands on top, then internal, then pkg.
func TestImportsPointDown(t *testing.T) {
	t.Parallel()
	for name, file := range goFiles(t, parser.ImportsOnly) {
		layer, _, _ := strings.Cut(name, "/")
		test := strings.HasSuffix(name, "_test.go")
		for _, spec := range file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			ours, isOurs := strings.CutPrefix(path, module)
			standard := !strings.Contains(strings.Split(path, "/")[0], ".")
			switch {
			case layer == "pkg" && !test && !standard && !strings.HasPrefix(ours, "pkg/"):
				t.Errorf("%s imports %s: pkg/ imports the standard library and itself", name, path)
			case layer == "internal" && isOurs && (strings.HasPrefix(ours, "functions/") || strings.HasPrefix(ours, "cmd/")):
				t.Errorf("%s imports %s: imports point down", name, path)
			case strings.HasPrefix(path, "github.com/aws/aws-sdk-go-v2") && !mayUseSDK(name):
				t.Errorf("%s imports %s: the AWS SDK appears in adapters under internal/, in main.go and in wire.go", name, path)
			}
		}
	}
}

func mayUseSDK(name string) bool {
	wiring := filepath.Base(name) == "main.go" || filepath.Base(name) == "wire.go"
	return strings.HasPrefix(name, "internal/") || wiring || strings.HasSuffix(name, "_test.go")
}

// TestExportedNamesAreDocumented: in pkg/, which strangers read on a documentation site.
func TestExportedNamesAreDocumented(t *testing.T) {
	t.Parallel()
	for name, file := range goFiles(t, parser.ParseComments) {
		if !strings.HasPrefix(name, "pkg/") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, declaration := range file.Decls {
			for _, undocumented := range undocumented(declaration) {
				t.Errorf("%s: %s has no comment", name, undocumented)
			}
		}
	}
}

func undocumented(declaration ast.Decl) (names []string) {
	switch d := declaration.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && d.Name.Name != "Error" && d.Name.Name != "String" {
			names = append(names, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
					names = append(names, s.Name.Name)
				}
			case *ast.ValueSpec:
				if s.Names[0].IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
					names = append(names, s.Names[0].Name)
				}
			}
		}
	}
	return names
}

// TestEnvironmentOfTemplateIsThatOfConfig: each function is given exactly the variables that it reads.
func TestEnvironmentOfTemplateIsThatOfConfig(t *testing.T) {
	t.Parallel()
	reads := map[string]func(config.Lookup){
		"WebhookFunction":    func(l config.Lookup) { config.LoadWebhook(l) },
		"FetcherFunction":    func(l config.Lookup) { config.LoadFetcher(l) },
		"ReconcilerFunction": func(l config.Lookup) { config.LoadReconciler(l) },
	}
	parsed := readTemplate(t)
	for function, load := range reads {
		want := map[string]bool{}
		load(func(name string) (string, bool) { want[name] = true; return "", false })
		resource, ok := parsed.Resource(function)
		if !ok {
			t.Errorf("template.yaml has no %s", function)
			continue
		}
		variables := resource.Properties["Environment"].(map[string]any)["Variables"].(map[string]any)
		got := slices.Sorted(maps.Keys(variables))
		if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), got); diff != "" {
			t.Errorf("%s: variables that it reads (-) and that the template sets (+):\n%s", function, diff)
		}
	}
}

// TestFetchRulesNeverMatchWhatTheFetcherEmits keeps the fetcher from feeding itself: whatever source its role may put on the
// bus, and whatever type it has, no rule sends it back to the fetcher's queue.
func TestFetchRulesNeverMatchWhatTheFetcherEmits(t *testing.T) {
	t.Parallel()
	parsed := readTemplate(t)
	queue, _ := parsed.Resource("FetchQueue")
	sources := emittedSources(t, parsed)
	if len(sources) == 0 {
		t.Fatal("the fetcher's role names no source")
	}
	types := strings.Split(parsed.Parameters["FetchedTypes"], ",")
	rules := 0
	for _, resource := range parsed.Resources {
		if resource.Type != "AWS::Events::Rule" || !strings.Contains(string(encode(t, resource.Properties["Targets"])), queue.ARN) {
			continue
		}
		rules++
		compiled, err := pattern.Compile(encode(t, resource.Properties["EventPattern"]))
		if err != nil {
			t.Fatal(err)
		}
		for _, eventType := range types {
			if match, err := compiled.Match(busEvent(t, "stripe.thin", eventType)); err != nil || !match {
				t.Errorf("%s does not match a thin %s (%v)", resource.LogicalID, eventType, err)
			}
			for _, source := range sources {
				if match, err := compiled.Match(busEvent(t, source, eventType)); err != nil || match {
					t.Errorf("%s matches %s %s, which the fetcher emits (%v)", resource.LogicalID, source, eventType, err)
				}
			}
		}
	}
	if rules == 0 {
		t.Error("no rule targets FetchQueue")
	}
}

// emittedSources returns the sources that the fetcher's role allows, which are all that it can emit.
func emittedSources(t *testing.T, parsed *sam.Template) []string {
	t.Helper()
	role, ok := parsed.Resource("FetcherRole")
	if !ok {
		t.Fatal("template.yaml has no FetcherRole")
	}
	var properties struct {
		Policies []struct {
			PolicyDocument struct {
				Statement []struct {
					Condition struct {
						StringEquals map[string][]string
					}
				}
			}
		}
	}
	if err := json.Unmarshal(encode(t, role.Properties), &properties); err != nil {
		t.Fatal(err)
	}
	var sources []string
	for _, statement := range properties.Policies[0].PolicyDocument.Statement {
		sources = append(sources, statement.Condition.StringEquals["events:source"]...)
	}
	return sources
}

func busEvent(t *testing.T, source, eventType string) []byte {
	t.Helper()
	return encode(t, map[string]any{
		"version": "0", "id": "00000000-0000-4000-8000-000000000000", "source": source, "detail-type": eventType,
		"detail": map[string]string{"id": "evt_1", "type": eventType},
	})
}

// TestFuzzTargetsHaveSeeds: a target without seeds tries next to nothing, and go test does not mind. Seeds are a folder of
// their own or added by the target.
func TestFuzzTargetsHaveSeeds(t *testing.T) {
	t.Parallel()
	fuzz := regexp.MustCompile(`(?m)^func (Fuzz[A-Z]\w*)\(`)
	for name := range goFiles(t, parser.PackageClauseOnly) {
		if !strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, target := range fuzz.FindAllSubmatch(source, -1) {
			folder := filepath.Join(filepath.Dir(name), "testdata", "fuzz", string(target[1]))
			if seeds, _ := os.ReadDir(folder); len(seeds) == 0 && !strings.Contains(string(source), "f.Add(") {
				t.Errorf("%s: %s has no seeds", name, target[1])
			}
		}
	}
}

// TestReadmeShowsTheCommands: the first screen has what a newcomer types.
func TestReadmeShowsTheCommands(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(readme), "\n")
	first := strings.Join(lines[:min(45, len(lines))], "\n")
	for _, command := range []string{"make run", "make test", "make deploy"} {
		if !strings.Contains(first, command) {
			t.Errorf("the first 45 lines of README.md do not show %q", command)
		}
	}
}

func readTemplate(t *testing.T) *sam.Template {
	t.Helper()
	source, err := os.ReadFile("template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := sam.Parse(source, nil)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	encoded, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// goFiles parses every Go file of the module, by path.
func goFiles(t *testing.T, mode parser.Mode) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (entry.Name()[0] == '.' || entry.Name() == "testdata" || isModule(name)):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, mode)
		files[filepath.ToSlash(name)] = file
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// isModule tells whether a folder is a module of its own, with rules of its own.
func isModule(name string) bool {
	_, err := os.Stat(filepath.Join(name, "go.mod"))
	return err == nil
}
