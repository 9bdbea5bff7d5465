package lambda

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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
// its bootstrap. The makefile target does the work, whatever language it compiles:
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/building-custom-runtimes.html
func (f *function) build(ctx context.Context) (string, error) {
	options, source := f.service.options, f.properties.CodeUri
	if !filepath.IsAbs(source) {
		source = filepath.Join(options.Dir, source)
	}
	artifacts, err := filepath.Abs(filepath.Join(options.BuildDir, f.ID()))
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
	target := "build-" + f.ID()
	f.record(activity.Step{Kind: activity.Building, Text: "make " + target})
	command := exec.CommandContext(ctx, "make", "--silent", "--no-print-directory", "-C", source, target,
		"ARTIFACTS_DIR="+artifacts, "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	group(command)
	command.Cancel = func() error { return killGroup(command) }
	command.WaitDelay = time.Second
	command.Env = slices.DeleteFunc(os.Environ(), fromOuterMake)
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

// fromOuterMake reports whether a variable was set by a make that runs this program, whose job
// server the build must not use.
func fromOuterMake(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	return name == "MAKEFLAGS" || name == "MFLAGS" || name == "MAKELEVEL"
}

// runBuild runs the command, records each line that it prints, and puts the last ones into the
// error if it fails.
func (f *function) runBuild(command *exec.Cmd) error {
	reader, writer := io.Pipe()
	command.Stdout, command.Stderr = writer, writer
	var tail tailBuffer
	scanned := make(chan struct{})
	go func() {
		defer close(scanned)
		lines := bufio.NewScanner(reader)
		for lines.Scan() {
			tail.add(lines.Text())
			f.record(activity.Step{Kind: activity.Building, Text: lines.Text()})
		}
		io.Copy(io.Discard, reader)
	}()
	err := f.runReporting(command)
	writer.Close()
	<-scanned
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("build %s: make is not installed: %w", f.ID(), err)
	case err != nil:
		return fmt.Errorf("build %s: %w\n%s", f.ID(), err, tail.String())
	}
	return nil
}

// runReporting runs the command and records every ten seconds that it is still running: a first
// build downloads and compiles for a minute.
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

// tailBuffer keeps the last lines of output.
type tailBuffer struct{ lines []string }

func (t *tailBuffer) add(line string) {
	const most = 20
	t.lines = append(t.lines, line)
	if len(t.lines) > most {
		t.lines = t.lines[1:]
	}
}

func (t *tailBuffer) String() string {
	var b bytes.Buffer
	for _, line := range t.lines {
		fmt.Fprintf(&b, "    %s\n", line)
	}
	return b.String()
}
