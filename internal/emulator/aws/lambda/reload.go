package lambda

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
)

// pool runs a function across its changes: what is in flight ends on the instances that it began on,
// and the next invocation gets one of the current function.
type pool struct {
	mu      sync.Mutex
	current *Function // nil before the first one has started, and once the function is removed
	next    *Function // has started, and becomes the current one with [Service.Commit]
	stale   string    // folder of what was built for the one before the current one
}

func (p *pool) load() *Function {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current
}

// swap makes next the current function, and ends the instances of the one before as soon as they are
// idle.
func (p *pool) swap(next *Function) {
	p.mu.Lock()
	old := p.current
	p.current = next
	p.mu.Unlock()
	if old != nil {
		old.Close()
	}
}

// dropStale removes what was built for the function before the last one: instances of the last one
// may still be busy.
func (p *pool) dropStale(old *Function) {
	if p.stale != "" {
		os.RemoveAll(p.stale)
	}
	p.stale = ""
	if old != nil && strings.HasPrefix(filepath.Base(filepath.Dir(old.config.TaskRoot)), rebuiltPrefix) {
		p.stale = old.config.TaskRoot
	}
}

// Invoke is [Function.Invoke] on the current function.
func (p *pool) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	for {
		current := p.load()
		if current == nil {
			return nil, ErrClosed
		}
		answer, err := current.Invoke(ctx, payload)
		if !errors.Is(err, ErrClosed) || p.load() == current {
			return answer, err
		}
	}
}

// Inherit makes a service the successor of another one, for a template that has changed. Call it
// before the first Add. Functions with the same ARN stay the same, with their instances, until Commit
// replaces those that differ. Until then the other service goes on; if Build or Warm fails, call
// Discard, and it goes on for good.
func (s *Service) Inherit(previous *Service) {
	s.stop() // of what is not shared any more
	s.shared, s.previous = previous.shared, previous
	s.polling, s.stopPolling = context.WithCancel(s.stopped)
}

// inherited returns the function with an ARN of the service that s inherits from, or nil.
func (s *Service) inherited(arn string) *function {
	if s.previous == nil {
		return nil
	}
	i := slices.IndexFunc(s.previous.functions, func(f *function) bool { return f.resource.ARN == arn })
	if i < 0 {
		return nil
	}
	return s.previous.functions[i]
}

// Build builds every function that is new or differs from the one that is inherited.
func (s *Service) Build(ctx context.Context) error {
	return s.each(ctx, func(f *function, ctx context.Context) error {
		if err := f.findFailures(); err != nil || !f.differs() {
			return err
		}
		c, err := f.code(ctx)
		if err == nil {
			f.pool.next = NewFunction(f.config(c))
		}
		return err
	})
}

// differs reports whether the function is not the one that is inherited.
func (f *function) differs() bool {
	old := f.service.inherited(f.resource.ARN)
	return old == nil || old.pool.load() == nil || f.instances() != old.instances() || !sameFunction(old.resource, f.resource)
}

// sameFunction compares what determines how a function runs.
func sameFunction(a, b sam.Resource) bool {
	a.Line, b.Line = 0, 0
	return reflect.DeepEqual(a, b)
}

// Warm starts an instance of every function that Build has built.
func (s *Service) Warm(ctx context.Context) error {
	return s.each(ctx, func(f *function, ctx context.Context) error {
		if f.pool.next == nil {
			return nil
		}
		return f.pool.next.Warm(ctx)
	})
}

// Commit puts what was built and started in place of what was there, and begins to poll the queues.
// It returns the ids of the functions that have changed.
func (s *Service) Commit() (changed []string) {
	if s.previous != nil {
		s.previous.stopPolling()
		s.previous.release(s.polled())
		for _, old := range s.previous.functions {
			if !slices.ContainsFunc(s.functions, func(f *function) bool { return f.pool == old.pool }) {
				old.pool.swap(nil)
			}
		}
	}
	for _, f := range s.functions {
		if f.pool.next != nil {
			old := f.pool.load()
			f.pool.swap(f.pool.next)
			f.pool.dropStale(old)
			f.pool.next = nil
			changed = append(changed, f.ID())
		}
		for _, m := range f.mappings {
			m.run()
		}
	}
	s.previous = nil
	return changed
}

