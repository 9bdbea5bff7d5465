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

// A step is one check. Its evidence is what can be held against it: counts, hashes, sizes.
type step struct {
	name  string
	parts []string // names in the manifest, without which it cannot run
	after []string // steps whose results it builds on
	run   func(context.Context) (evidence string, err error)
}

// errNotRun marks the error of a step that could not be carried out, as opposed to one that found a fault.
var errNotRun = errors.New("not run")

type outcome struct {
	name  string
	state string // "passed", "failed" or "not run"
	why   string
}

type report struct {
	out      io.Writer
	outcomes []outcome
}

func newReport(out io.Writer) *report { return &report{out: out} }

// runAll runs the steps named, and those that they build on; no name means all.
func (r *report) runAll(ctx context.Context, w *workshop, all []step, names []string) {
	wanted := map[string]bool{}
	for _, s := range slices.Backward(all) {
		if len(names) == 0 || slices.Contains(names, s.name) || wanted[s.name] {
			wanted[s.name] = true
			for _, earlier := range s.after {
				wanted[earlier] = true
			}
		}
	}
	for _, s := range all {
		if wanted[s.name] {
			r.runOne(ctx, w, s)
		}
	}
}

func (r *report) runOne(ctx context.Context, w *workshop, s step) {
	started := time.Now()
	evidence, err := "", r.obstacle(w, s)
	if err == nil {
		evidence, err = s.run(ctx)
	}
	took := time.Since(started).Seconds()
	switch {
	case err == nil:
		r.outcomes = append(r.outcomes, outcome{s.name, "passed", ""})
		fmt.Fprintf(r.out, "ok    %-13s %s (%.1f s)\n", s.name, evidence, took)
	case errors.Is(err, errNotRun):
		why := strings.TrimPrefix(err.Error(), errNotRun.Error()+": ")
		r.outcomes = append(r.outcomes, outcome{s.name, "not run", why})
		fmt.Fprintf(r.out, "--    %-13s not run: %s\n", s.name, why)
	default:
		first, _, _ := strings.Cut(err.Error(), "\n")
		r.outcomes = append(r.outcomes, outcome{s.name, "failed", first})
		fmt.Fprintf(r.out, "FAIL  %-13s %s (%.1f s)\n", s.name, strings.ReplaceAll(err.Error(), "\n", "\n      "), took)
	}
}

// obstacle says why a step cannot run, if so.
func (r *report) obstacle(w *workshop, s step) error {
	for _, name := range s.parts {
		if _, err := w.part(name); err != nil {
			return err
		}
	}
	for _, earlier := range s.after {
		i := slices.IndexFunc(r.outcomes, func(o outcome) bool { return o.name == earlier })
		if i >= 0 && r.outcomes[i].state != "passed" {
			return fmt.Errorf("%w: %s did not pass", errNotRun, earlier)
		}
	}
	return nil
}

// conclude prints the table and tells whether nothing failed.
func (r *report) conclude() bool {
	counts := map[string]int{}
	fmt.Fprintln(r.out)
	for _, o := range r.outcomes {
		counts[o.state]++
		fmt.Fprintf(r.out, "  %-8s %s\n", o.state, strings.TrimSuffix(o.name+": "+o.why, ": "))
	}
	fmt.Fprintf(r.out, "\nverify: %d passed, %d failed, %d not run. What remains is AWS itself.\n",
		counts["passed"], counts["failed"], counts["not run"])
	return counts["failed"] == 0
}
