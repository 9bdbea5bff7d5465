package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/meterbridge/meterbridge/internal/awsctl"
)

type tailFlags struct {
	target
	since    time.Duration
	interval time.Duration
	once     bool
	event    string
	json     bool
}

const tailHelp = `Follow what the functions log about events, until you press Ctrl-C.

There is a line for each delivery that the webhook answered and for each event that the fetcher handled. CloudWatch has them
some seconds late. With --json each line is as the function has logged it, with the function's name.

` + targetHelp

func newEventsTail(p process) *cobra.Command {
	var flags tailFlags
	command := &cobra.Command{
		Use: "tail", Short: "Follow events as the functions log them", Long: tailHelp, Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return tailEvents(command.Context(), p, flags) },
	}
	flags.add(command)
	f := command.Flags()
	f.DurationVar(&flags.since, "since", 10*time.Minute, "begin this long ago")
	f.DurationVar(&flags.interval, "interval", 2*time.Second, "how often to ask CloudWatch")
	f.BoolVar(&flags.once, "once", false, "print what there is and end")
	f.StringVar(&flags.event, "event", "", "only the event with this id")
	f.BoolVar(&flags.json, "json", false, "print a JSON object on each line")
	return command
}

func tailEvents(ctx context.Context, p process, flags tailFlags) error {
	if flags.interval < 100*time.Millisecond || flags.since < 0 {
		return errors.New("--interval must be 100ms or more, and --since not negative")
	}
	stack, err := flags.open(ctx)
	if err != nil {
		return err
	}
	words := []string{"delivery"} // without quotes, so that no filter pattern has to escape any
	if flags.event != "" {
		words = append(words, flags.event)
	}
	screen := newScreen(p, p.stdout)
	from := time.Now().Add(-flags.since)
	if flags.once {
		lines, err := stack.Lines(ctx, from, time.Now().Add(time.Minute), words...)
		for _, line := range lines {
			showDelivery(p, screen, line, flags.json)
		}
		return err
	}
	if !flags.json {
		fmt.Fprintf(p.stderr, "Following %s. Press Ctrl-C to end.\n", where(stack))
	}
	for line, err := range stack.Follow(ctx, from, flags.interval, interrupted(p), words...) {
		if err != nil {
			return err
		}
		showDelivery(p, screen, line, flags.json)
	}
	return nil
}

// interrupted returns a function that tells that lines are missing for now.
func interrupted(p process) func(error) {
	return func(err error) {
		fmt.Fprintf(p.stderr, "CloudWatch does not answer, and is asked again: %v\n", err)
	}
}

// showDelivery shows a line about a delivery, and no other.
func showDelivery(p process, screen *screen, line awsctl.Line, asJSON bool) {
	if _, ok := parseLogLine(line.Text); ok {
		showLine(p, screen, line, asJSON)
	}
}
