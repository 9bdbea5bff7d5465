package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/meterbridge/meterbridge/internal/awsctl"
	"github.com/meterbridge/meterbridge/internal/connect"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

type secretsFlags struct {
	target
	keepOld string
	wait    time.Duration
	json    bool
}

const secretsHelp = `Store the stack's secrets. Values are asked for without being shown, or read as a line of standard input; they are never
arguments, because others on the machine can see those, and never files.

  signing   the signing secret of Stripe's event destination (whsec_…), or a JSON array of several
  api-key   the key that fetches events (rk_…), which replaces the one of its mode, or both as
            {"live": "rk_live_…", "test": "rk_test_…"}`

const rollHelp = `Replace the signing secret.

Stripe's API cannot change the secret of a destination, so the command creates a second destination, stores its secret, waits for
a ping to arrive through it, and then deletes the first one. No event is lost: deliveries of the first one that are under way are accepted while the stack accepts the
previous secret, which is PreviousSecretHours (24 by default).

--keep-old 0 ends the previous secret at once, for a secret that somebody else knows. Any other value must be what
PreviousSecretHours says; change that with make deploy PARAMETERS=PreviousSecretHours=48.

` + targetHelp

func newSecrets(p process) *cobra.Command {
	command := &cobra.Command{Use: "secrets", Short: "Store or replace the stack's secrets", Long: secretsHelp}
	var putFlags, rollFlags secretsFlags
	put := &cobra.Command{
		Use: "put signing|api-key", Short: "Store a secret; the value before it stays valid as the previous one",
		Long: secretsHelp + "\n\n" + targetHelp, Args: cobra.ExactArgs(1), ValidArgs: []string{"signing", "api-key"},
		RunE: func(command *cobra.Command, args []string) error {
			return putSecret(command.Context(), p, putFlags, args[0])
		},
	}
	roll := &cobra.Command{
		Use: "roll", Short: "Replace the signing secret, and with it the destination", Long: rollHelp, Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return rollSecret(command.Context(), p, rollFlags) },
	}
	for sub, flags := range map[*cobra.Command]*secretsFlags{put: &putFlags, roll: &rollFlags} {
		flags.addAct(sub)
		sub.Flags().BoolVar(&flags.json, "json", false, "print a JSON document")
	}
	roll.Flags().StringVar(&rollFlags.keepOld, "keep-old", "", "how long the old secret is accepted: what PreviousSecretHours says, or 0")
	roll.Flags().DurationVar(&rollFlags.wait, "wait", 90*time.Second, "how long to wait for a ping through the new destination")
	return onlyCommands(command, put, roll)
}

func putSecret(ctx context.Context, p process, flags secretsFlags, name string) error {
	stack, err := flags.open(ctx)
	if err != nil {
		return err
	}
	output, noun, question, check := "SigningSecretArn", "signing secret", "Signing secret (whsec_…)", checkSigningValue
	switch name {
	case "signing":
	case "api-key":
		output, noun, question, check = "ApiKeySecretArn", "API key", "API key that may read events (rk_…)", checkKeyValue
	default:
		return fmt.Errorf("secrets put %s: want signing or api-key", name)
	}
	stored, err := stack.Secret(output)
	if err != nil {
		return err
	}
	value, err := p.askSecret(ctx, question)
	if err != nil {
		return err
	}
	if err := check(value); err != nil {
		return err
	}
	current, err := stored.Current(ctx)
	if err != nil {
		return err
	}
	result := "stored"
	if in, err := keyMode(value); name == "api-key" && err == nil {
		noun = fmt.Sprintf("API key of %s mode", in)
		if both, err := withKey(current.Value, in, value); err == nil && both != value { // an unusable secret is replaced
			value, result = both, "stored beside the key of the other mode"
		}
	}
	switch {
	case current.Value == value:
		return printSecret(p, flags, stack, name, "the stack has this value already")
	case !stack.IsLocal():
		if err := p.confirm(ctx, fmt.Sprintf("Store this %s for %s?", noun, where(stack)), flags.yes); err != nil {
			return err
		}
	}
	if err := stored.Put(ctx, uuid.NewString(), value); err != nil {
		return &failure{err.Error()}
	}
	return printSecret(p, flags, stack, name, result+"; running functions read it within five minutes")
}

func checkSigningValue(value string) error {
	_, err := secret.SigningSecrets(secret.Value{ID: "that was given", Current: value})
	return err
}

func checkKeyValue(value string) error {
	_, err := secret.ParseAPIKeys(secret.Value{ID: "that was given", Current: value})
	return err
}

func printSecret(p process, flags secretsFlags, stack *awsctl.Stack, name, result string) error {
	if flags.json {
		writeJSON(p.stdout, map[string]string{"stack": stack.Name, "secret": name, "result": result})
		return nil
	}
	newScreen(p, p.stdout).text("%s: %s", name, result)
	return nil
}

