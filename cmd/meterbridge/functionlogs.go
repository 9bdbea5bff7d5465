package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/meterbridge/meterbridge/internal/awsctl"
)

type logsFlags struct {
	target
	since    time.Duration
	match    []string
	trouble  bool
	follow   bool
	interval time.Duration
	json     bool
}

const logsHelp = `Show what the functions have logged: all of them, or those that are named (webhook, fetcher, reconciler).

Metrics are left out; see meterbridge stats. Lines about deliveries alone, which meterbridge events tail shows, are shown too.
With --json each line is as the function has logged it, with the function's name.

` + targetHelp

func newLogs(p process) *cobra.Command {
	var flags logsFlags
	command := &cobra.Command{
		Use: "logs [FUNCTION…]", Short: "Show what the functions have logged", Long: logsHelp,
		Example: "  meterbridge logs fetcher --stack meterbridge --trouble --since 2h\n  meterbridge logs --stack meterbridge --match evt_… --since 48h\n  meterbridge logs --local --follow",
		RunE: func(command *cobra.Command, functions []string) error {
			return showLogs(command.Context(), p, flags, functions)
		},
		ValidArgs: awsctl.Functions(),
	}
	flags.add(command)
	f := command.Flags()
	f.DurationVar(&flags.since, "since", time.Hour, "begin this long ago")
	f.StringArrayVar(&flags.match, "match", nil, "only lines with this text; may be repeated")
	f.BoolVar(&flags.trouble, "trouble", false, "only warnings, errors, crashes and timeouts")
	f.BoolVarP(&flags.follow, "follow", "f", false, "go on with new lines, until you press Ctrl-C")
	f.DurationVar(&flags.interval, "interval", 2*time.Second, "with --follow: how often to ask CloudWatch")
	f.BoolVar(&flags.json, "json", false, "print a JSON object on each line")
	return command
}

func showLogs(ctx context.Context, p process, flags logsFlags, functions []string) error {
	if flags.interval < 100*time.Millisecond || flags.since < 0 {
		return errors.New("--interval must be 100ms or more, and --since not negative")
	}
	for _, name := range functions {
		if !slices.Contains(awsctl.Functions(), name) {
			return fmt.Errorf("%s is not a function: choose from %s", name, strings.Join(awsctl.Functions(), ", "))
		}
	}
	stack, err := flags.open(ctx)
	if err != nil {
		return err
	}
	screen, shown := newScreen(p, p.stdout), 0
	show := func(line awsctl.Line) {
		if len(functions) > 0 && !slices.Contains(functions, line.Function) || isMetric(line.Text) || flags.trouble && !isTrouble(line.Text) {
			return
		}
		shown++
		showLine(p, screen, line, flags.json)
	}
	from := time.Now().Add(-flags.since)
	if flags.follow {
		for line, err := range stack.Follow(ctx, from, flags.interval, interrupted(p), flags.match...) {
			if err != nil {
				return err
			}
			show(line)
		}
		return nil
	}
	lines, err := stack.Lines(ctx, from, time.Now().Add(time.Minute), flags.match...)
	if err != nil {
		return err
	}
	for _, line := range lines {
		show(line)
	}
	if shown == 0 && !flags.json {
		fmt.Fprintf(p.stderr, "No such lines in the last %s.\n", duration(flags.since))
	}
	return nil
}

// isTrouble reports whether a line is a warning or an error of a function, or Lambda's about one that
// crashed, was stopped or did not start. With logs in JSON, which the template sets, Lambda reports
// that in lines of its own:
// https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
func isTrouble(text string) bool {
	var line struct {
		Type   string
		Record struct{ Status string }
	}
	if json.Unmarshal([]byte(text), &line) == nil && strings.HasPrefix(line.Type, "platform.") {
		status := line.Record.Status
		return line.Type == "platform.logsDropped" || status != "" && status != "success"
	}
	return slices.ContainsFunc([]string{
		`"level":"WARN"`, `"level":"ERROR"`, "Task timed out", "Runtime exited", "panic:", "signal: killed",
	}, func(part string) bool { return strings.Contains(text, part) })
}
