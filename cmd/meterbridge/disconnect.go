package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/meterbridge/meterbridge/internal/connect"
)

type disconnectFlags struct {
	target
	dryRun, json bool
}

const disconnectHelp = `Delete the event destination that meterbridge connect has made for a stack, so that Stripe stops sending.

Stripe drops the deliveries that it would still repeat. The stack, its secrets and what is in its queues stay; nothing is
signed with the stored secret any more. Destinations that were made in another way are left alone: see meterbridge destinations.

` + targetHelp

func newDisconnect(p process) *cobra.Command {
	var flags disconnectFlags
	command := &cobra.Command{
		Use:   "disconnect",
		Short: "Make Stripe stop sending events to a stack",
		Long:  disconnectHelp,
		Args:  cobra.NoArgs,
		RunE:  func(command *cobra.Command, _ []string) error { return runDisconnect(command.Context(), p, flags) },
	}
	flags.addAct(command)
	f := command.Flags()
	f.BoolVar(&flags.dryRun, "dry-run", false, "tell what would be deleted")
	f.BoolVar(&flags.json, "json", false, "print a JSON document with what was deleted")
	return command
}

func runDisconnect(ctx context.Context, p process, flags disconnectFlags) error {
	stack, err := flags.open(ctx)
	if err != nil {
		return err
	}
	url, err := stack.Output("WebhookUrl")
	if err != nil {
		return err
	}
	account, err := openAccount(ctx, p, flags.found)
	if err != nil {
		return err
	}
	connector := connect.New(account.destinations, nil, nil, connect.Options{Stack: stack.ID, URL: url})
	found, err := connector.Find(ctx)
	if err != nil {
		return connectError(err)
	}
	var ids []string
	for _, d := range found.Own {
		ids = append(ids, d.ID)
	}
	if len(ids) > 0 && !flags.dryRun {
		if !stack.IsLocal() {
			question := fmt.Sprintf("Delete %s, which sends events of %s mode to %s?", strings.Join(ids, ", "), account.mode, where(stack))
			if err := p.confirm(ctx, question, flags.yes); err != nil {
				return err
			}
		}
		if ids, err = connector.Disconnect(ctx); err != nil {
			return connectError(err)
		}
	}
	if flags.json {
		writeJSON(p.stdout, struct {
			Stack   string   `json:"stack"`
			Mode    mode     `json:"mode"`
			DryRun  bool     `json:"dry_run,omitempty"`
			Deleted []string `json:"deleted"`
		}{stack.Name, account.mode, flags.dryRun, append([]string{}, ids...)})
		return nil
	}
	screen := newScreen(p, p.stdout)
	verb := map[bool]string{false: "deleted   ", true: "would delete "}[flags.dryRun]
	for _, id := range ids {
		screen.text("%s%s", verb, id)
	}
	if len(ids) == 0 {
		screen.text("In %s mode, there is no destination that meterbridge connect has made for this stack.", account.mode)
	}
	return nil
}
