// Package examples_test runs the examples' own tests that are not in Go. The tests of
// internal/guarantees run all examples on the local stack.
package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestUnitTestsOfTheExamplesPass(t *testing.T) {
	t.Parallel()
	for example, command := range map[string][]string{
		"meter-alerts-python": {"python3", "-B", "-m", "unittest", "discover", "tests"},
		"meter-alerts-node":   {"node", "--test"},
	} {
		t.Run(example, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(command[0]); err != nil && os.Getenv("METERBRIDGE_INTERPRETERS") != "required" {
				t.Skipf("%s is not installed: the tests of %s were NOT run", command[0], example)
			}
			tests := exec.CommandContext(t.Context(), command[0], command[1:]...)
			tests.Dir = filepath.FromSlash(example)
			if out, err := tests.CombinedOutput(); err != nil {
				t.Errorf("%v: %v\n%s", command, err, out)
			}
		})
	}
}
