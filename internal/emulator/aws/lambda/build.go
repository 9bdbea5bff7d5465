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

// build builds the function as SAM would, for this machine's architecture, and returns the path of
// its bootstrap. It runs the makefile target, which can compile any language:
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/building-custom-runtimes.html
func (f *function) build(ctx context.Context) (string, error) {
	options, source := f.service.options, f.properties.CodeUri
	if !filepath.IsAbs(source) {
		source = filepath.Join(filepath.Dir(f.resource.File), source)
	}
	artifacts, err := filepath.Abs(filepath.Join(options.BuildDir, f.artifacts()))
	if err != nil {
		return "", fmt.Errorf("build %s: %w", f.ID(), err)
	}
	bootstrap := filepath.Join(artifacts, "bootstrap")
	if _, err := os.Stat(bootstrap); err == nil && options.Prebuilt {
		return bootstrap, nil
	}
	if err := os.MkdirAll(artifacts, 0o755); err != nil {
		return "", fmt.Errorf("build %s: %w", f.ID(), err)
	}
	started := time.Now()
	target := "build-" + f.resource.LogicalID
	f.record(activity.Step{Kind: activity.Building, Text: "make " + target})
	command := exec.CommandContext(ctx, "make", "--silent", "--no-print-directory", "-C", source, target,
		"GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	group(command)
	command.Cancel = func() error { return killGroup(command) }
	command.WaitDelay = time.Second
	command.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool { // if make runs this program, its job server is a different one
		return strings.HasPrefix(variable, "MAKEFLAGS=") || strings.HasPrefix(variable, "MFLAGS=") || strings.HasPrefix(variable, "MAKELEVEL=")
	})
	// In the environment, as SAM gives it: on the command line, make would expand a $ in it.
	command.Env = append(command.Env, "ARTIFACTS_DIR="+artifacts)
	if err := f.runBuild(command); ctx.Err() != nil {
		return "", fmt.Errorf("build %s: %w", f.ID(), context.Cause(ctx))
	} else if err != nil {
		return "", err
	}
	if _, err := os.Stat(bootstrap); err != nil {
		return "", fmt.Errorf("build %s: make %s in %s left no executable named bootstrap in ARTIFACTS_DIR", f.ID(), target, source)
	}
	f.record(activity.Step{Kind: activity.Built, Took: time.Since(started)})
	return bootstrap, nil
}

// artifacts returns the path of the function's artifacts in the build folder. A logical ID has no
// hyphen, so the folder of a stack is not that of a function.
func (f *function) artifacts() string {
	if stack := f.resource.Stack; stack != "" {
		return filepath.Join("stack-"+stack, f.resource.LogicalID)
	}
	return f.resource.LogicalID
}

// runBuild runs the command, records each line of output, and adds the last ones to its error.
func (f *function) runBuild(command *exec.Cmd) error {
	const most = 20
	var tail []string
	output := &lineWriter{each: func(line string) {
		tail = append(tail, "    "+line+"\n")
		tail = tail[max(0, len(tail)-most):]
		f.record(activity.Step{Kind: activity.Building, Text: line})
	}}
	command.Stdout, command.Stderr = output, output
	err := f.runReporting(command)
	output.flush()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("build %s: make is not installed: %w", f.ID(), err)
	case err != nil:
		return fmt.Errorf("build %s: %w\n%s", f.ID(), err, strings.Join(tail, ""))
	}
	return nil
}

// runReporting runs the command and records every ten seconds that it is still running.
func (f *function) runReporting(command *exec.Cmd) error {
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
			f.record(activity.Step{Kind: activity.Building, Text: fmt.Sprintf("still compiling after %s; a first build takes a minute or two", took)})
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
