package aws

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
	"github.com/meterbridge/meterbridge/internal/emulator/aws/lambda/process"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// build makes a function's artifacts as SAM would, for this machine's architecture, and returns the path of its bootstrap.
// The makefile target does the work, whatever language it compiles:
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/building-custom-runtimes.html
func (s *Stack) build(ctx context.Context, r sam.Resource, p functionProperties) (string, error) {
	source := p.CodeUri
	if !filepath.IsAbs(source) {
		source = filepath.Join(filepath.Dir(s.options.Template), source)
	}
	artifacts, err := filepath.Abs(filepath.Join(s.options.BuildDir, r.LogicalID))
	if err != nil {
		return "", fmt.Errorf("build %s: %w", r.LogicalID, err)
	}
	bootstrap := filepath.Join(artifacts, "bootstrap")
	if _, err := os.Stat(bootstrap); err == nil && s.options.Prebuilt {
		return bootstrap, nil
	}
	if err := os.MkdirAll(artifacts, 0o755); err != nil {
		return "", fmt.Errorf("build %s: %w", r.LogicalID, err)
	}
	started := time.Now()
	target := "build-" + r.LogicalID
	s.observe(activity.Step{Kind: activity.Building, Name: r.LogicalID, Text: "make " + target})
	command := exec.CommandContext(ctx, "make", "--silent", "--no-print-directory", "-C", source, target,
		"ARTIFACTS_DIR="+artifacts, "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	process.Group(command)
	command.Cancel = func() error { return process.Kill(command) }
	command.WaitDelay = time.Second
	command.Env = slices.DeleteFunc(os.Environ(), fromOuterMake)
	if err := s.runBuild(command, r.LogicalID); ctx.Err() != nil {
		return "", fmt.Errorf("build %s: %w", r.LogicalID, context.Cause(ctx))
	} else if err != nil {
		return "", err
	}
	if _, err := os.Stat(bootstrap); err != nil {
		return "", fmt.Errorf("build %s: make %s in %s left no executable named bootstrap in ARTIFACTS_DIR", r.LogicalID, target, source)
	}
	s.observe(activity.Step{Kind: activity.Built, Name: r.LogicalID, Took: time.Since(started)})
	return bootstrap, nil
}

// fromOuterMake tells whether a variable was set by a make that runs this program, whose job slots are not ours to use.
func fromOuterMake(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	return name == "MAKEFLAGS" || name == "MFLAGS" || name == "MAKELEVEL"
}

// runBuild runs the command, tells what it says as it says it, and puts the end of it into the error if it fails.
func (s *Stack) runBuild(command *exec.Cmd, name string) error {
	reader, writer := io.Pipe()
	command.Stdout, command.Stderr = writer, writer
	var tail tailBuffer
	told := make(chan struct{})
	go func() {
		defer close(told)
		lines := bufio.NewScanner(reader)
		for lines.Scan() {
			tail.add(lines.Text())
			s.observe(activity.Step{Kind: activity.Building, Name: name, Text: lines.Text()})
		}
		io.Copy(io.Discard, reader)
	}()
	err := s.runPatiently(command, name)
	writer.Close()
	<-told
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("build %s: make is not installed: %w", name, err)
	case err != nil:
		return fmt.Errorf("build %s: %w\n%s", name, err, tail.String())
	}
	return nil
}

// runPatiently runs the command and says every few seconds that it still does: a first build downloads and compiles for a minute.
func (s *Stack) runPatiently(command *exec.Cmd, name string) error {
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
			s.observe(activity.Step{Kind: activity.Building, Name: name, Text: fmt.Sprintf("still compiling after %s; a first build takes a minute or two", took)})
		}
	}
}

// tailBuffer keeps the last lines of an output.
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
