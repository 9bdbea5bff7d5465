package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/meterbridge/meterbridge/internal/awsctl"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// destinationFlags are the flags of the commands on event destinations. They need a stack only to
// mark its destinations and to follow a ping.
type destinationFlags struct {
	target
	json bool
	wait time.Duration
}

const destinationsHelp = `List, inspect and change the event destinations of a Stripe account: https://docs.stripe.com/event-destinations

The API key is read from STRIPE_API_KEY or asked for. With --stack, or --local, the destinations that send to the stack are
marked, and those commands that act on one can be given without its id.`

func newDestinations(p process) *cobra.Command {
	command := &cobra.Command{
		Use:   "destinations",
		Short: "List, inspect and change the event destinations at Stripe",
		Long:  destinationsHelp,
	}
	var commands []*cobra.Command
	for _, c := range []struct {
		use, short string
		acts       bool
		run        func(context.Context, process, destinationFlags, []string) error
	}{
		{"list", "List the destinations", false, listDestinations},
		{"show [ID]", "Show a destination", false, showDestination},
		{"enable [ID]", "Make Stripe send to a destination again", true, changes("enable", (*v2events.Destinations).Enable)},
		{"disable [ID]", "Make Stripe stop sending to a destination; repeated deliveries that fall due meanwhile are dropped", true, changes("disable", (*v2events.Destinations).Disable)},
		{"ping [ID]", "Make Stripe send a test event to a destination", false, pingDestination},
		{"delete [ID]", "Delete a destination; its signing secret and its pending deliveries are lost", true, changes("delete", remove)},
	} {
		var flags destinationFlags
		sub := &cobra.Command{
			Use: c.use, Short: c.short, Args: cobra.MaximumNArgs(1),
			RunE: func(command *cobra.Command, args []string) error { return c.run(command.Context(), p, flags, args) },
		}
		if c.acts {
			flags.addAct(sub)
		} else {
			flags.add(sub)
		}
		sub.Flags().BoolVar(&flags.json, "json", false, "print a JSON document")
		commands = append(commands, sub)
	}
	return onlyCommands(command, commands...)
}

// A selection is the account that a command acts on, the stack if one is given, and the destination
// that was chosen.
type selection struct {
	*stripeAccount
	stack *awsctl.Stack // nil if none is given
	url   string        // of the stack's webhook
	id    string        // of the destination; "" before it is chosen
}

// openDestinations returns the account and, if it is given, the stack.
func openDestinations(ctx context.Context, p process, flags *destinationFlags) (s *selection, err error) {
	s = &selection{}
	if flags.name != "" || flags.folder != "" {
		if s.stack, err = flags.open(ctx); err != nil {
			return nil, err
		}
		if s.url, err = s.stack.Output("WebhookUrl"); err != nil {
			return nil, err
		}
	}
	s.stripeAccount, err = openAccount(ctx, p, flags.found)
	return s, err
}

// openDestination also chooses a destination: the one with an id, or the only one that sends to the
// stack.
func openDestination(ctx context.Context, p process, flags *destinationFlags, args []string) (*selection, error) {
	s, err := openDestinations(ctx, p, flags)
	if err != nil {
		return nil, err
	}
	if len(args) == 1 {
		s.id = args[0]
		return s, nil
	}
	return s, s.choose(ctx)
}

func listDestinations(ctx context.Context, p process, flags destinationFlags, _ []string) error {
	in, err := openDestinations(ctx, p, &flags)
	if err != nil {
		return err
	}
	list := []*v2events.Destination{}
	for d, err := range in.destinations.List(ctx, v2events.DestinationListParams{}) {
		if err != nil {
			return destinationError(err)
		}
		list = append(list, d)
	}
	if flags.json {
		objects := make([]destinationObject, len(list))
		for i, d := range list {
			objects[i] = objectOf(d, in.url)
		}
		writeJSON(p.stdout, map[string]any{"mode": in.mode, "destinations": objects})
		return nil
	}
	screen := newScreen(p, p.stdout)
	for _, d := range list {
		showOn(screen, d, in.url)
		screen.text("")
	}
	screen.text("%s in %s mode", count(len(list), "destination"), in.mode)
	return nil
}

// destinationObject is a destination as --json prints it, without its secret.
type destinationObject struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Type     string    `json:"type"`
	Payload  string    `json:"event_payload"`
	Status   string    `json:"status"`
	Reason   string    `json:"disabled_reason,omitempty"`
	URL      string    `json:"url,omitempty"`
	Stack    bool      `json:"of_stack"` // whether it has the URL of the stack's webhook
	Types    []string  `json:"enabled_events"`
	Created  time.Time `json:"created,omitzero"`
	Livemode bool      `json:"livemode"`
}

func objectOf(d *v2events.Destination, url string) destinationObject {
	o := destinationObject{
		ID: d.ID, Name: d.Name, Type: string(d.Type), Payload: string(d.EventPayload), Status: string(d.Status),
		Types: append([]string{}, d.EnabledEvents...), Created: d.Created, Livemode: d.Livemode,
	}
	if d.StatusDetails != nil && d.StatusDetails.Disabled != nil {
		o.Reason = string(d.StatusDetails.Disabled.Reason)
	}
	switch {
	case d.WebhookEndpoint != nil:
		o.URL = d.WebhookEndpoint.URL
	case d.AmazonEventBridge != nil:
		o.URL = d.AmazonEventBridge.AWSEventSourceARN
	case d.AzureEventGrid != nil:
		o.URL = d.AzureEventGrid.AzurePartnerTopicName
	}
	o.Stack = url != "" && o.URL == url
	return o
}

