// Package mutant reads deliberate bugs and builds programs with them, so that the simulation can be
// tested: it should find each.
//
// A mutant is a small patch of one file, in a file of its own:
//
//	# The webhook answers 200 although the bus has refused the event.
//	--- functions/webhook/handler.go
//	 	case err != nil:
//	-		return decision{answer: notStored, event: event, err: err}
//	+		return decision{answer: stored, event: event}
//
// It has no line numbers. The lines that it removes or repeats must occur in exactly one place, so
// that a change of the code around them does no harm, and a change of the code itself is noticed. A
// line @@ separates several places. The package supports tests only.
package mutant

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// A Mutant is a deliberate bug.
type Mutant struct {
	Name string // of its file, without .patch
	Why  string // what is wrong, in a sentence or two
	File string // that it changes, from the root of the repository

	changes []change
}

// A change replaces a text that occurs once.
type change struct{ old, new string }

// The errors of [Parse] and [Mutant.Apply]. The texts say where.
var (
	ErrFormat = errors.New("mutant: not a patch")
	ErrApply  = errors.New("mutant: patch does not apply")
)

// Dir is the folder of the mutants, from the root of the repository.
const Dir = "internal/simulate/testdata/mutants"

const extension = ".patch"

// All returns every mutant of the repository at root, sorted by name. Its errors are [ErrFormat] and
// those of reading the files.
func All(root fs.FS) ([]*Mutant, error) {
	entries, err := fs.ReadDir(root, Dir)
	if err != nil {
		return nil, err
	}
	var all []*Mutant
	for _, entry := range entries {
		text, err := fs.ReadFile(root, path.Join(Dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		m, err := Parse(strings.TrimSuffix(entry.Name(), extension), string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// Parse reads a mutant. Its error is [ErrFormat].
func Parse(name, text string) (*Mutant, error) {
	m := &Mutant{Name: name}
	var why []string
	var c change
	for line := range strings.Lines(text) {
		kind, rest := line[:1], line[1:]
		switch {
		case strings.HasPrefix(line, "--- "):
			m.File = strings.TrimSpace(line[4:])
		case m.File == "" && kind == "#":
			why = append(why, strings.TrimSpace(rest))
		case m.File == "":
			return nil, fmt.Errorf("%w: %s: %q comes before the name of a file", ErrFormat, name, line)
		case strings.HasPrefix(line, "@@"):
			m.changes, c = append(m.changes, c), change{}
		case kind == " ":
			c.old, c.new = c.old+rest, c.new+rest
		case kind == "-":
			c.old += rest
		case kind == "+":
			c.new += rest
		default:
			return nil, fmt.Errorf("%w: %s: %q", ErrFormat, name, line)
		}
	}
	m.Why, m.changes = strings.Join(why, " "), append(m.changes, c)
	for _, c := range m.changes {
		if m.Why == "" || c.old == "" || c.old == c.new {
			return nil, fmt.Errorf("%w: %s needs a reason, a file and changes", ErrFormat, name)
		}
	}
	return m, nil
}

// Apply returns the source with the bug. Its error is [ErrApply].
func (m *Mutant) Apply(source string) (string, error) {
	for _, c := range m.changes {
		if n := strings.Count(source, c.old); n != 1 {
			return "", fmt.Errorf("%w: %s: %s has %d times:\n%s", ErrApply, m.Name, m.File, n, c.old)
		}
		source = strings.Replace(source, c.old, c.new, 1)
	}
	return source, nil
}

// Overlay writes a file for go build -overlay into an empty folder and returns its path. A build
// with it has the bug, and no file of the repository changes.
func (m *Mutant) Overlay(root, folder string) (string, error) {
	original, err := filepath.Abs(filepath.Join(root, m.File))
	if err != nil {
		return "", err
	}
	source, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	changed, err := m.Apply(string(source))
	if err != nil {
		return "", err
	}
	replacement, overlay := filepath.Join(folder, "mutant.go"), filepath.Join(folder, "overlay.json")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {original: replacement}})
	if err != nil {
		return "", err
	}
	return overlay, errors.Join(os.WriteFile(replacement, []byte(changed), 0o600), os.WriteFile(overlay, list, 0o600))
}
