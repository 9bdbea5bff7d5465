package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/soak"
)

// soakParameters let a soak run as fast as the machine can, since the sandbox has no limit.
var soakParameters = map[string]string{"StripeRateLimit": "500", "FetcherConcurrency": "16", "WebhookReservedConcurrency": "16"}

func runSoak(ctx context.Context, p process, flags localFlags) error {
	given, err := flags.check(p)
	if err != nil {
		return err
	}
	names, err := flags.names()
	if err != nil {
		return err
	}
	parameters := maps.Clone(soakParameters)
	maps.Copy(parameters, given)
	screen := &soakScreen{console: newConsole(p, flags.outputFlags), verbose: flags.verbose, total: flags.soak}
	if !flags.verbose {
		screen.screen = terminal(p)
	}
	report, err := soak.Run(ctx, &soak.Options{
		Template: flags.templates[0], Parameters: parameters, Lenient: flags.lenient, Events: flags.soak, Seed: flags.seed, Faults: names,
		Observer: screen, Progress: screen.progress,
	})
	if screen.bar != nil {
		_ = screen.bar.Clear()
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return &failure{"interrupted: " + err.Error()}
	case err != nil:
		return schemaError(err)
	}
	printSoakDetails(p.stderr, report)
	fmt.Fprintln(p.stdout, report)
	if err := report.Err(); err != nil {
		return &failure{err.Error()}
	}
	return nil
}

// printSoakDetails prints details that are not in the line on standard output.
func printSoakDetails(w io.Writer, r *soak.Report) {
	if len(r.Injected) > 0 {
		fmt.Fprintf(w, "faults: %s\n", counted(r.Injected))
	}
	if r.Doubled > 0 {
		fmt.Fprintf(w, "emitted more than once: %d; explanations: %s; without explanation: %d\n", r.Doubled, counted(r.Explained), r.Unexplained)
	}
	fmt.Fprintf(w, "most messages that waited for the fetcher at once: %d\n", r.Backlog)
	if r.StackMemory > 0 {
		fmt.Fprintf(w, "peak memory in MB: %d in this process, which emulates AWS and Stripe; in a function %s\n", r.StackMemory>>20, counted(megabytes(r.FunctionMemory)))
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(w, "warning: %s\n", warning)
	}
	for _, trouble := range r.Troubles {
		fmt.Fprintln(w, trouble)
	}
}

func megabytes(bytes map[string]int64) map[string]int {
	sizes := map[string]int{}
	for name, n := range bytes {
		sizes[name] = int(n >> 20)
	}
	return sizes
}

func counted[K ~string](counts map[K]int) string {
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		texts = append(texts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(texts, ", ")
}

// soakScreen shows the progress of a soak: every step, a bar, or a line every few seconds.
type soakScreen struct {
	console *console
	verbose bool
	total   int
	screen  io.Writer // where a bar can be drawn, or nil
	started sync.Once
	bar     *progressbar.ProgressBar
	printed time.Time // when the last line was printed
}

// Observe implements [activity.Observer].
func (s *soakScreen) Observe(step activity.Step) {
	starting := step.Kind == activity.Building || step.Kind == activity.Built || step.Kind == activity.Logged
	if s.verbose || starting {
		s.console.Observe(step)
	}
}

func (s *soakScreen) progress(p soak.Progress) {
	const interval = 5 * time.Second
	s.started.Do(func() {
		s.console.ready(names{})
		s.bar = newBar(s.screen, s.total, "events")
	})
	switch {
	case s.bar != nil:
		s.bar.Describe(p.Phase)
		_ = s.bar.Set(p.Ended)
	case time.Since(s.printed) >= interval:
		s.printed = time.Now()
		s.console.note("%s: %d of %d events finished", p.Phase, p.Ended, p.Total)
	}
}
