// Command aws checks Meterbridge against parts that others wrote: the SAM CLI, cfn-lint, checkov, qemu, moto, AWS's Runtime
// Interface Emulator, event-ruler and a JSON Schema library, as .ci/tools has installed them.
//
// It prints one line a step, with its evidence, goes on after a step that fails, and ends with what passed, failed and was not
// run. Names of steps as arguments run only these, and what they build on. Status 1 if a step failed.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	w, err := openWorkshop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "verify:", err)
		os.Exit(2)
	}
	report := newReport(os.Stdout)
	report.runAll(ctx, w, steps(w), os.Args[1:])
	w.close()
	if !report.conclude() {
		os.Exit(1)
	}
}

// steps are in the order in which they build on each other.
func steps(w *workshop) []step {
	return []step{
		{name: "sam-validate", parts: []string{"sam"}, run: w.samValidate},
		{name: "cfn-lint", parts: []string{"lint"}, run: w.cfnLint},
		{name: "checkov", parts: []string{"checkov"}, run: w.checkov},
		{name: "sam-build", parts: []string{"sam"}, run: w.samBuild},
		{name: "sam-deploy", parts: []string{"sam", "moto"}, after: []string{"sam-build"}, run: w.samDeploy},
		{name: "stack", parts: []string{"sam", "moto"}, after: []string{"sam-build", "sam-deploy"}, run: w.deployStack},
		{name: "arm64", parts: []string{"sam", "moto", "qemu"}, after: []string{"stack"}, run: w.arm64},
		{name: "end-to-end", parts: []string{"sam", "moto", "rie"}, after: []string{"stack"}, run: w.endToEnd},
		{name: "schemas", parts: []string{"moto"}, after: []string{"end-to-end"}, run: w.schemas},
		{name: "local", parts: []string{"sam", "moto", "rie"}, after: []string{"end-to-end"}, run: w.localTellsTheSame},
		{name: "event-ruler", parts: []string{"ruler"}, run: w.eventRuler},
		{name: "privilege", run: w.privilege},
		{name: "rotation", parts: []string{"sam", "moto", "rie"}, after: []string{"end-to-end"}, run: w.rotation},
		{name: "stripe", run: w.stripe},
	}
}
