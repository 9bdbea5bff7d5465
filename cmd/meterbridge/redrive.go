package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/meterbridge/meterbridge/internal/redrive"
	"github.com/meterbridge/meterbridge/internal/stack"
)

type redriveFlags struct {
	stackFlags
	opts        redrive.Options
	apply, json bool
}

const redriveHelp = `Show the dead letters by reason or, with --apply, send them back to the queue or bus that they were meant for. Do that after the
cause has been fixed. --dry-run lists them one by one. --discard deletes them, for events that nobody needs any more.

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
  0  all selected letters were shown, redriven or discarded
  1  some were not, or the command was interrupted
  2  the command could not run`

const redriveExamples = `  meterbridge redrive --stack meterbridge                       the reasons, and how many letters have each
  meterbridge redrive --stack meterbridge --dry-run --reason not_found
  meterbridge redrive --stack meterbridge --apply --reason not_found --limit 10
  meterbridge redrive --stack meterbridge --apply --rate 15
  meterbridge redrive --stack meterbridge --discard --event evt_…`

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
	f.BoolVar(&flags.apply, "apply", false, "send the letters back")
	f.BoolVar(&flags.opts.Discard, "discard", false, "delete the letters without sending them")
	f.BoolVar(&flags.opts.DryRun, "dry-run", false, "only list the letters that would be redriven")
	f.BoolVarP(&flags.yes, "yes", "y", false, "do not ask for confirmation")
	f.BoolVar(&flags.json, "json", false, "print a JSON object for each letter, and one with the counts")
	command.MarkFlagsMutuallyExclusive("apply", "discard", "dry-run")
	return command
}

func runRedrive(ctx context.Context, p process, flags redriveFlags) error {
	addresses, err := flags.resolve(ctx, p)
	if err == nil {
		err = needForRedrive(addresses)
	}
	if err != nil {
		return err
	}
	service, err := stack.OperatorConfig(ctx, emulator(flags.found))
	if err != nil {
		return err
	}
	if !flags.apply && !flags.opts.Discard {
		return showLetters(ctx, p, flags, func(o *redrive.Options) (*redrive.Redriver, error) { return redrive.New(service, addresses, o) })
	}
	report := &report{out: p.stdout, json: flags.json}
	flags.opts.Report = report.letter
	redriver, err := redrive.New(service, addresses, &flags.opts)
	if err != nil {
		return err
	}
	if err := flags.confirm(ctx, p); err != nil {
		return err
	}
	if screen := terminal(p); screen != nil {
		total, _, _ := redriver.Count(ctx) // if it is unknown, there is no bar
		report.bar = newBar(screen, total, "letters")
	}
	counts, err := redriver.Run(ctx)
	result := redriveCounts{Counts: counts, Left: left(ctx, redriver)}
	report.end(result, redriveSummary(result))
	return redriveResult(counts, err)
}

// confirm asks before letters of a deployed stack are sent, and before any are deleted for good.
func (f *redriveFlags) confirm(ctx context.Context, p process) error {
	of := "the stack"
	switch {
	case f.deployed != nil:
		of = where(f.deployed)
	case !f.opts.Discard:
		return nil
	}
	switch {
	case f.opts.Discard:
		return p.confirm(ctx, fmt.Sprintf("Delete the selected dead letters of %s for good?", of), f.yes)
	case f.deployed.IsLocal():
		return nil
	}
	return p.confirm(ctx, fmt.Sprintf("Send the selected dead letters of %s back?", of), f.yes)
}

// showLetters shows the letters that the flags select, and leaves them: one by one, or their reasons.
func showLetters(ctx context.Context, p process, flags redriveFlags, open func(*redrive.Options) (*redrive.Redriver, error)) error {
	list := flags.opts.DryRun || flags.json
	report, reasons := &report{out: p.stdout, json: flags.json}, reasons{}
	flags.opts.DryRun = true
	flags.opts.Report = func(l redrive.Letter, outcome redrive.Outcome, err error) {
		if list {
			report.letter(l, outcome, err)
		}
		if outcome == redrive.Matched {
			reasons.add(l)
		}
	}
	redriver, err := open(&flags.opts)
	if err != nil {
		return err
	}
	counts, err := redriver.Run(ctx)
	if list {
		report.end(redriveCounts{Counts: counts}, fmt.Sprintf("letters: %d seen, %d would be redriven", counts.Seen, counts.Matched))
	} else {
		reasons.show(newScreen(p, p.stdout))
	}
	return redriveResult(counts, err)
}

