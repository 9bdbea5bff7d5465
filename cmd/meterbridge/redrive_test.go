package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
	"github.com/meterbridge/meterbridge/internal/redrive"
)

// command returns a process of this program whose environment points to the cloud.
func (c *cloud) command(t *testing.T, name string, flags ...string) *exec.Cmd {
	t.Helper()
	executable, err := os.Executable()
	dir := t.TempDir()
	program, outputs := filepath.Join(dir, "meterbridge"), filepath.Join(dir, "outputs.json")
	// testscript.Main runs the command when the test binary has that name.
	if err := errors.Join(err, os.Symlink(executable, program), os.WriteFile(outputs, c.outputs(), 0o600)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, append([]string{name, "--outputs", outputs}, flags...)...)
	cmd.Env = []string{"HOME=" + dir}
	for name, value := range c.environment() {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// The process gets a signal in the middle of a batch.
func TestInterruptedRedriveLosesNothing(t *testing.T) {
	t.Parallel()
	process := make(chan *os.Process, 1)
	c := newCloud(t, func(operation string) {
		if operation != "SendMessageBatch" {
			return
		}
		running := <-process
		if err := running.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		process <- running
	})
	t.Cleanup(c.close)
	for i := range 5 {
		if _, err := c.dead.Send(sqs.Message{Body: envelope(fmt.Sprint("evt_", i), "t")}); err != nil {
			t.Fatal(err)
		}
	}
	var stdout, stderr bytes.Buffer
	cmd := c.command(t, "redrive", "--apply", "--rate", "0.1")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	process <- cmd.Process
	err := cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != exitFailed {
		t.Errorf("%v, want exit status %d\n%s%s", err, exitFailed, &stdout, &stderr)
	}
	if !strings.Contains(stderr.String(), "interrupted") || !strings.Contains(stdout.String(), "1 redriven") {
		t.Errorf("stdout:\n%s\nstderr:\n%s", &stdout, &stderr)
	}
	if fetch, dead := c.fetch.Stats(), c.dead.Stats(); fetch.Visible != 1 || dead != (sqs.Stats{Visible: 4}) {
		t.Errorf("queue %+v, dead letters %+v; want 1 and 4 visible messages, and none hidden", fetch, dead)
	}
}

// On a terminal the bar counts all letters, and failures are printed too.
func TestBarReplacesTheLinesOfSuccesses(t *testing.T) {
	t.Parallel()
	var out, screen bytes.Buffer
	r := &report{out: &out, bar: newBar(&screen, 3, "letters")}
	for i, outcome := range []redrive.Outcome{redrive.Redriven, redrive.Failed, redrive.Skipped} {
		var err error
		if outcome == redrive.Failed {
			err = errors.New("\x1b[31mno")
		}
		r.letter(redrive.Letter{EventID: fmt.Sprint("evt_", i), Type: "t", Reason: "r"}, outcome, err)
	}
	counts := redrive.Counts{Seen: 3, Redriven: 1, Failed: 1, Skipped: 1}
	r.end(counts, redriveSummary(redriveCounts{Counts: counts}))
	want := "failed    evt_1  t  r: ?[31mno\nletters: 3 seen, 1 redriven, 1 skipped, 1 failed\n"
	if got := out.String(); got != want {
		t.Errorf("lines:\n%s\nwant:\n%s", got, want)
	}
	if !strings.Contains(screen.String(), "2/3") {
		t.Errorf("bar: %q, want it to reach 2/3", screen.String())
	}
}
