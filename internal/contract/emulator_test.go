package contract_test

import (
	"go/parser"
	"path"
	"strconv"
	"strings"
	"testing"
)

// The emulator of AWS could be a separate module: nothing under internal/emulator/aws, tests
// included, imports another package of this module, and no service imports the package that runs
// them all.
func TestEmulatorOfAWSStandsAlone(t *testing.T) {
	t.Parallel()
	const folder = "internal/emulator/aws"
	found := 0
	for name, file := range goFiles(t, parser.ImportsOnly) {
		if !strings.HasPrefix(name, folder+"/") {
			continue
		}
		found++
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			ours, isOurs := strings.CutPrefix(imported, module)
			switch {
			case isOurs && ours != folder && !strings.HasPrefix(ours, folder+"/"):
				t.Errorf("%s imports %s, a package of the product", name, imported)
			case ours == folder && path.Dir(name) != folder:
				t.Errorf("%s imports %s, which runs the services", name, imported)
			}
		}
	}
	if found < 50 {
		t.Errorf("found %d files under %s, want at least 50", found, folder)
	}
}
