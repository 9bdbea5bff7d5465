package contract_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// makeShows returns what make would run, with variables exported by the shell.
func makeShows(t *testing.T, exported []string, words ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "make", append([]string{"--no-print-directory", "--dry-run"}, words...)...)
	command.Dir = filepath.Join("..", "..")
	command.Env = append(slices.DeleteFunc(os.Environ(), func(variable string) bool { // leave out variables of a make that runs this test
		return strings.HasPrefix(variable, "MAKE") || strings.HasPrefix(variable, "MFLAGS=")
	}), exported...)
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("make %v: %v\n%s", words, err, out)
	}
	return string(out)
}

// The template says arm64, so a binary for another architecture would fail at the first request.
// Only make's own command line can choose another, as meterbridge local does. make verify runs the
// builds.
func TestFunctionsAreBuiltForTheTemplatesArchitectureWhateverIsExported(t *testing.T) {
	t.Parallel()
	exported := []string{"GOOS=windows", "GOARCH=amd64", "GOARM64=v9.5", "GOFLAGS=-buildvcs=auto -tags=x", "ARTIFACTS_DIR=/a b/c"}
	for _, target := range []string{"build-WebhookFunction", "build-FetcherFunction", "build-ReconcilerFunction", "build-MeterAlertsFunction"} {
		for _, words := range [][]string{{target}, {"--environment-overrides", target}} {
			got := makeShows(t, exported, words...)
			for _, want := range []string{"GOOS=linux GOARCH=arm64 GOARM64=v8.0 GOFLAGS=-buildvcs=false ", `-o "$ARTIFACTS_DIR/bootstrap"`} {
				if !strings.Contains(got, want) {
					t.Errorf("make %v runs %s, want %s", words, got, want)
				}
			}
		}
		if got := makeShows(t, exported, target, "GOOS=darwin", "GOARCH=amd64"); !strings.Contains(got, "GOOS=darwin GOARCH=amd64 ") {
			t.Errorf("make %s for this machine runs %s", target, got)
		}
	}
}

// make run and make deploy build programs for this machine, and need neither the checkout's history nor its owner.
func TestCommandsAreBuiltForThisMachineWithoutVersionControl(t *testing.T) {
	t.Parallel()
	for _, words := range [][]string{{"run"}, {"soak"}, {"deploy"}} {
		got := makeShows(t, []string{"GOARCH=s390x", "GOFLAGS=-race -mod=vendor"}, words...)
		if !strings.Contains(got, "GOFLAGS=-buildvcs=false ") || strings.Contains(got, "s390x") {
			t.Errorf("make %v runs %s, want -buildvcs=false only, and no architecture", words, got)
		}
	}
}

// earlyEnd matches a pipe to a command that may end before it has read all of its input.
var earlyEnd = regexp.MustCompile(`\| *(?:head|grep -[a-zA-Z]*[qm])\b`)

// A program without a first line that names its interpreter runs only from some shells. CDPATH would
// lead cd to another folder of the same name.
func TestScriptsRunFromEveryShell(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob(filepath.Join("..", "..", ".ci", "*"))
	if err != nil || len(scripts) < 4 {
		t.Fatalf("found %q, %v", scripts, err)
	}
	for _, script := range append(scripts, filepath.Join("..", "..", "verify", "stripe", "run")) {
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		if first, _, _ := strings.Cut(string(text), "\n"); first != "#!/bin/sh" && first != "#!/usr/bin/env bash" {
			t.Errorf("%s starts with %q", script, first)
		}
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "cd ") && !strings.HasPrefix(line, "cd ./") {
				t.Errorf("%s: CDPATH could change what this does: %s", script, line)
			}
			if earlyEnd.MatchString(line) {
				t.Errorf("%s: under pipefail this fails if the reader ends before the writer: %s", script, line)
			}
		}
	}
}
