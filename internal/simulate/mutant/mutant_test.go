package mutant_test

import (
	"errors"
	"os"
	"testing"

	"github.com/meterbridge/meterbridge/internal/simulate/mutant"
)

const root = "../../.."

// Each mutant still applies, in one place, and says what is wrong.
func TestEveryMutantApplies(t *testing.T) {
	t.Parallel()
	all, err := mutant.All(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Errorf("%d mutants, want at least 20", len(all))
	}
	for _, m := range all {
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			if _, err := m.Overlay(root, t.TempDir()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPatches(t *testing.T) {
	t.Parallel()
	const source = "one\ntwo\nthree\ntwo\n"
	tests := []struct {
		name, patch string
		parse       error
		apply       error
		want        string
	}{
		{"replaces lines", "# why\n--- f.go\n one\n-two\n+2\n", nil, nil, "one\n2\nthree\ntwo\n"},
		{"changes several places", "# why\n--- f.go\n-one\n@@\n-three\n+3\n", nil, nil, "two\n3\ntwo\n"},
		{"occurs twice", "# why\n--- f.go\n-two\n", nil, mutant.ErrApply, ""},
		{"does not occur", "# why\n--- f.go\n-four\n", nil, mutant.ErrApply, ""},
		{"gives no reason", "--- f.go\n-one\n", mutant.ErrFormat, nil, ""},
		{"names no file", "# why\n-one\n", mutant.ErrFormat, nil, ""},
		{"changes nothing", "# why\n--- f.go\n one\n", mutant.ErrFormat, nil, ""},
		{"adds to no place", "# why\n--- f.go\n+one\n", mutant.ErrFormat, nil, ""},
		{"is empty", "", mutant.ErrFormat, nil, ""},
		{"has another line", "# why\n--- f.go\n-one\n*two\n", mutant.ErrFormat, nil, ""},
		{"has an empty line", "# why\n--- f.go\n-one\n\n", mutant.ErrFormat, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, err := mutant.Parse("name", tt.patch)
			if !errors.Is(err, tt.parse) {
				t.Fatalf("Parse(%q) = %v, want %v", tt.patch, err, tt.parse)
			}
			if err != nil {
				return
			}
			got, err := m.Apply(source)
			if got != tt.want || !errors.Is(err, tt.apply) {
				t.Errorf("Apply of %q = %q, %v, want %q, %v", tt.patch, got, err, tt.want, tt.apply)
			}
		})
	}
}
