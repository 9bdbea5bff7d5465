package contract_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestEmulatorOfAWSStandsAlone: nothing under internal/emulator/aws, its tests included, imports another package of this module, so
// that it could be a module of its own. Nor does one of its services import the package that runs them all.
func TestEmulatorOfAWSStandsAlone(t *testing.T) {
	t.Parallel()
	const emulator = module + "internal/emulator/aws"
	files := 0
	err := filepath.WalkDir(filepath.FromSlash("internal/emulator/aws"), func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") {
			return err
		}
		files++
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		inService := path.Dir(filepath.ToSlash(name)) != "internal/emulator/aws"
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			switch {
			case err != nil:
				return err
			case strings.HasPrefix(imported, module) && imported != emulator && !strings.HasPrefix(imported, emulator+"/"):
				t.Errorf("%s imports %s, a package of the product", name, imported)
			case imported == emulator && inService:
				t.Errorf("%s imports %s, which runs the services", name, imported)
			}
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Errorf("read %d files: %v", files, err)
	}
}