// A rolling is one run of secrets roll.
type rolling struct {
	process
	flags   secretsFlags
	screen  *screen
	stack   *awsctl.Stack
	signing *awsctl.Secret
	steps   []stepObject
}

func rollSecret(ctx context.Context, p process, flags secretsFlags) error {
	if err := checkWait(flags.wait); err != nil {
		return err
	}
	stack, err := flags.open(ctx)
	if err != nil {
		return err
	}
	end, err := keepOld(flags.keepOld, stack.Parameters["PreviousSecretHours"])
	if err != nil {
		return err
	}
	signing, err := stack.Secret("SigningSecretArn")
	if err != nil {
		return err
	}
	r := &rolling{process: p, flags: flags, screen: newScreen(p, p.stdout), stack: stack, signing: signing}
	destination, err := r.roll(ctx)
	if err != nil {
		return err
	}
	if end {
		if err := signing.EndPrevious(ctx); err != nil {
			return &failure{fmt.Sprintf("%v; the old secret is still accepted: repeat with meterbridge secrets roll --keep-old 0", err)}
		}
		r.steps = append(r.steps, stepObject{"ended", "", "the previous secret"})
	}
	return r.tell(ctx, destination, end)
}

// roll replaces the destination, after a question.
func (r *rolling) roll(ctx context.Context) (*v2events.Destination, error) {
	url, err := r.stack.Output("WebhookUrl")
	if err != nil {
		return nil, err
	}
	events, err := r.stack.Ledger()
	if err != nil {
		return nil, err
	}
	in, err := openAccount(ctx, r.process, r.flags.found)
	if err != nil {
		return nil, err
	}
	types, provable := destinationTypes(nil, r.stack.Types())
	connector := connect.New(in.destinations, storedSecret{r.signing}, events, connect.Options{
		Stack: r.stack.ID, URL: url, Mode: string(in.mode), Name: r.stack.Name, Types: types, Provable: provable, Report: r.report,
	})
	found, err := connector.Find(ctx)
	switch {
	case err != nil:
		return nil, connectError(err)
	case len(found.Own) == 0:
		return nil, &failure{fmt.Sprintf("in %s mode there is no destination that meterbridge connect has made for this stack; "+
			"a secret that was rolled in Stripe's dashboard is stored with meterbridge secrets put signing", in.mode)}
	case !r.stack.IsLocal():
		question := fmt.Sprintf("Replace the signing secret of %s in %s mode?", where(r.stack), in.mode)
		if err := r.confirm(ctx, question, r.flags.yes); err != nil {
			return nil, err
		}
	}
	destination, err := connector.Roll(ctx, r.flags.wait)
	return destination, connectError(err)
}

func (r *rolling) report(s connect.Step) {
	r.steps = append(r.steps, stepObject{string(s.Action), s.ID, s.Detail})
	if !r.flags.json {
		showStep(r.screen, s)
	}
}

// tell tells which secrets are accepted from now on.
func (r *rolling) tell(ctx context.Context, destination *v2events.Destination, end bool) error {
	if r.flags.json {
		writeJSON(r.stdout, map[string]any{"stack": r.stack.Name, "destination": destination.ID, "steps": r.steps})
		return nil
	}
	if end {
		r.screen.text("The old secret is not accepted any more, as soon as running functions have read the new one: within five minutes.")
	} else {
		r.screen.text("The old secret is accepted for another %s hours.", r.stack.Parameters["PreviousSecretHours"])
	}
	current, err := r.signing.Current(ctx)
	if err != nil {
		return err
	}
	signing, err := secret.SigningSecrets(secret.Value{ID: r.signing.Name, Current: current.Value})
	if others := len(signing.Current) - 1; err == nil && others > 0 {
		r.screen.text("The stack also accepts %s, stored for other destinations or by hand. If one of them must not be accepted, "+
			"store the others with meterbridge secrets put signing.", count(others, "other secret"))
	}
	return err
}

// keepOld reports whether --keep-old ends the previous secret at once.
func keepOld(text, hours string) (end bool, err error) {
	switch text {
	case "":
		return false, nil
	case "0":
		return true, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return false, fmt.Errorf("--keep-old %s: want 0, or a duration such as 24h", text)
	}
	accepted, err := time.ParseDuration(hours + "h")
	switch {
	case d == 0:
		return true, nil
	case err != nil:
		return false, errors.New("the stack has no parameter PreviousSecretHours")
	case d != accepted:
		return false, fmt.Errorf("--keep-old %s: the stack accepts a previous secret for %s hours: change that with make deploy PARAMETERS=PreviousSecretHours=%d, or leave the flag out", text, hours, int(d.Hours()))
	}
	return false, nil
}
