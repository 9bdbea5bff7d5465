package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
)

// iam runs the tests in ./policy, which evaluate the IAM policies of template.yaml.
func (w *workspace) iam(ctx context.Context) (string, error) {
	out, err := command{dir: w.path("verify", "aws")}.output(ctx, "go", "test", "-count=1", "-json", "./policy")
	counts, tried := map[string]int{}, ""
	for line := range strings.Lines(string(out)) {
		var event struct{ Action, Test, Output string }
		if json.Unmarshal([]byte(line), &event) != nil {
			continue
		}
		if found := triedCalls.FindStringSubmatch(event.Output); found != nil {
			tried = found[1]
		}
		for _, kind := range []string{"/allowed/", "/denied/"} {
			if event.Action == "pass" && strings.Contains(event.Test, kind) {
				counts[kind]++
			}
		}
	}
	if err != nil {
		return "", err
	}
	if counts["/allowed/"] == 0 || counts["/denied/"] == 0 {
		return "", errors.New("the tests tried nothing")
	}
	return fmt.Sprintf("of %s calls tried, %d are allowed, which are those that the code needs; %d harmful calls are denied", tried, counts["/allowed/"], counts["/denied/"]), nil
}

// runtimes runs the tests of functions in Python and Node.js, none of which may be skipped: the
// embedded clients are compared with AWS's own.
func (w *workspace) runtimes(ctx context.Context) (string, error) {
	env := []string{
		"METERBRIDGE_INTERPRETERS=required",
		"METERBRIDGE_AWSLAMBDARIC=" + w.tools["python-ric"].path,
		"METERBRIDGE_AWS_LAMBDA_RIC=" + w.tools["node-ric"].path,
	}
	tests := command{dir: w.root, env: env}
	out, err := tests.output(ctx, "go", "test", "-count=1", "-json", "./internal/emulator/aws", "./internal/emulator/aws/lambda", "./examples/...")
	if err != nil {
		return "", err
	}
	more, err := tests.output(ctx, "go", "test", "-count=1", "-json", "-run", "TestExamples", "./internal/guarantees")
	out = append(out, more...)
	passed, compared := 0, 0
	for line := range strings.Lines(string(out)) {
		var event struct{ Action, Test string }
		if json.Unmarshal([]byte(line), &event) != nil || event.Test == "" {
			continue
		}
		switch {
		case event.Action == "skip":
			return "", fmt.Errorf("%s was skipped", event.Test)
		case event.Action == "pass" && strings.HasPrefix(event.Test, "TestClientsBehaveAsAWSs/") && strings.Count(event.Test, "/") == 3:
			compared++
		case event.Action == "pass":
			passed++
		}
	}
	if err == nil && compared == 0 {
		err = errors.New("no handler was compared")
	}
	return fmt.Sprintf("%d tests of functions in Python and Node.js; %d handlers behave as over %s and %s", passed, compared,
		w.version("python-ric"), w.version("node-ric")), err
}

// mutants checks that the simulation finds every deliberate bug, with the seeds that the table in
// docs/reliability.md names.
func (w *workspace) mutants(ctx context.Context) (string, error) {
	return w.simulation(ctx, "-mutants", "all")
}

// simulatedBurst checks that a simulated burst is drained as arithmetic predicts, with the figures in
// docs/performance.md.
func (w *workspace) simulatedBurst(ctx context.Context) (string, error) {
	return w.simulation(ctx, "-burst", "100000")
}

func (w *workspace) simulation(ctx context.Context, flags ...string) (string, error) {
	out, err := command{dir: w.root}.output(ctx, "go", append([]string{"run", "-trimpath", "./internal/simulate/run"}, flags...)...)
	return tail(string(out), 1), err
}

var triedCalls = regexp.MustCompile(`tried (\d+) calls`)

// stripe runs verify/stripe/run, the comparison with Stripe's own SDKs.
func (w *workspace) stripe(ctx context.Context) (string, error) {
	const cannotInstall = 69
	out, err := command{dir: w.root}.output(ctx, w.path("verify", "stripe", "run"))
	passed := strings.Count("\n"+string(out), "\nok ")
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == cannotInstall {
		return "", fmt.Errorf("%w: %d of its checks passed; %s", errNotRun, passed, tail(string(out), 1))
	}
	return fmt.Sprintf("%d checks against stripe-go, stripe-mock and stripe-python", passed), err
}
