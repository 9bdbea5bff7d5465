// Package contract_test checks rules that concern more than one package: which package may import
// which, and that template, code, schemas and documentation agree.
//
// Every path in its tests is relative to the repository's root.
package contract_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

const module = "github.com/meterbridge/meterbridge/"

// repository is the tree that the tests read.
var repository = os.DirFS("../..")

// read returns the text of a file.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := fs.ReadFile(repository, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// readTemplate resolves template.yaml with the values given for its parameters and the defaults of the
// others.
func readTemplate(t *testing.T, parameters map[string]string) *sam.Template {
	t.Helper()
	parsed, err := sam.Parse([]byte(read(t, "template.yaml")), &sam.Options{Parameters: parameters})
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// resource returns a resource that the template must define.
func resource(t *testing.T, parsed *sam.Template, id string) sam.Resource {
	t.Helper()
	found, ok := parsed.Resource(id)
	if !ok {
		t.Fatalf("template.yaml does not define %s", id)
	}
	return found
}

// properties decodes the resolved properties of a resource.
func properties(t *testing.T, parsed *sam.Template, id string, into any) {
	t.Helper()
	if err := json.Unmarshal(encode(t, resource(t, parsed, id).Properties), into); err != nil {
		t.Fatalf("%s: %v", id, err)
	}
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	encoded, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// goFiles parses every Go file of the module and returns them by path.
func goFiles(t *testing.T, mode parser.Mode) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	err := fs.WalkDir(repository, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (entry.Name()[0] == '.' || entry.Name() == "testdata" || isModule(name)):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		files[name], err = parser.ParseFile(token.NewFileSet(), name, read(t, name), mode)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// isModule reports whether a folder is a separate module, which has its own rules.
func isModule(name string) bool {
	_, err := fs.Stat(repository, path.Join(name, "go.mod"))
	return err == nil
}

// functionOf returns the function that a file under functions/ belongs to.
func functionOf(name string) (function string, ok bool) {
	rest, ok := strings.CutPrefix(name, "functions/")
	function, _, _ = strings.Cut(rest, "/")
	return function, ok
}
