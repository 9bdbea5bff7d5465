package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/meterbridge/meterbridge/internal/awsctl"
	"github.com/meterbridge/meterbridge/internal/connect"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

type connectFlags struct {
	target
	destination                    string // name of a new one
	types                          []string
	sameKey, replace, dryRun, json bool
	wait                           time.Duration
}

const connectHelp = `Make Stripe send events to a stack, and prove that they arrive.

The command creates an event destination at Stripe with the stack's URL and the types that the stack fetches, stores its
signing secret in the stack, asks Stripe for a ping and follows it until its full event is on the bus. You can interrupt or kill
it at any time and run it again: it finds what was done, and does the rest.

Two keys have two duties. The key that provisions may write event destinations; it is read from STRIPE_API_KEY or asked for, and
is never stored. The key that fetches needs to read events only; unless the stack has one, it is asked for and stored in the
stack. Neither is shown.

If there is already a destination with the stack's URL that was made in another way, its signing secret cannot be read again.
The command keeps the destination if the stack has its secret, and otherwise stops; --replace creates a new destination and then
deletes the other one. Deliveries that are under way are still accepted, because the stack also accepts the previous secret.

` + targetHelp + `

Exit status:
  0  the ping has arrived, or the dry run has found nothing wrong
  1  the stack is not connected, or the ping has not arrived
  2  the command could not run`

const connectExamples = `  meterbridge connect --stack meterbridge --dry-run       what would be done
  meterbridge connect --stack meterbridge
  meterbridge connect --stack meterbridge --replace       a new destination, and with it a new signing secret
  meterbridge connect --local                             with the sandbox of meterbridge local`

func newConnect(p process) *cobra.Command {
	var flags connectFlags
	command := &cobra.Command{
		Use:     "connect",
		Short:   "Make Stripe send events to a stack, and prove that they arrive",
		Long:    connectHelp,
		Example: connectExamples,
		Args:    cobra.NoArgs,
		RunE:    func(command *cobra.Command, _ []string) error { return runConnect(command.Context(), p, flags) },
	}
	flags.addAct(command)
	f := command.Flags()
	f.StringVar(&flags.destination, "name", "", "name of a new destination (default: that of the stack)")
	f.StringArrayVar(&flags.types, "types", nil, "event type to send; may be repeated (default: the types that the stack fetches)")
	f.BoolVar(&flags.sameKey, "same-key", false, "fetch with the key that provisions, which can do more than it should")
	f.BoolVar(&flags.replace, "replace", false, "replace a destination whose signing secret the stack does not have")
	f.BoolVar(&flags.dryRun, "dry-run", false, "check the keys and tell what would be done")
	f.DurationVar(&flags.wait, "wait", 90*time.Second, "how long to wait for the ping")
	f.BoolVar(&flags.json, "json", false, "print a JSON document with what was done")
	return command
}

// connection is what connect prints with --json.
type connection struct {
	Stack       string       `json:"stack"`
	Account     string       `json:"account,omitempty"`
	Region      string       `json:"region"`
	Mode        mode         `json:"mode"`
	URL         string       `json:"url"`
	DryRun      bool         `json:"dry_run,omitempty"`
	Destination string       `json:"destination,omitempty"` // id
	Types       []string     `json:"types"`
	Steps       []stepObject `json:"steps"`
	Ping        *roundTrip   `json:"ping,omitempty"`
}

type stepObject struct {
	Action string `json:"action"`
	ID     string `json:"id,omitempty"`
	Detail string `json:"detail,omitempty"`
}

func runConnect(ctx context.Context, p process, flags connectFlags) error {
	c := &connecting{process: p, flags: flags, screen: newScreen(p, p.stdout)}
	err := c.run(ctx)
	if flags.json && c.result.Stack != "" {
		writeJSON(p.stdout, c.result)
	}
	return connectError(err)
}

// connecting is one run of connect.
type connecting struct {
	process
	flags  connectFlags
	screen *screen
	stack  *awsctl.Stack
	result connection
}

