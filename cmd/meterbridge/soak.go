package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/soak"
)

// soakParameters let a soak go as fast as the machine: the sandbox has no rate limit, and functions that wait cost nothing.
var soakParameters = map[string]string{"StripeRateLimit": "500", "FetcherConcurrency": "16", "WebhookReservedConcurrency": "16"}

// runSoak soaks the stack and prints the account.
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
	screen := newSoakScreen(p, flags)
	report, err := soak.Run(ctx, soak.Options{
		Template: flags.template, Parameters: parameters, Events: flags.soak, Seed: flags.seed, Faults: names,
		ClockFactor: flags.clockFactor, Observer: screen, Progress: screen.progress,
	})
	screen.close()
	switch {
	case err != nil && ctx.Err() != nil:
		return &failure{"interrupted: " + err.Error()}
	case err != nil:
		return err
	}
	tellSoak(p.stderr, report)
	fmt.Fprintln(p.stdout, report)
	if err := report.Err(); err != nil {
		return &failure{err.Error()}
	}
	return nil
}

// tellSoak tells people what the line on standard output leaves out.
func tellSoak(w io.Writer, r *soak.Report) {
	var struck, explained []string
	for _, name := range slices.Sorted(maps.Keys(r.Injected)) {
		struck = append(struck, fmt.Sprintf("%s %d", name, r.Injected[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Explained)) {
		explained = append(explained, fmt.Sprintf("%s %d", name, r.Explained[name]))
	}
	if len(struck) > 0 {
		fmt.Fprintf(w, "faults: %s\n", strings.Join(struck, ", "))
	}
	if r.Doubled > 0 {
		fmt.Fprintf(w, "doubled: %d, explained by %s; %d by nothing\n", r.Doubled, strings.Join(explained, ", "), r.Unexplained)
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(w, "warning: %s\n", warning)
	}
	for _, trouble := range r.Troubles {
		fmt.Fprintln(w, trouble)
	}
}

// soakScreen shows how a soak goes: a bar on a terminal, a line every few seconds elsewhere, and the whole story if asked for.
type soakScreen struct {
	story   *story
	verbose bool
	total   int
	screen  io.Writer // the terminal that takes a bar, or nil
	started sync.Once
	bar     *progressbar.ProgressBar
	told    time.Time
}

func newSoakScreen(p process, flags localFlags) *soakScreen {
	s := &soakScreen{story: newStory(p, flags.verbose), verbose: flags.verbose, total: flags.soak}
	if file, ok := p.stderr.(*os.File); ok && !flags.verbose && isTerminal(file) {
		s.screen = file
	}
	return s
}

// Observe implements local.Observer.
func (s *soakScreen) Observe(step activity.Step) {
	opening := step.Kind == activity.Building || step.Kind == activity.Built || step.Kind == activity.Logged
	if s.verbose || opening {
		s.story.Observe(step)
	}
}

func (s *soakScreen) progress(p soak.Progress) {
	const interval = 5 * time.Second
	s.started.Do(func() {
		s.story.isReady()
		if s.screen != nil {
			s.bar = newBar(s.screen, s.total, "events")
		}
	})
	switch {
	case s.bar != nil:
		s.bar.Describe(p.Phase)
		_ = s.bar.Set(p.Ended) // a bar that cannot be drawn is no reason to stop
	case time.Since(s.told) >= interval:
		s.told = time.Now()
		s.story.say("%s: %d of %d events have come to their end", p.Phase, p.Ended, p.Total)
	}
}

func (s *soakScreen) close() { clearBar(s.bar) }
