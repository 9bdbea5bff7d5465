package contract_test

import (
	"go/ast"
	"go/parser"
	"io/fs"
	"maps"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Imports point down only: functions and commands on top, then internal, then pkg, which imports
// nothing but the standard library. The simulation and the tests of the alarms stand above the functions
// that they run, and nothing imports the simulation; so do the tests of this package, which measure what
// the functions write.
func TestImportsPointDown(t *testing.T) {
	t.Parallel()
	for name, file := range goFiles(t, parser.ImportsOnly) {
		layer, _, _ := strings.Cut(name, "/")
		test := strings.HasSuffix(name, "_test.go")
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			ours, isOurs := strings.CutPrefix(imported, module)
			standard := !strings.Contains(strings.Split(imported, "/")[0], ".")
			switch {
			case layer == "pkg" && !test && !standard && !strings.HasPrefix(ours, "pkg/"):
				t.Errorf("%s imports %s: pkg/ imports the standard library and itself", name, imported)
			case ours == simulation:
				t.Errorf("%s imports %s: nothing imports the simulation", name, imported)
			case layer == "internal" && isOurs && (strings.HasPrefix(ours, "functions/") && path.Dir(name) != simulation && !(test && (path.Dir(name) == timelines || path.Dir(name) == "internal/contract")) || strings.HasPrefix(ours, "cmd/")):
				t.Errorf("%s imports %s: internal/ does not import functions or commands", name, imported)
			case strings.HasPrefix(imported, "github.com/aws/aws-sdk-go-v2") && !mayUseSDK(name):
				t.Errorf("%s imports %s: only internal/ and the main.go of a process import the AWS SDK", name, imported)
			}
		}
	}
}

// The functions depend on four services of AWS, and on those that package config brings to log in,
// whose code the linker drops. What the operator's commands need besides is not among them.
func TestFunctionsDependOnNoServiceOfTheCommands(t *testing.T) {
	t.Parallel()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "./functions/...")
	list.Dir = "../.."
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	services := map[string]bool{}
	for line := range strings.SplitSeq(string(out), "\n") {
		if line == module+"internal/awsctl" {
			t.Errorf("a function depends on %s", line)
		}
		if rest, ok := strings.CutPrefix(line, "github.com/aws/aws-sdk-go-v2/service/"); ok && !strings.Contains(rest, "/") {
			services[rest] = true
		}
	}
	if got, want := slices.Sorted(maps.Keys(services)), []string{"dynamodb", "eventbridge", "secretsmanager", "signin", "sqs", "sso", "ssooidc", "sts"}; !slices.Equal(got, want) {
		t.Errorf("the functions depend on the services %v, want %v", got, want)
	}
}

const (
	simulation = "internal/simulate"
	timelines  = "internal/alarms"
)

func mayUseSDK(name string) bool {
	return strings.HasPrefix(name, "internal/") || path.Base(name) == "main.go" || strings.HasSuffix(name, "_test.go")
}

// Every HTTP client of the service uses a transport from package transport, which detects dead
// connections. The emulators are clients on loopback only, and pkg/ has its own transport.
func TestHTTPClientsPingTheirConnections(t *testing.T) {
	t.Parallel()
	for name, file := range goFiles(t, parser.SkipObjectResolution) {
		if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "pkg/") || strings.HasPrefix(name, "internal/emulator/") ||
			strings.HasPrefix(name, "internal/testbed/") || strings.HasPrefix(name, "internal/transport/") {
			continue
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if isIdent(n.X, "http") && slices.Contains([]string{"DefaultTransport", "DefaultClient", "Transport", "Get", "Post"}, n.Sel.Name) {
					t.Errorf("%s uses http.%s instead of package transport", name, n.Sel.Name)
				}
			case *ast.CompositeLit:
				if of, _ := n.Type.(*ast.SelectorExpr); of != nil && of.Sel.Name == "Client" && isIdent(of.X, "http") && !hasMember(n, "Transport") {
					t.Errorf("%s makes an http.Client without a transport", name)
				}
			}
			return true
		})
	}
}

func isIdent(e ast.Expr, name string) bool {
	ident, _ := e.(*ast.Ident)
	return ident != nil && ident.Name == name
}

func hasMember(literal *ast.CompositeLit, name string) bool {
	return slices.ContainsFunc(literal.Elts, func(e ast.Expr) bool {
		pair, _ := e.(*ast.KeyValueExpr)
		return pair != nil && isIdent(pair.Key, name)
	})
}

// Only tests import the packages that support tests, so none of their code is in a process.
func TestOnlyTestsImportTestSupport(t *testing.T) {
	t.Parallel()
	support := []string{timelines, "internal/testbed", "internal/emulator/aws/sdktest", "internal/ledger/model"}
	imported := map[string]int{}
	for name, file := range goFiles(t, parser.ImportsOnly) {
		for _, spec := range file.Imports {
			folder, _ := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module)
			if !slices.Contains(support, folder) {
				continue
			}
			imported[folder]++
			if !strings.HasSuffix(name, "_test.go") && path.Dir(name) != "internal/testbed" && path.Dir(name) != simulation {
				t.Errorf("%s imports %s, which is for tests", name, folder)
			}
		}
	}
	for _, folder := range support {
		if imported[folder] == 0 {
			t.Errorf("no test imports %s", folder)
		}
	}
}

// Every exported name of pkg/ has a doc comment, because users read it on a documentation site.
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

// Every fuzz target has seeds, in its folder or added in code. Without seeds a target tries almost
// nothing, and go test does not complain.
func TestFuzzTargetsHaveSeeds(t *testing.T) {
	t.Parallel()
	fuzz := regexp.MustCompile(`(?m)^func (Fuzz[A-Z]\w*)\(`)
	for name := range goFiles(t, parser.PackageClauseOnly) {
		if !strings.HasSuffix(name, "_test.go") {
			continue
		}
		source := read(t, name)
		for _, target := range fuzz.FindAllStringSubmatch(source, -1) {
			folder := path.Join(path.Dir(name), "testdata", "fuzz", target[1])
			if seeds, _ := fs.ReadDir(repository, folder); len(seeds) == 0 && !strings.Contains(source, "f.Add(") {
				t.Errorf("%s: %s has no seeds", name, target[1])
			}
		}
	}
}

// The root stays small enough to read at a glance. Files that .gitignore lists do not count.
func TestRootHasAtMost24Entries(t *testing.T) {
	t.Parallel()
	const most = 24
	ignored := map[string]bool{".git": true}
	for line := range strings.Lines(read(t, ".gitignore")) {
		ignored[strings.Trim(strings.TrimSpace(line), "/")] = true
	}
	entries, err := fs.ReadDir(repository, ".")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		if !ignored[entry.Name()] {
			names = append(names, entry.Name())
		}
	}
	if len(names) > most {
		t.Errorf("the root holds %d entries, more than %d: %v", len(names), most, names)
	}
}
