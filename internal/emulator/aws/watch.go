package aws

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/watch"
)

// templates is the key of the templates among what is watched. The other keys are ids of functions.
const templates = ""

// watched returns the files to watch. Before the functions are known, these are the templates.
func (s *Stack) watched() map[string][]watch.Tree {
	trees := map[string][]watch.Tree{}
	for id, sources := range s.current.Load().functions.Sources() {
		trees[id] = sources
	}
	for _, file := range append([]string{s.options.Template}, s.options.More...) {
		trees[templates] = append(trees[templates], watch.Tree{Root: file, Kind: watch.One})
	}
	return trees
}

// watch lets changes take effect until Close. trees are the files that were read at the start.
func (s *Stack) watch(w *watch.Watcher) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			if changes := w.Wait(ctx, s.watched()); len(changes) > 0 {
				s.apply(ctx, changes)
			}
		}
	}()
	s.watching = func() {
		cancel()
		<-ended
	}
}

// apply lets changes take effect: first those of templates, which can bring and take functions.
func (s *Stack) apply(ctx context.Context, changes []watch.Change) {
	var fresh []string // functions that were built from the changed files just now
	if i := slices.IndexFunc(changes, func(c watch.Change) bool { return c.Key == templates }); i >= 0 {
		started := time.Now()
		var err error
		fresh, err = s.reload(ctx)
		s.report(ctx, changes[i], started, err)
	}
	functions := s.current.Load().functions
	var building sync.WaitGroup
	for _, change := range changes {
		if change.Key != templates {
			change.Files = s.ownFiles(change)
		}
		if change.Key == templates || len(change.Files) == 0 || slices.Contains(fresh, change.Key) || !slices.Contains(functions.IDs(), change.Key) {
			continue
		}
		building.Go(func() {
			started := time.Now()
			changed, err := functions.Rebuild(ctx, change.Key)
			if changed || err != nil {
				s.report(ctx, change, started, err)
			}
		})
	}
	building.Wait()
}

// ownFiles returns the changed files of a function, without templates in its folder.
func (s *Stack) ownFiles(change watch.Change) []string {
	isTemplate := func(file string) bool {
		info, err := os.Stat(file)
		return err == nil && slices.ContainsFunc(append([]string{s.options.Template}, s.options.More...), func(template string) bool {
			other, err := os.Stat(template)
			return err == nil && os.SameFile(info, other)
		})
	}
	return slices.DeleteFunc(slices.Clone(change.Files), isTemplate)
}

func (s *Stack) report(ctx context.Context, change watch.Change, started time.Time, err error) {
	if ctx.Err() != nil {
		return // the stack is closing
	}
	step := activity.Step{Kind: activity.Reloaded, Name: change.Key, Text: nameFiles(change.Files), Took: time.Since(started)}
	if err != nil {
		step.Kind, step.Err = activity.NotReloaded, err
	}
	s.recorder.Record(step)
}

// nameFiles names the first of some files, and how many others there are.
func nameFiles(files []string) string {
	name := files[0]
	if folder, err := os.Getwd(); err == nil {
		if relative, err := filepath.Rel(folder, name); err == nil && filepath.IsLocal(relative) {
			name = relative
		}
	}
	if others := len(files) - 1; others > 0 {
		name += fmt.Sprintf(" and %d more", others)
	}
	return name
}
