package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/meterbridge/meterbridge/internal/redrive"
	"github.com/meterbridge/meterbridge/internal/stack"
)

type redriveFlags struct {
	stackFlags
	opts redrive.Options
	json bool
}

const redriveHelp = `Send dead letters back to the queue or bus that they were meant for, after the cause has been fixed.

DeadLetters contains the events that the fetcher parked and those that SQS gave up. They go back to the fetcher's queue,
unchanged. RuleDeadLetters contains the events that a rule could not deliver. They go to the fetcher's queue if that was the
rule's target, and otherwise back on the bus, where all rules are matched again. The command reads each queue whose address
it knows, once.

A letter is deleted only after its copy has been confirmed. You can interrupt or kill the command at any time and run it
again: nothing is lost, and the ledger recognizes events that were sent twice. Letters that the flags do not select stay in
their queue and are visible again when the command ends. A letter that fails again during the run is left in its queue.

` + addressHelp + `

A reason is one of the fetcher's (not_found, refused, no_event, mismatch, unsafe, malformed, too_large,
not_carried, wrong_source; after 50 tries also unavailable, auth, rate_limited, not_stored), an error code of EventBridge
(NO_PERMISSIONS, …), gave_up if SQS gave up the event, or unknown.

Exit status:
  0  all selected letters were redriven
  1  some were not, or the command was interrupted
  2  the command could not run`

const redriveExamples = `  sam list stack-outputs --stack-name meterbridge --output json > outputs.json
  meterbridge redrive --outputs outputs.json --dry-run              list the letters and their reasons
  meterbridge redrive --outputs outputs.json --reason not_found --limit 10
  meterbridge redrive --outputs outputs.json --rate 15
  meterbridge redrive --outputs outputs.json --dry-run --json | jq -r 'select(.event_id).reason' | sort | uniq -c`

// defaultRate, in events a second, leaves live traffic most of Stripe's 25 requests.
const defaultRate = 10

func newRedrive(p process) *cobra.Command {
	var flags redriveFlags
	command := &cobra.Command{
		Use:     "redrive",
		Short:   "Send dead letters back, after their cause has been fixed",
		Long:    redriveHelp,
		Example: redriveExamples,
		Args:    cobra.NoArgs,
		RunE:    func(command *cobra.Command, _ []string) error { return runRedrive(command.Context(), p, flags) },
	}
	flags.add(command, addressQueue, addressDeadLetters, addressRuleDeadLetters, addressBus)
	f := command.Flags()
	f.StringArrayVar(&flags.opts.Types, "type", nil, "only events of this type; may be repeated")
	f.StringArrayVar(&flags.opts.Reasons, "reason", nil, "only letters with this reason; may be repeated")
	f.StringArrayVar(&flags.opts.Events, "event", nil, "only the event with this id; may be repeated")
	f.IntVar(&flags.opts.Limit, "limit", 0, "redrive at most this many letters (default: all)")
	f.Float64Var(&flags.opts.Rate, "rate", defaultRate, "letters a second, each of which causes a request to Stripe; 0 means no limit")
	f.BoolVar(&flags.opts.DryRun, "dry-run", false, "only list the letters that would be redriven")
	f.BoolVar(&flags.json, "json", false, "print a JSON object for each letter, and one with the counts")
	return command
}

func runRedrive(ctx context.Context, p process, flags redriveFlags) error {
	where, err := flags.resolve(ctx, p)
	if err == nil {
		err = needForRedrive(where)
	}
	if err != nil {
		return err
	}
	service, err := stack.OperatorConfig(ctx, flags.emulator())
	if err != nil {
		return err
	}
	report := &report{out: p.stdout, json: flags.json}
	flags.opts.Report = report.letter
	redriver, err := redrive.New(service, where, &flags.opts)
	if err != nil {
		return err
	}
	if screen := terminal(p); screen != nil && !flags.opts.DryRun {
		total, _, _ := redriver.Count(ctx) // if it is unknown, there is no bar
		report.bar = newBar(screen, total, "letters")
	}
	counts, err := redriver.Run(ctx)
	result := redriveCounts{Counts: counts, Left: left(ctx, redriver)}
	report.end(result, redriveSummary(result, flags.opts.DryRun))
	return redriveResult(counts, err)
}