// reasons are dead letters by reason.
type reasons map[string]*letters

type letters struct {
	count  int
	oldest time.Time
	types  map[string]int
	event  string // one of them
	fault  string // its last error
}

func (r reasons) add(l redrive.Letter) {
	of := r[l.Reason]
	if of == nil {
		of = &letters{types: map[string]int{}}
		r[l.Reason] = of
	}
	of.count++
	of.types[cmp.Or(l.Type, "(no type)")]++
	if by := l.FirstSeen.Compare(of.oldest); !l.FirstSeen.IsZero() && (of.oldest.IsZero() || by < 0 || by == 0 && l.EventID < of.event) {
		of.oldest, of.event, of.fault = l.FirstSeen, l.EventID, l.LastError
	}
}

func (r reasons) show(s *screen) {
	total := 0
	for _, reason := range slices.SortedFunc(maps.Keys(r), func(a, b string) int { return cmp.Or(cmp.Compare(r[b].count, r[a].count), cmp.Compare(a, b)) }) {
		of := r[reason]
		total += of.count
		s.line(s.paint(bad, pad(fmt.Sprint(of.count), 6))+"  ", 8, withWords(reason))
		for _, t := range slices.Sorted(maps.Keys(of.types)) {
			s.line(pad("", 8), 8, fmt.Sprintf("%d × %s", of.types[t], t))
		}
		if !of.oldest.IsZero() {
			s.line(pad("", 8), 8, strings.TrimSuffix(fmt.Sprintf("oldest %s of %s UTC: %s", of.event, of.oldest.UTC().Format(time.DateTime), of.fault), ": "))
		}
	}
	if total == 0 {
		s.text("There are no dead letters.")
		return
	}
	s.text("%s. List them with --dry-run. Once the cause is fixed, send them back with --apply.", count(total, "dead letter"))
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
		return &failure{fmt.Sprintf("letters that were not deleted: %d; the next run finds them again, and the ledger recognizes those that were redriven", counts.Undeleted)}
	}
	return nil
}

// letter reports a selected letter. If there is a bar, it does not print successes.
func (r *report) letter(l redrive.Letter, outcome redrive.Outcome, err error) {
	if outcome != redrive.Skipped && (r.json || r.bar == nil || outcome != redrive.Redriven && outcome != redrive.Discarded) {
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
	if text := errorText(err); text != "" {
		l.LastError = text
	}
	return fmt.Sprintf("%-8s  %s  %s  %s", outcome, cmp.Or(l.EventID, "(no event)"), cmp.Or(l.Type, "(no type)"), aboutLetter(l))
}

// aboutLetter tells why a letter is one.
func aboutLetter(l redrive.Letter) string {
	text := l.Reason
	if l.Attempts > 0 {
		text += fmt.Sprintf("  after %d attempts", l.Attempts)
	}
	if !l.FirstSeen.IsZero() {
		text += "  since " + l.FirstSeen.UTC().Format(time.RFC3339)
	}
	if l.LastError != "" {
		text += ": " + l.LastError
	}
	return text
}

func redriveSummary(c redriveCounts) string {
	line := fmt.Sprintf("letters: %d seen, %d redriven", c.Seen, c.Redriven)
	if c.Discarded > 0 {
		line = fmt.Sprintf("letters: %d seen, %d discarded", c.Seen, c.Discarded)
	}
	for _, part := range []struct {
		n    int
		text string
	}{
		{c.Skipped, "skipped"},
		{c.Failed, "failed"},
		{c.Returned, "failed again"},
		{c.Undeleted, "not deleted"},
	} {
		if part.n > 0 {
			line += fmt.Sprintf(", %d %s", part.n, part.text)
		}
	}
	if c.Left != nil && *c.Left > 0 {
		line += fmt.Sprintf("; about %d left", *c.Left)
	}
	return line
}
