package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/meterbridge/meterbridge/internal/deployed"
	"github.com/meterbridge/meterbridge/internal/redrive"
)

// redriveFlags are the flags of "meterbridge redrive".
type redriveFlags struct {
	stackFlags
	opts redrive.Options
	json bool
}

const redriveHelp = `Bring dead letters back to where they failed to arrive, once what stopped them is mended.

DeadLetters holds what the fetcher parked and what SQS gave up: it goes back to the fetcher's queue, unchanged.
RuleDeadLetters holds what a rule could not deliver: it goes to the fetcher's queue if the rule wanted it there, and back
to the bus otherwise, where the rules match again. Each queue that is known is gone through once.

A letter is deleted only after its successor is confirmed. Interrupt it at any time, or kill it, and run it again: nothing
is lost, and what comes twice the ledger collapses. Letters that no flag chooses stay, and are visible again at the end.
A letter that fails again during the run is left for you to look at.

` + addressHelp + `

Reasons are the fetcher's words (not_found, refused, no_event, mismatch, unsafe, malformed, invalid_data, too_large,
not_carried, wrong_source; after 50 tries also unavailable, auth, rate_limited, not_stored), EventBridge's error codes (NO_PERMISSIONS, …), gave_up for what SQS gave up, and unknown.

Exit status: 0 all that was chosen is back; 1 some is not, or it was interrupted; 2 it could not run.`

const redriveExamples = `  sam list stack-outputs --stack-name meterbridge --output json > outputs.json
  meterbridge redrive --outputs outputs.json --dry-run              what there is, and why
  meterbridge redrive --outputs outputs.json --reason not_found --limit 10
  meterbridge redrive --outputs outputs.json --rate 15
  meterbridge redrive --outputs outputs.json --dry-run --json | jq -r 'select(.event_id).reason' | sort | uniq -c`

// defaultRate leaves more than half of Stripe's 25 requests a second to live traffic.
const defaultRate = 10

func newRedrive(p process) *cobra.Command {
	var flags redriveFlags
	command := &cobra.Command{
		Use:     "redrive",
		Short:   "Bring dead letters back, after what stopped them is mended",
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
	f.IntVar(&flags.opts.Limit, "limit", 0, "bring back at most so many (default: all)")
	f.Float64Var(&flags.opts.Rate, "rate", defaultRate, "letters a second, each of which becomes a request to Stripe; 0 is no limit")
	f.BoolVar(&flags.opts.DryRun, "dry-run", false, "list what would be brought back, and leave it")
	f.BoolVar(&flags.json, "json", false, "print a JSON object for each letter, and one with the counts")
	return command
}

func runRedrive(ctx context.Context, p process, flags redriveFlags) error {
	stack, err := flags.resolve(p)
	if err == nil {
		err = needForRedrive(stack)
	}
	if err != nil {
		return err
	}
	service, err := deployed.AWS(ctx)
	if err != nil {
		return err
	}
	report := newRedriveReport(p, flags)
	flags.opts.Report = report.letter
	redriver, err := redrive.New(service, stack, &flags.opts)
	if err != nil {
		return err
	}
	if report.wantsTotal() {
		// Without a total there is no bar, and that is all.
		total, _ := redriver.Pending(ctx)
		report.expect(total)
	}
	counts, err := redriver.Run(ctx)
	report.end(counts)
	return judgeRedrive(counts, err)
}

// needForRedrive returns an error that says what is missing. One of the two queues of dead letters is enough.
func needForRedrive(stack deployed.Stack) error {
	needed := []address{addressQueue}
	if stack.RuleDeadLetters != "" {
		needed = append(needed, addressBus)
	}
	if stack.RuleDeadLetters == "" {
		needed = append(needed, addressDeadLetters)
	}
	return need(stack, needed...)
}

func judgeRedrive(counts redrive.Counts, err error) error {
	const again = "nothing is lost: run it again to go on"
	switch {
	case errors.Is(err, context.Canceled):
		return &failure{"interrupted; " + again}
	case err != nil:
		return &failure{fmt.Sprintf("%v; %s", err, again)}
	case counts.Failed > 0:
		return &failure{fmt.Sprintf("letters that could not be brought back, and stay where they are: %d", counts.Failed)}
	case counts.Returned > 0:
		return &failure{fmt.Sprintf("letters that failed again during the run, and stay: %d; look at their reasons with --dry-run", counts.Returned)}
	case counts.Undeleted > 0:
		return &failure{fmt.Sprintf("letters that were brought back but not deleted: %d; the next run brings them back once more, which the ledger collapses", counts.Undeleted)}
	}
	return nil
}
