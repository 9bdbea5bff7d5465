package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

type listEventsFlags struct {
	target
	since, until string
	types        []string
	missing      bool
	limit        int
	json         bool
}

const listHelp = `List the events that Stripe has of the types that the stack fetches, newest first, and what the stack's ledger has of each:

  emitted    its full event is on the bus
  parked     it is in DeadLetters, with a reason; see meterbridge redrive
  deferred   an attempt has failed, and the fetcher tries again
  claimed    the fetcher is at work on it
  missing    the ledger has never seen it; the reconciler republishes it, or meterbridge replay

` + targetHelp

func newEventsList(p process) *cobra.Command {
	var flags listEventsFlags
	command := &cobra.Command{
		Use: "list", Short: "List Stripe's events and what the stack has made of each", Long: listHelp, Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return listEvents(command.Context(), p, flags) },
	}
	flags.add(command)
	f := command.Flags()
	f.StringVar(&flags.since, "since", "24h", "start of the window: an age such as 72h or 30d, or a time such as 2026-11-22T09:00:00Z")
	f.StringVar(&flags.until, "until", "0s", "end of the window, in the same form")
	f.StringArrayVar(&flags.types, "type", nil, "only events of this type; may be repeated")
	f.BoolVar(&flags.missing, "missing", false, "only events that the ledger has never seen: what meterbridge replay would republish")
	f.IntVar(&flags.limit, "limit", 0, "list at most this many events (default: all)")
	f.BoolVar(&flags.json, "json", false, "print a JSON object for each event, and one with the counts")
	return command
}

// listedEvent is an event as events list prints it with --json.
type listedEvent struct {
	EventID string    `json:"event_id"`
	Type    string    `json:"type"`
	Context string    `json:"context,omitempty"`
	Created time.Time `json:"created"`
	State   string    `json:"state"`
	Reason  string    `json:"reason,omitempty"`
}

func listEvents(ctx context.Context, p process, flags listEventsFlags) error {
	from, to, err := parseWindow(flags.since, flags.until, time.Now(), ofStripe)
	switch {
	case err != nil:
		return err
	case flags.limit < 0:
		return errors.New("--limit must not be negative")
	}
	stack, err := flags.open(ctx)
	if err != nil {
		return err
	}
	client, err := eventsClient(ctx, p, &flags.target, stack, nil)
	if err != nil {
		return err
	}
	events, err := stack.Ledger()
	if err != nil {
		return err
	}
	types := flags.types
	if len(types) == 0 {
		types = stack.Types()
	}
	params := v2events.EventListParams{Types: types, Created: v2events.Range{GTE: from, LT: to}}
	screen, counts := newScreen(p, p.stdout), map[string]int{}
	for e, err := range client.List(ctx, params) {
		if err != nil {
			return connectError(err)
		}
		record, err := events.Look(ctx, ledger.Event{ID: e.ID, Context: e.Context})
		if err != nil {
			return err
		}
		state := stateOf(record)
		if flags.missing && record.Phase != "" {
			continue
		}
		counts[state]++
		showListed(p, screen, listedEvent{e.ID, e.Type, e.Context, e.Created.UTC(), state, record.Reason}, flags.json)
		if counts["all"]++; counts["all"] == flags.limit {
			break
		}
	}
	if flags.json {
		writeJSON(p.stdout, map[string]any{"counts": counts})
		return nil
	}
	screen.text("%s", listedSummary(counts))
	return nil
}

// listedSummary returns the counts by state in words.
func listedSummary(counts map[string]int) string {
	text := count(counts["all"], "event")
	for _, state := range []string{"emitted", "parked", "deferred", "claimed", "missing"} {
		if n := counts[state]; n > 0 {
			text += fmt.Sprintf(", %d %s", n, state)
		}
	}
	return text
}

func stateOf(r ledger.Record) string {
	if r.Phase == "" {
		return "missing"
	}
	return string(r.Phase)
}

func showListed(p process, screen *screen, e listedEvent, asJSON bool) {
	if asJSON {
		writeJSON(p.stdout, e)
		return
	}
	m := map[string]meaning{"emitted": good, "parked": bad, "missing": bad}[e.State]
	if m == plain {
		m = notice
	}
	head := e.Created.Format(time.DateTime) + "  " + screen.paint(m, pad(e.State, 9))
	if e.Reason != "" && e.State != "emitted" {
		e.Type = "(" + e.Reason + ") " + e.Type
	}
	screen.line(head, 30, e.EventID+"  "+e.Type)
}
