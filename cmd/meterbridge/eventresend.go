package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/meterbridge/meterbridge/internal/awsctl"
	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/reconcile"
)

type resendFlags struct {
	target
	context string
	json    bool
}

const resendHelp = `Take an event from Stripe and put it on the stack's bus again.

An event that the stack has emitted is put on the bus as the full event, so that consumers get it a second time, with the same
id. Any other is put on the bus as a thin event, as if Stripe had delivered it again, and the fetcher handles it.

` + targetHelp

func newEventsResend(p process) *cobra.Command {
	var flags resendFlags
	command := &cobra.Command{
		Use: "resend ID", Short: "Put an event on the bus again", Long: resendHelp, Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			return resendEvent(command.Context(), p, flags, args[0])
		},
	}
	flags.addAct(command)
	f := command.Flags()
	f.StringVar(&flags.context, "context", "", "account of the event, if that is not the key's own")
	f.BoolVar(&flags.json, "json", false, "print a JSON document")
	return command
}

func resendEvent(ctx context.Context, p process, flags resendFlags, id string) error {
	found, err := flags.open(ctx)
	if err != nil {
		return err
	}
	client, err := eventsClient(ctx, p, &flags.target, found, liveID(id))
	if err != nil {
		return err
	}
	events, err := found.Ledger()
	if err != nil {
		return err
	}
	e, err := client.InContext(flags.context).Retrieve(ctx, id)
	if err != nil {
		return eventError(err)
	}
	record, err := events.Look(ctx, ledger.Event{ID: id, Context: flags.context})
	if err != nil {
		return err
	}
	entry, form := reconcile.Entry(e), "thin"
	if record.Phase == ledger.Emitted {
		entry.Source, entry.Detail, form = bus.SourceEvent, e.Raw, "full"
	}
	if !found.IsLocal() {
		if err := p.confirm(ctx, fmt.Sprintf("Put the %s event %s of %s mode on the bus of %s?", form, id, modeOf(e.Livemode), where(found)), flags.yes); err != nil {
			return err
		}
	}
	on, err := found.Bus()
	if err != nil {
		return err
	}
	if err := errors.Join(on.Put(ctx, []bus.Entry{entry})...); err != nil {
		return &failure{awsctl.Explain(err).Error()}
	}
	if flags.json {
		writeJSON(p.stdout, map[string]string{"event_id": id, "form": form, "type": e.Type})
		return nil
	}
	newScreen(p, p.stdout).text("The %s event %s is on the bus.", form, id)
	return nil
}
