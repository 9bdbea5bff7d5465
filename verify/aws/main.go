// Command aws checks Meterbridge against third-party software: the SAM CLI, MiniStack, cfn-lint,
// checkov, qemu, moto, AWS's Runtime Interface Emulator, event-ruler and a JSON Schema library. The
// script .ci/tools installs them, and .ci/verify runs both.
//
// It prints a line with evidence for each check, continues after a check that fails, and ends with
// a summary. If a check has failed, it keeps the logs and prints their location. If arguments name
// checks, only these and those that they depend on are run. The exit status is 1 if a check failed,
// and 2 if the command could not start.
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
	w, err := newWorkspace()
	if err != nil {
		fmt.Fprintln(os.Stderr, "verify:", err)
		os.Exit(2)
	}
	report := &report{out: os.Stdout, workspace: w}
	report.run(ctx, checks(w), os.Args[1:])
	w.close(report.failed())
	if !report.summarize() {
		os.Exit(1)
	}
}

// checks lists the checks in an order in which each follows those that it depends on.
func checks(w *workspace) []check {
	return []check{
		// template.yaml and the binaries
		{name: "sam-validate", tools: []string{"sam"}, run: w.samValidate},
		{name: "cfn-lint", tools: []string{"lint"}, run: w.cfnLint},
		{name: "regions", tools: []string{"lint"}, run: w.regions},
		{name: "checkov", tools: []string{"checkov"}, run: w.checkov},
		{name: "sam-parameters", tools: []string{"sam"}, run: w.samParameters},
		{name: "sam-build", tools: []string{"sam"}, run: w.samBuild},
		{name: "hostile", tools: []string{"sam"}, run: w.hostile},

		// the stack, deployed to moto
		{name: "sam-deploy", tools: []string{"sam", "moto"}, after: []string{"sam-build"}, run: w.samDeploy},
		{name: "stack", tools: []string{"sam", "moto"}, after: []string{"sam-build", "sam-deploy"}, run: w.deployStack},
		{name: "arm64", tools: []string{"sam", "moto", "qemu"}, after: []string{"stack"}, run: w.arm64},
		{name: "end-to-end", tools: []string{"sam", "moto", "rie"}, after: []string{"stack"}, run: w.endToEnd},
		{name: "schemas", tools: []string{"moto"}, after: []string{"end-to-end"}, run: w.schemas},
		{name: "local", tools: []string{"sam", "moto", "rie"}, after: []string{"end-to-end"}, run: w.localGivesTheSame},
		{name: "rotation", tools: []string{"sam", "moto", "rie"}, after: []string{"end-to-end"}, run: w.rotation},

		// the stack, deployed to MiniStack
		{name: "deployed", tools: []string{"sam", "awscli", "ministack"}, run: w.deployToMinistack},
		{name: "operate", tools: []string{"sam", "awscli", "ministack"}, after: []string{"deployed"}, run: w.operate},
		{name: "runbook", tools: []string{"sam", "awscli", "ministack"}, after: []string{"deployed"}, run: w.runbook},
		{name: "deliveries", tools: []string{"sam", "ministack"}, after: []string{"deployed"}, run: w.deliveries},
		{name: "lifecycle", tools: []string{"sam", "awscli", "ministack"}, after: []string{"deployed", "deliveries"}, run: w.lifecycle},
		{name: "nested", tools: []string{"sam", "awscli", "ministack"}, run: w.nested},
		{name: "upgrade", tools: []string{"sam", "ministack", "lint"}, after: []string{"sam-build"}, run: w.upgrade},
		{name: "workarounds", tools: []string{"ministack"}, run: w.workaroundsAreNeeded},

		// single parts
		{name: "strict-template", tools: []string{"schemas"}, run: w.strictTemplate},
		{name: "runtimes", tools: []string{"python-ric", "node-ric"}, run: w.runtimes},
		{name: "examples", tools: []string{"sam", "lint"}, run: w.examplesBuild},
		{name: "example-types", tools: []string{"mypy", "typescript"}, run: w.exampleTypes},
		{name: "soak", run: w.soak},
		{name: "burst", run: w.burst},
		{name: "event-ruler", tools: []string{"ruler"}, run: w.eventRuler},
		{name: "iam", run: w.iam},
		{name: "mutants", run: w.mutants},
		{name: "simulated-burst", run: w.simulatedBurst},
		{name: "stripe", run: w.stripe},
	}
}
