package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// codes returns the words in lower case that a function's code contains as texts, and which may thus
// be reasons: all except the names of log attributes and of JSON members.
func codes(t *testing.T, function string) []string {
	t.Helper()
	word := regexp.MustCompile(`^[a-z][a-z_]*$`)
	var found []string
	files, err := filepath.Glob(filepath.Join(root(t), "functions", function, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ImportSpec, *ast.Field: // Field: struct tags
				return false
			case *ast.CallExpr:
				if isAttribute(n) {
					for _, argument := range n.Args[1:] {
						ast.Inspect(argument, func(inner ast.Node) bool { found = appendWord(found, word, inner); return true })
					}
					return false
				}
			case *ast.KeyValueExpr: // the key of a map
				if _, literal := n.Key.(*ast.BasicLit); literal {
					found = appendWord(found, word, n.Value)
					return false
				}
			}
			found = appendWord(found, word, n)
			return true
		})
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// isAttribute reports whether a call makes a log attribute, whose first argument is its name.
func isAttribute(call *ast.CallExpr) bool {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) == 0 {
		return false
	}
	of, _ := selector.X.(*ast.Ident)
	return of != nil && (of.Name == "slog" || of.Name == "telemetry" && selector.Sel.Name == "ID")
}

func appendWord(words []string, word *regexp.Regexp, n ast.Node) []string {
	literal, ok := n.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return words
	}
	if text, err := strconv.Unquote(literal.Value); err == nil && word.MatchString(text) {
		return append(words, text)
	}
	return words
}

// Every code with which a function can say why has words, and all words are for such a code.
func TestEveryReasonHasWords(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		functions []string
		words     map[string]string
		other     []string // words in the functions that are not codes
		elsewhere []string // codes that are not from the functions
	}{
		{
			[]string{"webhook"}, refusals,
			[]string{"data", "id", "object", "related_object", "type", // members of events
				"delivery"}, // what a log line is about
			nil,
		},
		{
			[]string{"fetcher", "reconciler"}, failures,
			[]string{
				"emitted", "duplicate", "deferred", "parked", "doubtful", // outcomes
				"announce", "defer", "delivery", "compared", // what a log line is about
				"live", "test", // modes
				"other", // a code of a metric
			},
			[]string{"gave_up", "unknown"},
		},
	} {
		var found []string
		for _, function := range tt.functions {
			found = append(found, codes(t, function)...)
		}
		for _, code := range found {
			if tt.words[code] == "" && !slices.Contains(tt.other, code) {
				t.Errorf("functions %v say %q, for which there are no words in reasons.go; if it is not a reason, list it here", tt.functions, code)
			}
		}
		for code := range tt.words {
			if !slices.Contains(found, code) && !slices.Contains(tt.elsewhere, code) {
				t.Errorf("no function in %v says %q, for which reasons.go has words", tt.functions, code)
			}
		}
	}
}

// docs/local.md documents each kind of entry and each of their members.
func TestJSONIsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(root(t), "docs", "local.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n### --output json\n")
	section, _, _ = strings.Cut(section, "\n#")
	file, err := parser.ParseFile(token.NewFileSet(), "entries.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 {
			names = appendWord(names, regexp.MustCompile(`^[a-z_]+$`), spec.Values[0])
		}
		return true
	})
	if len(names) < 20 {
		t.Errorf("found %d kinds in entries.go, want at least 20", len(names))
	}
	for _, of := range []reflect.Type{reflect.TypeFor[entry](), reflect.TypeFor[account](), reflect.TypeFor[consumption](), reflect.TypeFor[soakResult]()} {
		for i := range of.NumField() {
			if name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ","); name != "" {
				names = append(names, name)
			}
		}
	}
	for _, name := range names {
		if !strings.Contains(section, "`"+name+"`") {
			t.Errorf("docs/local.md does not document %q of --output json", name)
		}
	}
}
