package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/meterbridge/meterbridge/internal/connect"
)

const pingHelp = `Ask Stripe for a test event, and follow it until its full event is on the bus.

It shows that the whole way works: Stripe's destination, the webhook and its secret, the bus, the queue, the fetcher and its key.
` + targetHelp + `

Exit status:
  0  the full event is on the bus
  1  it is not
  2  the command could not run`

type pingFlags struct {
	destinationFlags
	destination string
}

func newPing(p process) *cobra.Command {
	var flags pingFlags
	command := &cobra.Command{
		Use:   "ping",
		Short: "Send a test event through Stripe and the stack, and follow it",
		Long:  pingHelp,
		Args:  cobra.NoArgs,
		RunE:  func(command *cobra.Command, _ []string) error { return runPing(command.Context(), p, flags) },
	}
	flags.add(command)
	f := command.Flags()
	f.StringVar(&flags.destination, "destination", "", "id of the destination (default: the one that sends to the stack)")
	f.DurationVar(&flags.wait, "wait", 90*time.Second, "how long to wait for the event")
	f.BoolVar(&flags.json, "json", false, "print a JSON document")
	return command
}

func runPing(ctx context.Context, p process, flags pingFlags) error {
	if err := checkWait(flags.wait); err != nil {
		return err
	}
	if flags.name == "" && flags.folder == "" {
		return errNoTarget
	}
	var args []string
	if flags.destination != "" {
		args = append(args, flags.destination)
	}
	in, err := openDestination(ctx, p, &flags.destinationFlags, args)
	if err != nil {
		return err
	}
	events, err := in.stack.Ledger()
	if err != nil {
		return err
	}
	screen := newScreen(p, p.stdout)
	connector := connect.New(in.destinations, nil, events, connect.Options{URL: in.url, Report: func(s connect.Step) {
		if !flags.json {
			showStep(screen, s)
		}
	}})
	ping, err := connector.Prove(ctx, in.id, flags.wait)
	if err != nil {
		return connectError(err)
	}
	trip := follow(ctx, in.stack, ping)
	if flags.json {
		writeJSON(p.stdout, trip)
		return nil
	}
	trip.show(screen)
	return nil
}

// checkWait checks how long to wait for a ping. After five minutes the reconciler would republish one
// that the webhook has refused, so that its arrival would show nothing.
func checkWait(wait time.Duration) error {
	if wait <= 0 || wait > 4*time.Minute {
		return fmt.Errorf("--wait %s: want more than 0, and at most 4m", wait)
	}
	return nil
}