func showOn(screen *screen, d *v2events.Destination, url string) {
	o := objectOf(d, url)
	m, status := good, o.Status
	if d.Status != v2events.StatusEnabled {
		m = notice
	}
	if o.Reason != "" {
		status += " (" + o.Reason + ")"
	}
	mark := ""
	if o.Stack {
		mark = "  sends to this stack"
	}
	screen.line(screen.paint(m, o.ID), len(printable(o.ID)), "  "+status+mark)
	for _, fact := range [][2]string{{"name", o.Name}, {"sends", o.Payload + " events to " + o.Type}, {"to", o.URL}, {"types", strings.Join(o.Types, ", ")}} {
		if fact[1] != "" {
			screen.line("  "+pad(fact[0], 8), 10, fact[1])
		}
	}
	if !o.Created.IsZero() {
		screen.line("  "+pad("created", 8), 10, o.Created.UTC().Format(time.DateTime)+" UTC")
	}
}

// choose chooses the only destination that sends to the stack.
func (s *selection) choose(ctx context.Context) error {
	if s.stack == nil {
		return errors.New("which destination? Give its id, as meterbridge destinations list prints it, or --stack NAME")
	}
	var ids []string
	for d, err := range s.destinations.List(ctx, v2events.DestinationListParams{}) {
		if err != nil {
			return destinationError(err)
		}
		if objectOf(d, s.url).Stack {
			ids = append(ids, d.ID)
		}
	}
	switch len(ids) {
	case 0:
		return &failure{fmt.Sprintf("in %s mode no destination sends to this stack: meterbridge connect makes one", s.mode)}
	case 1:
		s.id = ids[0]
		return nil
	}
	return fmt.Errorf("several destinations send to this stack, so give the id of one: %s", strings.Join(ids, ", "))
}

func showDestination(ctx context.Context, p process, flags destinationFlags, args []string) error {
	in, err := openDestination(ctx, p, &flags, args)
	if err != nil {
		return err
	}
	d, err := in.destinations.Retrieve(ctx, in.id)
	if err != nil {
		return destinationError(err)
	}
	printDestination(p, flags, d, in.url)
	return nil
}

func printDestination(p process, flags destinationFlags, d *v2events.Destination, url string) {
	if flags.json {
		writeJSON(p.stdout, objectOf(d, url))
		return
	}
	showOn(newScreen(p, p.stdout), d, url)
}

// A change is what a command does to a destination. It returns the destination after it.
type change func(d *v2events.Destinations, ctx context.Context, id string) (*v2events.Destination, error)

// changes returns the command for a change, which it first asks about.
func changes(verb string, do change) func(context.Context, process, destinationFlags, []string) error {
	return func(ctx context.Context, p process, flags destinationFlags, args []string) error {
		in, err := openDestination(ctx, p, &flags, args)
		if err != nil {
			return err
		}
		if flags.found == nil {
			question := fmt.Sprintf("%s destination %s in %s mode", strings.ToUpper(verb[:1])+verb[1:], in.id, in.mode)
			if in.stack != nil {
				question += ", chosen with " + where(in.stack)
			}
			if err := p.confirm(ctx, question+"?", flags.yes); err != nil {
				return err
			}
		}
		d, err := do(in.destinations, ctx, in.id)
		if err != nil {
			return destinationError(err)
		}
		printDestination(p, flags, d, in.url)
		return nil
	}
}

// remove deletes a destination, and returns what it was.
func remove(d *v2events.Destinations, ctx context.Context, id string) (*v2events.Destination, error) {
	was, err := d.Retrieve(ctx, id)
	if err != nil {
		return nil, err
	}
	was.Status, was.StatusDetails = "deleted", nil
	return was, d.Delete(ctx, id)
}

func pingDestination(ctx context.Context, p process, flags destinationFlags, args []string) error {
	in, err := openDestination(ctx, p, &flags, args)
	if err != nil {
		return err
	}
	event, err := in.destinations.Ping(ctx, in.id)
	if err != nil {
		return destinationError(err)
	}
	if flags.json {
		writeJSON(p.stdout, map[string]any{"event_id": event.ID, "destination": in.id})
		return nil
	}
	newScreen(p, p.stdout).text("Stripe sends %s to %s. To see whether it arrives, use meterbridge ping.", event.ID, in.id)
	return nil
}

// destinationError adds what to do next.
func destinationError(err error) error {
	switch {
	case errors.Is(err, stripeapi.ErrNotFound):
		return &failure{fmt.Sprintf("%v; meterbridge destinations list shows those of the key's account and mode", err)}
	case errors.Is(err, stripeapi.ErrPermission):
		return &failure{fmt.Sprintf("%v; the key needs read access to event destinations, and write access to change one", err)}
	}
	return connectError(err)
}
