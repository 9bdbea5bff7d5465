package lambda

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
)

// make runs the makefile target that SAM would, for this machine's architecture, and returns the
// folder of the artifacts. The target can compile any language:
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/building-custom-runtimes.html
func (f *function) make(ctx context.Context, source string) (string, error) {
	artifacts, err := f.artifacts()
	if err != nil {
		return "", err
	}
	if f.service.options.Prebuilt && f.pool.load() == nil && f.isBuilt(artifacts) {
		return artifacts, nil
	}
	started, target := time.Now(), "build-"+f.resource.LogicalID
	command := exec.CommandContext(ctx, "make", "--silent", "--no-print-directory", "-C", source, target,
		"GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	command.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool { // if make runs this program, its job server is a different one
		return strings.HasPrefix(variable, "MAKEFLAGS=") || strings.HasPrefix(variable, "MFLAGS=") || strings.HasPrefix(variable, "MAKELEVEL=")
	})
	// In the environment, as SAM gives it: on the command line, make would expand a $ in it.
	command.Env = append(command.Env, "ARTIFACTS_DIR="+artifacts)
	if err := f.run(ctx, command, "make "+target); err != nil {
		return "", err
	}
	if !f.isBuilt(artifacts) {
		return "", fmt.Errorf("make %s in %s left no executable named bootstrap in ARTIFACTS_DIR", target, source)
	}
	f.record(activity.Step{Kind: activity.Built, Took: time.Since(started)})
	return artifacts, nil
}

// isBuilt reports whether a folder contains what a build leaves: an executable or, for a language, any
// file.
func (f *function) isBuilt(folder string) bool {
	if l, _ := languageOf(f.properties.Runtime); l != nil {
		entries, err := os.ReadDir(folder)
		return err == nil && len(entries) > 0
	}
	_, err := os.Stat(filepath.Join(folder, "bootstrap"))
	return err == nil
}

// artifacts makes the folder of what is built for the function, which may contain what was built
// before.
func (f *function) artifacts() (string, error) {
	if old := f.pool.load(); old != nil {
		return f.rebuildFolder(old)
	}
	name := f.resource.LogicalID
	if stack := f.resource.Stack; stack != "" {
		name = filepath.Join("stack-"+stack, name)
	}
	folder, err := f.service.folder(name)
	if err == nil {
		err = os.MkdirAll(folder, 0o755)
	}
	return folder, err
}

// folder returns the path of a folder in the build folder. Names with a hyphen are not logical IDs.
func (s *Service) folder(name string) (string, error) {
	return filepath.Abs(filepath.Join(s.options.BuildDir, name))
}

// run runs a command that is part of a build. It records each line of output, and that the command
// still runs, and adds the last lines to its error.
func (f *function) run(ctx context.Context, command *exec.Cmd, what string) error {
	group(command)
	command.Cancel = func() error { return killGroup(command) }
	command.WaitDelay = time.Second
	f.record(activity.Step{Kind: activity.Building, Text: what})
	const most = 20
	var tail []string
	output := &lineWriter{each: func(line string) {
		tail = append(tail, "    "+line+"\n")
		tail = tail[max(0, len(tail)-most):]
		f.record(activity.Step{Kind: activity.Building, Text: line})
	}}
	command.Stdout, command.Stderr = output, output
	err := f.await(command, what)
	output.flush()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("%s is not installed: %w", command.Args[0], err)
	case err != nil:
		return fmt.Errorf("%s: %w\n%s", what, err, strings.Join(tail, ""))
	}
	return nil
}

// await runs the command and records every ten seconds that it is still running.
func (f *function) await(command *exec.Cmd, what string) error {
	const interval = 10 * time.Second
	started, tick := time.Now(), time.NewTicker(interval)
	defer tick.Stop()
	if err := command.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	for {
		select {
		case err := <-ended:
			return err
		case <-tick.C:
			took := time.Since(started).Round(time.Second)
			f.record(activity.Step{Kind: activity.Building, Text: fmt.Sprintf("%s still runs after %s; the first time takes a minute or two", what, took)})
		}
	}
}

// lineWriter passes on each line that is not empty, a very long one in parts.
type lineWriter struct {
	each func(line string)
	rest []byte // an unfinished line
}

// Write implements [io.Writer].
func (w *lineWriter) Write(p []byte) (int, error) {
	const longest = 64 << 10
	rest := append(w.rest, p...)
	for line := range bytes.Lines(rest) {
		if w.rest = line; line[len(line)-1] == '\n' || len(line) >= longest {
			w.flush()
		}
	}
	return len(p), nil
}

func (w *lineWriter) flush() {
	if line := strings.TrimRight(string(w.rest), "\r\n"); line != "" {
		w.each(line)
	}
	w.rest = nil
}
