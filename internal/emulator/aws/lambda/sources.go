package lambda

import (
	"os"
	"path/filepath"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/watch"
)

// Sources returns, by the id of each function, the files that it is built from or runs: of a Go
// module, its source; otherwise what is in the folder of the code.
func (s *Service) Sources() map[string][]watch.Tree {
	sources := map[string][]watch.Tree{}
	for _, f := range s.functions {
		folder, err := f.source()
		if err != nil || f.properties.InlineCode != "" {
			continue // a missing folder is reported by the next build, and inline code is in the template
		}
		tree := watch.Tree{Root: folder}
		if module := moduleOf(folder); module != "" && f.isMade() {
			tree = watch.Tree{Root: module, Kind: watch.Go}
		}
		sources[f.ID()] = []watch.Tree{tree}
		if tree.Root != folder {
			sources[f.ID()] = append(sources[f.ID()], watch.Tree{Root: filepath.Join(folder, "Makefile"), Kind: watch.One})
		}
	}
	return sources
}

// moduleOf returns the root of the Go module that a folder is in, or "".
func moduleOf(folder string) string {
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return ""
		}
		folder = parent
	}
}