func (c *connecting) run(ctx context.Context) (err error) {
	if err := checkWait(c.flags.wait); err != nil {
		return err
	}
	if c.stack, err = c.flags.open(ctx); err != nil {
		return err
	}
	url, err := c.stack.Output("WebhookUrl")
	if err != nil {
		return err
	}
	types, provable := destinationTypes(c.flags.types, c.stack.Types())
	if len(types) == 0 {
		return errors.New("the stack fetches no event types that a destination can send: set FetchedTypes, or give --types")
	}
	account, err := openAccount(ctx, c.process, c.flags.found)
	if err != nil {
		return err
	}
	in := account.mode
	c.result = connection{
		Stack: c.stack.Name, Account: c.stack.Account, Region: c.stack.Region, Mode: in, URL: url, Types: types,
		DryRun: c.flags.dryRun, Steps: []stepObject{},
	}
	connector, err := c.connector(account.destinations, provable)
	if err != nil {
		return err
	}
	found, err := connector.Find(ctx)
	if err != nil {
		return fmt.Errorf("the key that provisions: %w", err)
	}
	keys := &fetchKey{connecting: c, provisions: account.key, mode: in}
	if err := keys.check(ctx); err != nil {
		return err
	}
	c.introduce(found)
	if c.flags.dryRun {
		c.plan(found, keys)
		return nil
	}
	if !c.stack.IsLocal() {
		if err := c.confirm(ctx, fmt.Sprintf("Connect %s to Stripe in %s mode?", where(c.stack), in), c.flags.yes); err != nil {
			return err
		}
	}
	if err := keys.store(ctx); err != nil {
		return err
	}
	destination, err := connector.Connect(ctx)
	if err != nil {
		return err
	}
	c.result.Destination = destination.ID
	return c.prove(ctx, connector, destination, provable)
}

func (c *connecting) connector(destinations connect.Destinations, provable bool) (*connect.Connector, error) {
	signing, err := c.stack.Secret("SigningSecretArn")
	if err != nil {
		return nil, err
	}
	events, err := c.stack.Ledger()
	if err != nil {
		return nil, err
	}
	return connect.New(destinations, storedSecret{signing}, events, connect.Options{
		Stack: c.stack.ID, URL: c.result.URL, Mode: string(c.result.Mode), Name: cmp.Or(c.flags.destination, c.stack.Name), Types: c.result.Types,
		Replace: c.flags.replace, Provable: provable, Report: c.report,
	}), nil
}

// prove shows that the stack receives from the destination.
func (c *connecting) prove(ctx context.Context, connector *connect.Connector, d *v2events.Destination, provable bool) error {
	if !provable {
		c.note("The stack does not fetch %s, so that no ping can show that events arrive.", v2events.EventDestinationPing.Type())
		return nil
	}
	ping, err := connector.Prove(ctx, d.ID, c.flags.wait)
	if err != nil {
		return err
	}
	c.result.Ping = follow(ctx, c.stack, ping)
	if !c.flags.json {
		c.result.Ping.show(c.screen)
		c.screen.text("")
		c.screen.text("Connected. See events as they come with: meterbridge events tail %s", c.flags.flag())
	}
	return nil
}

// destinationTypes returns the types to enable, and whether the stack fetches pings, which need no
// enabling.
func destinationTypes(given, fetched []string) (types []string, provable bool) {
	ping := v2events.EventDestinationPing.Type()
	provable = slices.Contains(fetched, ping)
	if len(given) > 0 {
		fetched = given
	}
	return slices.DeleteFunc(slices.Clone(fetched), func(t string) bool { return t == ping }), provable
}

// storedSecret adapts a secret of the stack to a Connector.
type storedSecret struct{ *awsctl.Secret }

func (s storedSecret) Current(ctx context.Context) (connect.Version, error) {
	v, err := s.Secret.Current(ctx)
	return connect.Version(v), err
}

func (s storedSecret) Previous(ctx context.Context) (connect.Version, error) {
	v, err := s.Secret.Previous(ctx)
	return connect.Version(v), err
}

func (s storedSecret) Version(ctx context.Context, id string) (connect.Version, error) {
	v, err := s.Secret.Version(ctx, id)
	return connect.Version(v), err
}
