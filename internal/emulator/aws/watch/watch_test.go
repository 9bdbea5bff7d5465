package watch_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/watch"
)

func write(t *testing.T, folder, name, text string) {
	t.Helper()
	name = filepath.Join(folder, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// next waits for changes, which have to come.
func next(t *testing.T, w *watch.Watcher, trees map[string][]watch.Tree) []watch.Change {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	changes := w.Wait(ctx, trees)
	if len(changes) == 0 {
		t.Fatal("no change was noticed")
	}
	return changes
}

// TestKindSelectsWhatABuildDependsOn: everything is written at once, and one look reports what
// belongs to the tree.
func TestKindSelectsWhatABuildDependsOn(t *testing.T) {
	t.Parallel()
	names := []string{
		"app.py", "data.json", "sub/util.py", "main.go", "main_test.go", "go.mod", "go.sum", "Makefile", "rules.mk", "sub/b.go",
		".hidden", ".git/HEAD", "node_modules/x/index.js", "__pycache__/app.pyc", "bus.ndjson", "app.py~", ".app.py.swp", "out.log",
		"testdata/c.go", "vendor/d.go", "nested/go.mod", "nested/e.go",
	}
	for kind, want := range map[watch.Kind][]string{
		watch.Files: {"Makefile", "app.py", "data.json", "go.mod", "go.sum", "main.go", "main_test.go", "nested/e.go", "nested/go.mod", "rules.mk",
			"sub/b.go", "sub/util.py", "testdata/c.go", "vendor/d.go"},
		watch.Go:  {"Makefile", "go.mod", "go.sum", "main.go", "rules.mk", "sub/b.go"},
		watch.One: {"app.py"},
	} {
		folder := t.TempDir()
		tree := watch.Tree{Root: folder, Kind: kind}
		if kind == watch.One {
			tree.Root = filepath.Join(folder, "app.py")
		}
		trees := map[string][]watch.Tree{"key": {tree}}
		w := watch.New(trees)
		for _, name := range names {
			write(t, folder, name, "x")
		}
		var got []string
		for _, file := range next(t, w, trees)[0].Files {
			relative, err := filepath.Rel(folder, file)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, filepath.ToSlash(relative))
		}
		if !slices.Equal(got, want) {
			t.Errorf("kind %d: %q, want %q", kind, got, want)
		}
	}
}

// TestEveryChangeIsReportedOnce: a new file, another content of the same size, a file that is gone.
func TestEveryChangeIsReportedOnce(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, folder, "a", "1")
	trees := map[string][]watch.Tree{"x": {{Root: folder}}, "y": {{Root: filepath.Join(folder, "only"), Kind: watch.One}}}
	w := watch.New(trees)
	for _, step := range []struct {
		change func()
		keys   []string
	}{
		{func() { write(t, folder, "b", "1") }, []string{"x"}},
		{func() { write(t, folder, "a", "2") }, []string{"x"}},
		{func() { write(t, folder, "only", "1") }, []string{"x", "y"}},
		{func() { _ = os.Remove(filepath.Join(folder, "only")) }, []string{"x", "y"}},
		{func() { _ = os.RemoveAll(folder) }, []string{"x"}},
	} {
		step.change()
		var keys []string
		for len(keys) < len(step.keys) { // a look that comes in between may report one before the other
			for _, change := range next(t, w, trees) {
				keys = append(keys, change.Key)
			}
		}
		if slices.Sort(keys); !slices.Equal(keys, step.keys) {
			t.Errorf("changes of %q, want %q", keys, step.keys)
		}
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if changes := w.Wait(cancelled, trees); changes != nil {
		t.Errorf("changes %v after the context has ended", changes)
	}
}

// TestNewKeyHasNotChanged: a function that is added is as it was when it was built.
func TestNewKeyHasNotChanged(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, folder, "old/a", "1")
	write(t, folder, "new/a", "1")
	trees := map[string][]watch.Tree{"old": {{Root: filepath.Join(folder, "old")}}}
	w := watch.New(trees)
	trees["new"] = []watch.Tree{{Root: filepath.Join(folder, "new")}}
	w.Add(trees)
	write(t, folder, "new/a", "22")
	if got := next(t, w, trees); len(got) != 1 || got[0].Key != "new" {
		t.Errorf("changes %v, want one of new", got)
	}
	trees["newer"] = []watch.Tree{{Root: filepath.Join(folder, "new")}}
	write(t, folder, "old/a", "22")
	if got := next(t, w, trees); len(got) != 1 || got[0].Key != "old" {
		t.Errorf("changes %v, want one of old", got)
	}
}