// redriveCounts are the counts of a run, and how many letters are in the queues after it.
type redriveCounts struct {
	redrive.Counts
	Left *int `json:"left,omitempty"` // approximately; nil if it is not known
}

// left returns how many letters are left, also after an interrupt.
func left(ctx context.Context, redriver *redrive.Redriver) *int {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, n, err := redriver.Count(ctx)
	if err != nil {
		return nil
	}
	return &n
}

// needForRedrive names the missing addresses. One queue of dead letters is enough.
func needForRedrive(where stack.Addresses) error {
	if where.RuleDeadLetters != "" {
		return need(where, addressQueue, addressBus)
	}
	return need(where, addressQueue, addressDeadLetters)
}

func redriveResult(counts redrive.Counts, err error) error {
	const again = "nothing is lost: run the command again to continue"
	switch {
	case errors.Is(err, context.Canceled):
		return &failure{"interrupted; " + again}
	case err != nil:
		return &failure{fmt.Sprintf("%v; %s", err, again)}
	case counts.Failed > 0:
		return &failure{fmt.Sprintf("letters not redriven, which stay in their queue: %d", counts.Failed)}
	case counts.Returned > 0:
		return &failure{fmt.Sprintf("letters that failed again during the run, which stay in their queue: %d; list their reasons with --dry-run", counts.Returned)}
	case counts.Undeleted > 0:
		return &failure{fmt.Sprintf("letters redriven but not deleted: %d; the next run redrives them again, which the ledger recognizes", counts.Undeleted)}
	}
	return nil
}

// letter reports a selected letter. If there is a bar, it does not print successes.
func (r *report) letter(l redrive.Letter, outcome redrive.Outcome, err error) {
	if outcome != redrive.Skipped && (r.json || r.bar == nil || outcome != redrive.Redriven) {
		r.item(struct {
			Outcome redrive.Outcome `json:"outcome"`
			redrive.Letter
			Error string `json:"error,omitempty"`
		}{outcome, l, errorText(err)}, letterLine(l, outcome, err))
	}
	if r.bar != nil {
		_ = r.bar.Add(1)
	}
}

func letterLine(l redrive.Letter, outcome redrive.Outcome, err error) string {
	line := fmt.Sprintf("%-8s  %s  %s  %s", outcome, cmp.Or(l.EventID, "(no event)"), cmp.Or(l.Type, "(no type)"), l.Reason)
	if l.Attempts > 0 {
		line += fmt.Sprintf("  after %d attempts", l.Attempts)
	}
	if !l.FirstSeen.IsZero() {
		line += "  since " + l.FirstSeen.UTC().Format(time.RFC3339)
	}
	if text := cmp.Or(errorText(err), l.LastError); text != "" {
		line += ": " + text
	}
	return line
}

func redriveSummary(c redriveCounts, dryRun bool) string {
	line := fmt.Sprintf("letters: %d seen, %d redriven", c.Seen, c.Redriven)
	if dryRun {
		line = fmt.Sprintf("letters: %d seen, %d would be redriven", c.Seen, c.Matched)
	}
	for _, part := range []struct {
		n    int
		text string
	}{
		{c.Skipped, "skipped"},
		{c.Failed, "failed"},
		{c.Returned, "failed again"},
		{c.Undeleted, "redriven but not deleted"},
	} {
		if part.n > 0 {
			line += fmt.Sprintf(", %d %s", part.n, part.text)
		}
	}
	if c.Left != nil && *c.Left > 0 && !dryRun {
		line += fmt.Sprintf("; about %d left", *c.Left)
	}
	return line
}
