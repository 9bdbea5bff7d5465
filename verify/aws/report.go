package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A check verifies one thing. Its evidence can be compared with another run: counts, hashes.
type check struct {
	name  string
	tools []string // names of the tools it needs, as in the manifest
	after []string // checks whose results it uses
	run   func(context.Context) (evidence string, err error)
}

// errNotRun marks the error of a check that could not run, rather than failed.
var errNotRun = errors.New("not run")

type result struct {
	name   string
	state  string // "passed", "failed" or "not run"
	reason string // unless it passed
}

type report struct {
	out       io.Writer
	workspace *workspace
	results   []result
}

// run runs the named checks and those that they build on. No names mean all checks.
func (r *report) run(ctx context.Context, all []check, names []string) {
	wanted := map[string]bool{}
	for _, c := range slices.Backward(all) {
		if len(names) == 0 || slices.Contains(names, c.name) || wanted[c.name] {
			wanted[c.name] = true
			for _, earlier := range c.after {
				wanted[earlier] = true
			}
		}
	}
	for _, c := range all {
		if wanted[c.name] {
			r.runOne(ctx, c)
		}
	}
}

func (r *report) runOne(ctx context.Context, c check) {
	started := time.Now()
	evidence, err := "", r.missing(c)
	if err == nil {
		evidence, err = c.run(ctx)
	}
	took := time.Since(started).Seconds()
	switch {
	case err == nil:
		r.results = append(r.results, result{c.name, "passed", ""})
		fmt.Fprintf(r.out, "ok    %-13s %s (%.1f s)\n", c.name, evidence, took)
	case errors.Is(err, errNotRun):
		reason := strings.TrimPrefix(err.Error(), errNotRun.Error()+": ")
		r.results = append(r.results, result{c.name, "not run", reason})
		fmt.Fprintf(r.out, "--    %-13s not run: %s\n", c.name, reason)
	default:
		first, _, _ := strings.Cut(err.Error(), "\n")
		r.results = append(r.results, result{c.name, "failed", first})
		fmt.Fprintf(r.out, "FAIL  %-13s %s (%.1f s)\n", c.name, strings.ReplaceAll(err.Error(), "\n", "\n      "), took)
	}
}

// missing returns why a check cannot run: a missing tool, or an earlier check that failed.
func (r *report) missing(c check) error {
	for _, name := range c.tools {
		if err := r.workspace.needTool(name); err != nil {
			return err
		}
	}
	for _, earlier := range c.after {
		i := slices.IndexFunc(r.results, func(r result) bool { return r.name == earlier })
		if i >= 0 && r.results[i].state != "passed" {
			return fmt.Errorf("%w: %s did not pass", errNotRun, earlier)
		}
	}
	return nil
}

// failed reports whether a check failed.
func (r *report) failed() bool {
	return slices.ContainsFunc(r.results, func(r result) bool { return r.state == "failed" })
}

// summarize prints the results as a table, and reports whether no check failed.
func (r *report) summarize() bool {
	counts := map[string]int{}
	fmt.Fprintln(r.out)
	for _, result := range r.results {
		counts[result.state]++
		fmt.Fprintf(r.out, "  %-8s %s\n", result.state, strings.TrimSuffix(result.name+": "+result.reason, ": "))
	}
	fmt.Fprintf(r.out, "\nverify: %d passed, %d failed, %d not run. Only AWS itself is left to try.\n",
		counts["passed"], counts["failed"], counts["not run"])
	return counts["failed"] == 0
}
