package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/meterbridge/meterbridge/internal/awsctl"
	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/reconcile"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

const eventsHelp = `See what becomes of events, and send one again.

` + targetHelp + `

list, show and resend also ask Stripe. The API key, which must be one that may read events, is read from STRIPE_API_KEY or, if
that is not set, is the one in the stack's ApiKeySecret.`

func newEvents(p process) *cobra.Command {
	command := &cobra.Command{Use: "events", Short: "See what becomes of events, and send one again", Long: eventsHelp, Args: cobra.NoArgs}
	command.AddCommand(newEventsTail(p), newEventsList(p), newEventsShow(p), newEventsResend(p))
	return command
}

// eventsClient returns a client that may read events: with the key in the environment, or with the
// stack's own. If live is not nil, it chooses among the keys of the stack.
func eventsClient(ctx context.Context, p process, t *target, stack *awsctl.Stack, live *bool) (*v2events.Client, error) {
	key, _ := p.env("STRIPE_API_KEY")
	own := t.found != nil || key == ""
	if own {
		stored, err := stack.Secret("ApiKeySecretArn")
		if err != nil {
			return nil, err
		}
		version, err := stored.Current(ctx)
		if err != nil {
			return nil, err
		}
		if key, err = chooseKey(version.Value, live); err != nil {
			return nil, err
		}
	}
	if t.found != nil && t.found.StripeAPIKey == "" {
		return nil, errors.New("--local: this stack uses the real Stripe: set STRIPE_API_KEY and use --stack")
	}
	api, err := stripeFor(p, key, t.found)
	if own {
		api, err = stackStripe(p, key, stack, t.found)
	}
	if err != nil {
		return nil, err
	}
	return v2events.NewClient(api), nil
}

// chooseKey returns the stored key of a mode; nil means test if there is a key for it.
func chooseKey(value string, live *bool) (string, error) {
	modes := []mode{modeTest, modeLive}
	if live != nil {
		modes = []mode{map[bool]mode{false: modeTest, true: modeLive}[*live]}
	}
	for _, in := range modes {
		key, err := storedKey(value, in)
		if key != "" || err != nil {
			return key, err
		}
	}
	return "", errors.New("no API key: set STRIPE_API_KEY, or store one in the stack with meterbridge secrets put api-key")
}

// liveID tells the mode of an event by its id, and nil if the id does not show it. Stripe's ids of
// test events begin with evt_test_.
func liveID(id string) *bool {
	if len(id) > len("evt_test_") && id[:len("evt_test_")] == "evt_test_" {
		return new(false)
	}
	return nil
}

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
	from, to, err := parseWindow(flags.since, flags.until, time.Now())
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
		if err := p.confirm(ctx, fmt.Sprintf("Put the %s event %s on the bus of %s?", form, id, where(found)), flags.yes); err != nil {
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

// eventError adds what to do next.
func eventError(err error) error {
	switch {
	case errors.Is(err, stripeapi.ErrNotFound):
		return &failure{fmt.Sprintf("%v; Stripe keeps events for 30 days, and shows one only to keys of its own account and mode; --context names another account", err)}
	case errors.Is(err, stripeapi.ErrPermission), errors.Is(err, stripeapi.ErrAuthentication):
		return &failure{fmt.Sprintf("%v; the key must be one of this account that may read events", err)}
	}
	return connectError(err)
}
