package meterbridge_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// Lambda calls these in a function's name: no Go code shows them.
var (
	platform = []string{"logs:CreateLogStream", "logs:PutLogEvents"}
	poller   = []string{"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
	tracer   = []string{"xray:PutTelemetryRecords", "xray:PutTraceSegments"}
)

// TestRolesAllowWhatTheCodeCalls: each role allows every call of the AWS SDK that its function's code can reach, and none
// besides.
func TestRolesAllowWhatTheCodeCalls(t *testing.T) {
	t.Parallel()
	files := goFiles(t, parser.SkipObjectResolution)
	traced := readTemplateWith(t, map[string]string{"Tracing": "Active"})
	for function, byLambda := range map[string][]string{
		"Webhook": platform, "Fetcher": slices.Concat(platform, poller), "Reconciler": platform,
	} {
		want := slices.Concat(sdkCalls(t, files, strings.ToLower(function)), byLambda)
		if len(want) == len(byLambda) {
			t.Errorf("%s calls nothing of the SDK", function)
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, allowed(t, readTemplate(t), function+"Role")); diff != "" {
			t.Errorf("%sRole: calls in the code (-) and actions in the template (+):\n%s", function, diff)
		}
		want = slices.Sorted(slices.Values(slices.Concat(want, tracer)))
		if diff := cmp.Diff(want, allowed(t, traced, function+"Role")); diff != "" {
			t.Errorf("%sRole with tracing: calls (-) and actions (+):\n%s", function, diff)
		}
	}
}

// allowed returns the actions of a role, and refuses a resource that is everything where the action knows resources.
func allowed(t *testing.T, parsed *sam.Template, role string) []string {
	t.Helper()
	resource, ok := parsed.Resource(role)
	if !ok {
		t.Fatalf("template.yaml has no %s", role)
	}
	var properties struct {
		Policies []struct {
			PolicyDocument struct {
				Statement []struct{ Action, Resource any }
			}
		}
	}
	if err := json.Unmarshal(encode(t, resource.Properties), &properties); err != nil {
		t.Fatal(err)
	}
	var actions []string
	for _, policy := range properties.Policies {
		for _, statement := range policy.PolicyDocument.Statement {
			list, ok := statement.Action.([]any)
			if !ok {
				list = []any{statement.Action}
			}
			for _, action := range list {
				actions = append(actions, action.(string))
				if statement.Resource == "*" && !slices.Contains(tracer, action.(string)) {
					t.Errorf("%s may %v on everything", role, action)
				}
			}
		}
	}
	slices.Sort(actions)
	return actions
}

// sdkCalls returns what a function's code calls, as IAM actions. Packages meet at interfaces that are declared where they
// are used, so a function of another package counts as called if it is named with its package, or is a method of such an interface.
func sdkCalls(t *testing.T, files map[string]*ast.File, function string) []string {
	t.Helper()
	root := "functions/" + function
	packages := imported(t, files, root)
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
				if !reached[f] && (folder == root || c.mentions(folder, f.Name.Name)) {
					reached[f], grown = true, true
					c.inspect(folder, imports(t, file), f)
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(c.calls))
}

// imported returns the folders of a package and of what it imports of this module, directly or not.
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

// imports returns the imports of a file by the name that they have in it.
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

// callers knows what reached code mentions: "folder.Name" of functions, ".Name" of methods of interfaces, and the SDK's
// operations, by the inputs that are made for them.
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

// selector notes a name of another package: a function of ours, or the input of an operation of the SDK.
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