// Discard ends what was started for a change that does not take effect.
func (s *Service) Discard() {
	s.stopPolling()
	for _, f := range s.functions {
		if f.pool.next != nil {
			f.pool.next.Close()
			f.pool.next = nil
		}
	}
}

// polled returns the queues that functions poll.
func (s *Service) polled() (queues []*sqs.Queue) {
	for _, f := range s.functions {
		for _, m := range f.mappings {
			queues = append(queues, m.queue)
		}
	}
	return queues
}

// release releases the queues that are polled, except some.
func (s *Service) release(except []*sqs.Queue) {
	for _, q := range s.polled() {
		if !slices.Contains(except, q) {
			q.Release()
		}
	}
}

// Rebuild builds a function again, because its files have changed, and lets the next invocation run
// the result. It reports whether that differs from what ran before. If it fails, or the function does
// not start, what ran before runs on.
func (s *Service) Rebuild(ctx context.Context, id string) (changed bool, err error) {
	i := slices.IndexFunc(s.functions, func(f *function) bool { return f.ID() == id })
	if i < 0 {
		return false, fmt.Errorf("there is no function %s", id)
	}
	f := s.functions[i]
	changed, err = f.rebuild(ctx)
	return changed, f.located(err)
}

func (f *function) rebuild(ctx context.Context) (changed bool, err error) {
	old := f.pool.load()
	c, err := f.code(ctx)
	if err != nil {
		return false, err
	}
	built := c.taskRoot != c.source && c.taskRoot != old.config.TaskRoot
	if built && sameFiles(old.config.TaskRoot, c.taskRoot) {
		return false, os.RemoveAll(c.taskRoot)
	}
	next := NewFunction(f.config(c))
	if err := next.Warm(ctx); err != nil {
		next.Close()
		if built {
			os.RemoveAll(c.taskRoot)
		}
		return false, err
	}
	f.pool.swap(next)
	f.pool.dropStale(old)
	return true, nil
}

// sameFiles reports whether two folders have files with the same names and contents.
func sameFiles(a, b string) bool {
	hashes := [2]string{}
	for i, folder := range []string{a, b} {
		hash := sha256.New()
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			file, err := os.Open(path)
			if err != nil {
				return err
			}
			defer file.Close()
			fmt.Fprintln(hash, strings.TrimPrefix(path, folder))
			_, err = io.Copy(hash, file)
			return err
		})
		if err != nil {
			return false
		}
		hashes[i] = string(hash.Sum(nil))
	}
	return hashes[0] == hashes[1]
}

// rebuiltPrefix is the prefix of the name of the folder of what was built again.
const rebuiltPrefix = "rebuilt-"

// rebuildFolder returns a new folder for what is built again, with a copy of what was built before:
// tools such as Go's leave a result as it is if nothing has changed. The folder before is not built
// into, because instances run from it.
func (f *function) rebuildFolder(old *Function) (string, error) {
	s := f.service
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rebuilt == "" {
		above, err := s.folder("")
		if err == nil {
			err = os.MkdirAll(above, 0o755)
		}
		if err != nil {
			return "", err
		}
		if s.rebuilt, err = os.MkdirTemp(above, rebuiltPrefix); err != nil {
			return "", err
		}
		if s.rebuilt, err = filepath.EvalSymlinks(s.rebuilt); err != nil {
			return "", err
		}
	}
	folder, err := os.MkdirTemp(s.rebuilt, f.resource.LogicalID+"-")
	if err == nil && old.config.TaskRoot != old.config.Source {
		err = copyTree(old.config.TaskRoot, folder)
	}
	return folder, err
}
