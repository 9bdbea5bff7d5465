package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/meterbridge/meterbridge/internal/simulate/mutant"
)

// A build is the simulation as a program.
type build struct {
	with *mutant.Mutant // nil for none
}

// run builds the simulation in a temporary folder, runs one of its tests with flags, and returns the
// lines of its outcome. The error is errWrong if the test has failed with an outcome.
func (b build) run(ctx context.Context, test string, flags ...string) ([]string, error) {
	folder, err := os.MkdirTemp("", "simulate")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	program, outcome := filepath.Join(folder, "simulate.test"), filepath.Join(folder, "outcome")
	if err := b.compile(ctx, folder, program); err != nil {
		return nil, err
	}
	arguments := append([]string{"-test.run", "^" + test + "$", "-test.timeout", "0", "-outcome", outcome}, flags...)
	var out bytes.Buffer
	command := exec.CommandContext(ctx, program, arguments...)
	// A world runs one thing at a time, so a second processor only adds the cost of waking it.
	command.Env = append(os.Environ(), "GOMAXPROCS=1", "GOMEMLIMIT=800MiB")
	command.Stdout, command.Stderr = &out, &out
	err = command.Run()
	text, readErr := os.ReadFile(outcome)
	if readErr != nil {
		return nil, fmt.Errorf("the simulation has no outcome: %w\n%s", errors.Join(ctx.Err(), err), &out)
	}
	if err != nil {
		err = errWrong
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"), err
}

func (b build) compile(ctx context.Context, folder, program string) error {
	command := exec.CommandContext(ctx, "go", "test", "-c", "-trimpath", "-o", program)
	if b.with != nil {
		overlay, err := b.with.Overlay(".", folder)
		if err != nil {
			return err
		}
		command.Args = append(command.Args, "-overlay", overlay)
	}
	command.Args = append(command.Args, "./internal/simulate")
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build the simulation: %w\n%s", err, out)
	}
	return nil
}
