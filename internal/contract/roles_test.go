package contract_test

import (
	"go/ast"
	"go/parser"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// Actions that Lambda performs in the function's name, so that no Go code shows them.
var (
	platform = []string{"logs:CreateLogStream", "logs:PutLogEvents"}
	poller   = []string{"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
	tracer   = []string{"xray:PutTelemetryRecords", "xray:PutTraceSegments"}
)

// Each role allows exactly the calls of the AWS SDK that its function's code can reach.
func TestRolesAllowExactlyWhatTheCodeCalls(t *testing.T) {
	t.Parallel()
	files := goFiles(t, parser.SkipObjectResolution)
	traced := readTemplate(t, map[string]string{"Tracing": "Active"})
	for function, byLambda := range map[string][]string{
		"Webhook": platform, "Fetcher": slices.Concat(platform, poller), "Reconciler": platform,
	} {
		want := slices.Concat(sdkCalls(t, files, strings.ToLower(function)), byLambda)
		if len(want) == len(byLambda) {
			t.Errorf("%s makes no call of the SDK", function)
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, allowed(t, readTemplate(t, nil), function+"Role")); diff != "" {
			t.Errorf("%sRole: calls in the code (-) and actions in the template (+):\n%s", function, diff)
		}
		want = slices.Sorted(slices.Values(slices.Concat(want, tracer)))
		if diff := cmp.Diff(want, allowed(t, traced, function+"Role")); diff != "" {
			t.Errorf("%sRole with tracing: calls (-) and actions (+):\n%s", function, diff)
		}
	}
}

var actionName = regexp.MustCompile("`([a-z]+:[A-Z]\\w+)`")

// The page on leaked roles lists exactly the actions that each role allows.
func TestSecurityPageListsTheActionsOfEachRole(t *testing.T) {
	t.Parallel()
	parsed, page, roles := readTemplate(t, nil), read(t, "docs/security.md"), 0
	for _, r := range parsed.Resources {
		if r.Type != "AWS::IAM::Role" {
			continue
		}
		roles++
		_, row, ok := strings.Cut(page, "\n| `"+r.LogicalID+"` |")
		if !ok {
			t.Errorf("security.md has no row for %s", r.LogicalID)
			continue
		}
		cell, _, _ := strings.Cut(row, "|")
		var listed []string
		for _, match := range actionName.FindAllStringSubmatch(cell, -1) {
			listed = append(listed, match[1])
		}
		slices.Sort(listed)
		if diff := cmp.Diff(allowed(t, parsed, r.LogicalID), listed); diff != "" {
			t.Errorf("%s: actions in the template (-) and in security.md (+):\n%s", r.LogicalID, diff)
		}
	}
	if roles < 4 {
		t.Errorf("found %d roles, want at least 4", roles)
	}
}

// allowed returns the actions of a role. It reports an action on every resource, unless the action has none.
func allowed(t *testing.T, parsed *sam.Template, role string) []string {
	t.Helper()
	var document struct {
		Policies []struct {
			PolicyDocument struct {
				Statement []struct{ Action, Resource any }
			}
		}
	}
	properties(t, parsed, role, &document)
	var actions []string
	for _, policy := range document.Policies {
		for _, statement := range policy.PolicyDocument.Statement {
			list, ok := statement.Action.([]any)
			if !ok {
				list = []any{statement.Action}
			}
			for _, action := range list {
				actions = append(actions, action.(string))
				if statement.Resource == "*" && !slices.Contains(tracer, action.(string)) {
					t.Errorf("%s allows %v on every resource", role, action)
				}
			}
		}
	}
	slices.Sort(actions)
	return actions
}

// sdkCalls returns the SDK calls of a function's code as IAM actions. All code in the function's
// own folders counts as reached. Interfaces are declared where they are used, so a function in
// another package is reached if reached code names it, or if it is a method of such an interface.
func sdkCalls(t *testing.T, files map[string]*ast.File, function string) []string {
	t.Helper()
	process := "functions/" + function + "/bootstrap"
	packages := imported(t, files, process)
	c := callers{mentioned: map[string]bool{}, calls: map[string]bool{}}
	reached := map[*ast.FuncDecl]bool{}
	for grown := true; grown; {
		grown = false
		for name, file := range files {
			folder := path.Dir(name)
			if !packages[folder] || strings.HasSuffix(name, "_test.go") {
				continue
			}
			for _, declaration := range file.Decls {
				f, ok := declaration.(*ast.FuncDecl)
				if !ok {
					c.inspect(folder, imports(t, file), declaration) // interfaces
					continue
				}
				if !reached[f] && (strings.HasPrefix(name, "functions/"+function+"/") || c.mentions(folder, f.Name.Name)) {
					reached[f], grown = true, true
					c.inspect(folder, imports(t, file), f)
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(c.calls))
}

// imported returns the folder of a package and of all its imports from this module, direct and indirect.
func imported(t *testing.T, files map[string]*ast.File, root string) map[string]bool {
	t.Helper()
	packages := map[string]bool{root: true}
	for before := 0; before != len(packages); {
		before = len(packages)
		for name, file := range files {
			if !packages[path.Dir(name)] || strings.HasSuffix(name, "_test.go") {
				continue
			}
			for _, importPath := range imports(t, file) {
				if ours, ok := strings.CutPrefix(importPath, module); ok {
					packages[ours] = true
				}
			}
		}
	}
	return packages
}

// imports returns the imports of a file by their names in it.
func imports(t *testing.T, file *ast.File) map[string]string {
	t.Helper()
	byName := map[string]string{}
	for _, spec := range file.Imports {
		importPath, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		name := path.Base(importPath)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		byName[name] = importPath
	}
	return byName
}

// callers records the names that reached code uses: functions as "folder.Name", methods of
// interfaces as ".Name", and operations of the SDK, identified by their input types.
type callers struct{ mentioned, calls map[string]bool }

func (c callers) mentions(folder, name string) bool {
	return c.mentioned[folder+"."+name] || c.mentioned["."+name]
}

func (c callers) inspect(folder string, packages map[string]string, declaration ast.Decl) {
	_, isFunc := declaration.(*ast.FuncDecl)
	ast.Inspect(declaration, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.InterfaceType:
			for _, method := range n.Methods.List {
				for _, name := range method.Names {
					c.mentioned["."+name.Name] = true
				}
			}
		case *ast.Ident:
			c.mentioned[folder+"."+n.Name] = c.mentioned[folder+"."+n.Name] || isFunc
		case *ast.SelectorExpr:
			c.selector(packages, n, isFunc)
		}
		return true
	})
}

// selector records a name of another package: a function of this module, or the input of an SDK operation.
func (c callers) selector(packages map[string]string, n *ast.SelectorExpr, isFunc bool) {
	of, _ := n.X.(*ast.Ident)
	if of == nil || !isFunc {
		return
	}
	if ours, ok := strings.CutPrefix(packages[of.Name], module); ok {
		c.mentioned[ours+"."+n.Sel.Name] = true
	}
	service, isSDK := strings.CutPrefix(packages[of.Name], "github.com/aws/aws-sdk-go-v2/service/")
	if operation, isInput := strings.CutSuffix(n.Sel.Name, "Input"); isSDK && isInput {
		c.calls[strings.Replace(service, "eventbridge", "events", 1)+":"+operation] = true
	}
}
