package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/emulator/aws"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/outcome"
	"github.com/meterbridge/meterbridge/internal/emulator/soak"
)

// soakParameters let a soak run as fast as the machine can, since the sandbox has no limit.
var soakParameters = map[string]string{"StripeRateLimit": "500", "ReconcileRateLimit": "500", "FetcherConcurrency": "16", "WebhookReservedConcurrency": "16"}

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
	report, err := soak.Run(ctx, &soak.Options{
		Template: flags.templates[0], Parameters: parameters, Lenient: flags.lenient, Events: flags.soak, Seed: flags.seed, Faults: names,
		Observer: activity.Observers{screen.outcomes, screen.console}, Opened: screen.opened, Progress: screen.progress,
	})
	screen.end(p, report)
	switch {
	case err != nil && ctx.Err() != nil:
		return &failure{"interrupted: " + err.Error()}
	case err != nil:
		return schemaError(err)
	}
	if err := report.Err(); err != nil {
		return &failure{err.Error()}
	}
	return nil
}

// soakScreen shows the progress of a soak: every step, a bar, or a line every few seconds. At the
// end it prints the account and the report.
type soakScreen struct {
	console  *console
	outcomes *outcome.Tracker
	total    int
	screen   io.Writer // where a bar can be drawn, or nil
	stack    *aws.Stack
	bar      *progressbar.ProgressBar
	printed  time.Time // when the last line was printed
}

func newSoakScreen(p process, flags localFlags) *soakScreen {
	s := &soakScreen{console: newConsole(p, flags.outputFlags), outcomes: outcome.NewTracker(), total: flags.soak}
	s.console.brief = true
	if !flags.verbose && !flags.quiet && flags.output == outputStory {
		s.screen = terminal(p)
	}
	return s
}

// opened is called once the stack runs.
func (s *soakScreen) opened(stack *aws.Stack) {
	s.stack = stack
	s.outcomes.SetFetchQueue(stack.QueueNamedBy(config.FetchQueueURL))
	s.console.ready(namesIn(stack), stack.Clock().Now)
	s.bar = newBar(s.screen, s.total, "events")
}

func (s *soakScreen) progress(p soak.Progress) {
	const interval = 5 * time.Second
	switch {
	case s.bar != nil:
		s.bar.Describe(p.Phase)
		_ = s.bar.Set(p.Ended)
	case time.Since(s.printed) >= interval:
		s.printed = time.Now()
		s.console.note("%s: %d of %d events finished", p.Phase, p.Ended, p.Total)
	}
}

// end prints the account and the report, unless the soak did not get so far.
func (s *soakScreen) end(p process, report *soak.Report) {
	if s.bar != nil {
		_ = s.bar.Clear()
	}
	if s.stack != nil {
		s.console.account(takeAccount(s.outcomes, s.console, s.stack))
	}
	switch {
	case report == nil:
	case s.console.json != nil:
		writeJSON(p.stdout, newSoakResult(report))
	default:
		printSoakDetails(s.console.screen, report)
		fmt.Fprintln(p.stdout, report)
	}
}

// soakResult is the report of a soak in JSON.
type soakResult struct {
	Time      time.Time      `json:"time"`
	Kind      kind           `json:"kind"`
	Sent      int            `json:"sent"`
	Refused   int            `json:"forged_refused"`
	Accepted  int            `json:"accepted"`
	Emitted   int            `json:"emitted"`
	Parked    int            `json:"parked"`
	Lost      int            `json:"lost"`
	Doubled   int            `json:"doubled"`
	Forged    int            `json:"forged_accepted"`
	Seconds   float64        `json:"seconds"`
	Faults    map[string]int `json:"faults"`    // how often each struck
	Explained map[string]int `json:"explained"` // doubled events by explanation
	Backlog   int            `json:"backlog"`   // the most messages that waited for the fetcher at once
	Memory    map[string]int `json:"memory_mb"` // peak of the largest process of each function
	Warnings  []string       `json:"warnings,omitempty"`
	Troubles  []string       `json:"troubles,omitempty"` // events for which a guarantee was broken
}

func newSoakResult(r *soak.Report) soakResult {
	result := soakResult{
		Time: time.Now(), Kind: kindSoak, Sent: r.Sent, Refused: r.Refused, Accepted: r.Accepted, Emitted: r.Emitted, Parked: r.Parked, Lost: r.Lost,
		Doubled: r.Doubled, Forged: r.ForgedAccepted, Seconds: r.Seconds, Faults: r.Injected, Explained: r.Explained, Warnings: r.Warnings,
		Backlog: r.Backlog, Memory: megabytes(r.FunctionMemory),
	}
	for _, trouble := range r.Troubles {
		result.Troubles = append(result.Troubles, trouble.String())
	}
	return result
}

// printSoakDetails prints details that are not in the line on standard output.
func printSoakDetails(s *screen, r *soak.Report) {
	if len(r.Injected) > 0 {
		s.text("faults: %s", counted(r.Injected))
	}
	if r.Doubled > 0 {
		s.text("emitted more than once: %d; explanations: %s; without explanation: %d", r.Doubled, counted(r.Explained), r.Unexplained)
	}
	s.text("most messages that waited for the fetcher at once: %d", r.Backlog)
	if r.StackMemory > 0 {
		s.text("peak memory in MB: %d in this process, which emulates AWS and Stripe; in a function %s", r.StackMemory>>20, counted(megabytes(r.FunctionMemory)))
	}
	for _, warning := range r.Warnings {
		s.text("warning: %s", warning)
	}
	for _, trouble := range r.Troubles {
		s.text("%s", trouble)
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
