// Package watch notices which files have changed, by looking at them again and again.
//
// That needs nothing of the operating system: it works in containers, on network file systems and on
// folders that a virtual machine shares, where notifications do not arrive, and a new folder needs no
// registration. It costs a few milliseconds for each thousand files, and [Watcher.Wait] takes longer
// pauses the longer that takes.
package watch

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A Kind selects the files of a [Tree].
type Kind int

const (
	// Files are all files except hidden ones, logs, and what editors, interpreters and package
	// managers leave.
	Files Kind = iota
	// Go is what a build of a Go module depends on, except embedded files: its .go files other than
	// tests, go.mod, go.sum, go.work, and makefiles.
	Go
	// One is a single file, which the Root names.
	One
)

// A Tree is a set of files.
type Tree struct {
	Root string
	Kind Kind
}

// stamp tells two versions of a file apart.
type stamp struct {
	size     int64
	modified time.Time
	mode     fs.FileMode
}

// state is the files of a tree at one time, by path.
type state map[string]stamp

// read returns the present state. What cannot be read is as good as missing.
func (t Tree) read() state {
	found := state{}
	if t.Kind == One {
		if info, err := os.Stat(t.Root); err == nil {
			found[t.Root] = newStamp(info)
		}
		return found
	}
	_ = filepath.WalkDir(t.Root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil
		case entry.IsDir() && path != t.Root && t.skips(path, entry.Name()):
			return fs.SkipDir
		case entry.IsDir() || !t.Kind.includes(entry.Name()):
			return nil
		}
		if info, err := os.Stat(path); err == nil { // it follows a link to a file
			found[path] = newStamp(info)
		}
		return nil
	})
	return found
}

func newStamp(info fs.FileInfo) stamp { return stamp{info.Size(), info.ModTime(), info.Mode()} }

// skips reports whether a folder is not part of the tree.
func (t Tree) skips(path, name string) bool {
	if strings.HasPrefix(name, ".") || slices.Contains([]string{"node_modules", "__pycache__", "venv"}, name) {
		return true
	}
	if t.Kind != Go {
		return false
	}
	_, err := os.Stat(filepath.Join(path, "go.mod"))
	return err == nil || name == "testdata" || name == "vendor"
}

func (k Kind) includes(name string) bool {
	extension := filepath.Ext(name)
	if k == Go {
		return extension == ".go" && !strings.HasSuffix(name, "_test.go") || slices.Contains([]string{"go.mod", "go.sum", "go.work"}, name) ||
			strings.EqualFold(name, "makefile") || name == "GNUmakefile" || extension == ".mk"
	}
	return !strings.HasPrefix(name, ".") && !strings.HasSuffix(name, "~") && !slices.Contains([]string{".swp", ".tmp", ".pyc", ".log", ".ndjson"}, extension)
}

// A Change is what has changed of one watched thing.
type Change struct {
	Key   string
	Files []string // sorted
}

// A Watcher watches trees, each set of which has a key. It is not safe for concurrent use.
type Watcher struct {
	known map[string]state // by key: what has been reported
	last  map[string]state // what was read last
}

// New returns a watcher that reports what changes in these trees from now on.
func New(trees map[string][]Tree) *Watcher {
	read := readAll(trees)
	return &Watcher{known: read, last: read}
}

// Add adds the trees whose keys are new. They count as unchanged as they are now.
func (w *Watcher) Add(trees map[string][]Tree) {
	for key, state := range readAll(trees) {
		if _, known := w.known[key]; !known {
			w.known[key] = state
		}
	}
}

// interval is the least time between two looks. A look takes at most a twentieth of the time.
const interval = 150 * time.Millisecond

// Wait waits until something has changed and then stayed the same from one look to the next, so that
// half of what is being saved is not reported. trees may differ from those before: a new key has not
// changed. If ctx ends, there are no changes.
func (w *Watcher) Wait(ctx context.Context, trees map[string][]Tree) []Change {
	for pause := time.Duration(interval); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		started := time.Now()
		read := readAll(trees)
		pause = max(interval, 20*time.Since(started))
		if changes := w.compare(read); len(changes) > 0 {
			return changes
		}
	}
}

// compare returns the changes that are complete, and remembers what was read.
func (w *Watcher) compare(read map[string]state) (changes []Change) {
	for _, key := range slices.Sorted(maps.Keys(read)) {
		if _, known := w.known[key]; !known {
			w.known[key] = read[key]
		}
		files := differences(w.known[key], read[key])
		if len(files) > 0 && len(differences(w.last[key], read[key])) == 0 {
			changes = append(changes, Change{key, files})
			w.known[key] = read[key]
		}
	}
	w.last = read
	return changes
}

func readAll(trees map[string][]Tree) map[string]state {
	read, states := map[Tree]state{}, map[string]state{}
	for key, set := range trees {
		all := state{}
		for _, tree := range set {
			if read[tree] == nil {
				read[tree] = tree.read()
			}
			maps.Copy(all, read[tree])
		}
		states[key] = all
	}
	return states
}

// differences returns the files that are not the same in two states, sorted.
func differences(a, b state) (files []string) {
	for file, stamp := range a {
		if other, ok := b[file]; !ok || other != stamp {
			files = append(files, file)
		}
	}
	for file := range b {
		if _, ok := a[file]; !ok {
			files = append(files, file)
		}
	}
	slices.Sort(files)
	return files
}
