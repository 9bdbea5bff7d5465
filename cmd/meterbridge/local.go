package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/emulator/aws"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/emulator/faults"
	"github.com/meterbridge/meterbridge/internal/emulator/outcome"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

type localFlags struct {
	stackName, listen, signingSecret, stripeAPI, events string
	templates, parameters                               []string
	noSamples, once, lenient, watch                     bool
	outputFlags
	faultFlags
}

const localHelp = `Run the stack of a SAM template on this machine, for development and tests.

The template is the only configuration: its functions are built with their makefile targets, or run with the interpreters of
Python and Node.js on this machine, and its routes, rules, queues and secrets are served on loopback. A rule or function that
you add to the template runs here without any other change. This needs Go and make, but no Docker, no AWS account and no
network.

--template may be given several times. The templates after the first are consumers' own: each is a separate stack, named after
its folder, and finds the first one's bus by its name, which is that of the stack.

Unless --no-samples is given, sample events are sent through the stack. If STRIPE_API_KEY is not set in the environment,
Stripe is a built-in sandbox. It knows every event that reaches the webhook, except those whose ids start with evt_missing.
With the key, full events are fetched from the real Stripe, and no samples are sent.

--faults breaks the stack on purpose. A sample that meets a fault is sent again, as Stripe would do. --soak sends the given
number of distinct events instead of the samples, mixed with duplicates and forgeries, ends the faults, and prints the
counts in one line. It skips the time in which nothing happens, and raises the template's rate limit and concurrency.

Exit status:
  0  success
  1  with --once, an event was lost, a sample was answered wrongly or a consumer dropped an event; with --soak, an event was lost, a forgery was accepted,
     or an event was emitted twice without an explanation
  2  the command could not run
`

const localExamples = `  meterbridge local                                 send the samples, print what happens to them, stay up
  meterbridge local --once | jq .                   send the samples, print the events on the bus, exit
  meterbridge local --parameter StripeRateLimit=0   set a parameter of the template
  meterbridge local --watch --template template.yaml --template ../billing/template.yaml
  meterbridge local --no-samples --events bus.ndjson
  meterbridge local --once --faults stripe-429,function-kill
  meterbridge local --soak 3000 --faults all --seed 7

  stripe listen --thin-events v1.billing.meter.no_meter_found --forward-thin-to http://127.0.0.1:8787/webhook
  stripe listen --events v1.billing.meter.no_meter_found --forward-to http://127.0.0.1:8787/webhook   (Stripe CLI since September 2026)
  STRIPE_API_KEY=sk_test_… meterbridge local --signing-secret whsec_…   (the secret that stripe listen prints)`

func newLocal(p process) *cobra.Command {
	var flags localFlags
	command := &cobra.Command{
		Use:     "local",
		Short:   "Run the stack of a SAM template on this machine",
		Long:    localHelp + faultsHelp(),
		Example: localExamples,
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if flags.once && !command.Flags().Changed("listen") {
				flags.listen = "127.0.0.1:0" // another stack may be running
			}
			if err := flags.faultFlags.check(command.Flags().Changed); err != nil {
				return err
			}
			if flags.soak > 0 {
				return runSoak(command.Context(), p, flags)
			}
			return runLocal(command.Context(), p, flags)
		},
	}
	f := command.Flags()
	f.StringArrayVar(&flags.templates, "template", []string{"template.yaml"}, "SAM template to run; repeat it to run others beside the first, each as a stack of its own")
	f.StringVar(&flags.stackName, "stack-name", "meterbridge", "name of the first template's stack; the others have the names of their folders")
	f.StringVar(&flags.listen, "listen", defaultListen, "address to listen on for requests to the API (default with --once: a free port)")
	f.StringVar(&flags.signingSecret, "signing-secret", "", "secret that signs deliveries, as from stripe listen (default: a made-up one, which is printed and the same in every run)")
	f.StringVar(&flags.stripeAPI, "stripe-api", "", "origin of Stripe's API (default: the built-in sandbox; with STRIPE_API_KEY, Stripe)")
	f.StringArrayVar(&flags.parameters, "parameter", nil, "template parameter, as Name=Value, for each template that has it; may be repeated")
	f.BoolVar(&flags.lenient, "lenient-template", false, "warn of types and properties that AWS is not known to have, instead of refusing the template")
	f.StringVar(&flags.events, "events", "", "write each event put on the bus to this file, a JSON envelope on each line; - is standard output")
	f.BoolVar(&flags.watch, "watch", false, "let a template or a function take effect as soon as it is saved; what is broken changes nothing")
	f.BoolVar(&flags.noSamples, "no-samples", false, "do not send sample events")
	f.BoolVar(&flags.once, "once", false, "send the samples, wait until the stack is idle, print the events on the bus to standard output unless that is the story's terminal, exit")
	flags.outputFlags.add(command)
	flags.faultFlags.add(command)
	return command
}

// runLocal runs the stack until ctx ends or, with --once, until it has processed the samples.
func runLocal(ctx context.Context, p process, flags localFlags) error {
	parameters, err := flags.check(p)
	if err != nil {
		return err
	}
	bus, err := openBusWriter(p, flags)
	if err != nil {
		return err
	}
	defer bus.close()
	console := newConsole(p, flags.outputFlags)
	injector, err := flags.injector(console)
	if err != nil {
		return err
	}
	source, err := openStripe(p, flags, console, injector.Stripe)
	if err != nil {
		return err
	}
	defer source.close()
	session := &session{flags: flags, key: rand.Text(), console: console, bus: bus, stripe: source, injector: injector, outcomes: outcome.NewTracker()}
	if session.state = newState(); !flags.once { // that ends by itself
		session.state = openState(console, flags.templates[0])
	}
	session.secret = stripesig.Secret(cmp.Or(flags.signingSecret, session.state.signingSecret))
	if err := session.open(ctx, parameters); err != nil {
		return err
	}
	err = session.run(ctx)
	session.stack.Close()
	session.state.withdraw(console)
	err = errors.Join(session.end(err), bus.close())
	if flags.once && flags.output == outputStory && onOneTerminal(p) {
		console.note("")
		console.note("To get the events on the bus as JSON, redirect standard output: --once | jq .")
	}
	return err
}

// check returns the template's parameters, or an error if flags contradict each other.
func (f localFlags) check(p process) (map[string]string, error) {
	parameters, err := parseParameters(f.parameters)
	if err != nil {
		return nil, err
	}
	key, realStripe := p.env("STRIPE_API_KEY")
	if err := cmp.Or(f.outputFlags.check(), checkListen(f.listen), f.checkSecrets(key)); err != nil {
		return nil, err
	}
	switch {
	case f.stripeAPI != "" && !isOrigin(f.stripeAPI):
		return nil, fmt.Errorf("--stripe-api %s: want the origin of an API, such as http://127.0.0.1:12111", f.stripeAPI)
	case strings.Contains(parameters["FetchedTypes"], "*"):
		return nil, errors.New("--parameter FetchedTypes: types match exactly, so a wildcard fetches nothing: give each event type in full")
	case parameters["StripeApiBase"] != "":
		return nil, errors.New("--parameter StripeApiBase: use --stripe-api, which also works without a key")
	case f.soak > 0 && len(f.templates) > 1:
		return nil, errors.New("--soak runs the first template only: give --template once")
	case f.watch && (f.once || f.soak > 0):
		return nil, errors.New("--watch has no effect with --once and --soak, which end by themselves")
	case f.once && (f.noSamples || f.stripeAPI != "" || realStripe):
		return nil, errors.New("--once checks the outcome of the samples, which needs the built-in sandbox: " +
			"leave out --no-samples and --stripe-api, and unset STRIPE_API_KEY")
	}
	return parameters, nil
}

// checkSecrets returns an error if a secret cannot be one of Stripe's, as the functions would.
func (f localFlags) checkSecrets(key string) error {
	if f.signingSecret != "" {
		if err := secret.CheckSigningSecret(f.signingSecret); err != nil {
			return fmt.Errorf("--signing-secret: signing secret %w", err)
		}
	}
	if key == "" {
		return nil // see openStripe
	}
	if _, err := secret.ParseAPIKeys(secret.Value{ID: "STRIPE_API_KEY", Current: key}); err != nil {
		return err
	}
	return nil
}

type session struct {
	flags    localFlags
	console  *console
	bus      *busWriter
	stripe   *stripeSource
	injector *faults.Injector
	outcomes *outcome.Tracker
	state    *stateFile
	secret   stripesig.Secret // signs the samples
	key      string           // console key
	stack    *aws.Stack
	webhook  string // URL to deliver events to
	opened   atomic.Bool
}

// Observe implements [activity.Observer]: a template that has changed may have other consumers and
// outputs.
func (s *session) Observe(step activity.Step) {
	if step.Kind == activity.Reloaded && step.Name == "" && s.opened.Load() {
		s.console.know(namesIn(s.stack))
		s.outcomes.SetFetchQueue(s.stack.QueueNamedBy(config.FetchQueueURL))
		s.state.update(s.console, s.published())
	}
}

func (s *session) open(ctx context.Context, parameters map[string]string) (err error) {
	s.console.note("Meterbridge on this machine, from %s. For development and tests only.", strings.Join(s.flags.templates, ", "))
	s.console.note("")
	started := time.Now()
	s.stack, err = aws.Open(ctx, s.options(parameters))
	if err != nil {
		return schemaError(listenError(s.flags.listen, err))
	}
	if err := s.flags.checkLogs(s.stack.Functions()); err != nil {
		s.stack.Close()
		return err
	}
	s.injector.Start(faults.Target{Kill: s.stack.Kill, Rotate: s.rotate})
	s.webhook = s.stack.RouteOf(config.SigningSecretID)
	s.console.ready(namesIn(s.stack), s.stack.Clock().Now)
	if err := s.bus.truncate(); err != nil {
		s.stack.Close()
		return err
	}
	s.outcomes.SetFetchQueue(s.stack.QueueNamedBy(config.FetchQueueURL))
	s.introduce(ctx, time.Since(started))
	s.state.publish(ctx, s.console, s.published())
	s.opened.Store(true)
	return nil
}

// published is how other commands reach the stack.
func (s *session) published() localState {
	env := s.stack.Environment()
	state := localState{
		Address: s.stack.URL(), Webhook: s.webhook, Endpoint: env["AWS_ENDPOINT_URL"], Region: env["AWS_REGION"],
		AccessKeyID: env["AWS_ACCESS_KEY_ID"], SecretKey: env["AWS_SECRET_ACCESS_KEY"], ConsoleKey: s.key,
		StackName: s.flags.stackName, Outputs: s.stack.Outputs(), Parameters: s.stack.Parameters(), Resources: s.stack.ResourceNames(),
	}
	if sandbox := s.stripe.sandbox; sandbox != nil {
		state.StripeAPI, state.StripeAPIKey = sandbox.Origin, sandbox.Keys.Test
	}
	return state
}

// introduce tells what runs where.
func (s *session) introduce(ctx context.Context, took time.Duration) {
	routes := s.stack.Routes()
	for _, route := range slices.Sorted(maps.Keys(routes)) {
		method, path, _ := strings.Cut(route, " ")
		s.console.fact("route", "%s %s%s → %s", method, s.stack.URL(), path, routes[route])
	}
	if s.flags.signingSecret == "" {
		s.console.fact("secret", "%s", string(s.secret))
	} else {
		s.console.fact("secret", "that of --signing-secret, which is not kept for the next run")
	}
	s.console.fact("stripe", "%s", s.stripe.about)
	if exposed(ctx, s.flags.listen) {
		s.console.warn("--listen %s: other machines can reach every route of the template, and only the webhook checks who asks", s.flags.listen)
	}
	s.console.begun(s.webhook, took)
}

// schemaError adds what to do if the template is right and AWS's schemas are old.
func schemaError(err error) error {
	if errors.Is(err, sam.ErrSchema) {
		return fmt.Errorf("%w\nIf AWS has added one of these since %s, use --lenient-template", err, sam.SchemaDate())
	}
	return err
}

func (s *session) options(parameters map[string]string) *aws.Options {
	options := &aws.Options{
		Template:    s.flags.templates[0],
		StackName:   s.flags.stackName,
		More:        s.flags.templates[1:],
		Parameters:  parameters,
		Lenient:     s.flags.lenient,
		Listen:      s.flags.listen,
		Environment: map[string]string{config.StripeAPIBase: s.stripe.origin},
		Secrets:     map[string]string{config.SigningSecretID: s.signingSecrets(), config.APIKeySecretID: s.stripe.secret},
		Front:       func(next http.Handler) http.Handler { return proving(s.key, next) },
		Observer:    activity.Observers{s.outcomes, s.stripe, s.bus, s, s.console}, // what is told has taken effect
		Watch:       s.flags.watch,
		Lease:       outcome.Lease,
		ClockFactor: s.flags.clockFactor,
	}
	if s.flags.faults != "" {
		options.Intercept, options.Queue = s.injector.AWS, s.injector.Queue
		options.Front = func(next http.Handler) http.Handler { return proving(s.key, s.injector.Front(next)) }
	}
	return options
}

// signingSecrets is the content of the signing secret: the made-up one with which other commands
// sign, and beside it one that was given.
func (s *session) signingSecrets() string {
	if s.flags.signingSecret == "" {
		return s.state.signingSecret
	}
	both, _ := json.Marshal([]string{s.flags.signingSecret, s.state.signingSecret}) // texts have JSON
	return string(both)
}

// run sends the samples and checks their outcome; without --once it waits until ctx ends.
func (s *session) run(ctx context.Context) error {
	wrong := s.sendSamples(ctx)
	if !s.flags.once {
		s.settle(ctx)
		s.console.note("")
		s.console.note("Listening on %s. Press Ctrl-C to stop.", s.webhook)
		<-ctx.Done()
		s.console.note("")
		s.console.note("Stopping.")
		return nil
	}
	if err := s.waitIdle(ctx); err != nil {
		return &failure{"interrupted before the stack was idle"}
	}
	if wrong > 0 {
		return &failure{were(wrong, "sample") + " answered wrongly"}
	}
	return nil
}

// end prints the account of a run, and returns the run's error or, with --once, what the account
// shows to be wrong. The stack has been closed, so that every function's log is complete.
func (s *session) end(err error) error {
	a := takeAccount(s.outcomes, s.console, s.stack)
	s.console.account(a)
	if !s.flags.once {
		return err
	}
	var faults []string
	if err != nil {
		faults = append(faults, err.Error())
	}
	if len(a.Lost) > 0 {
		faults = append(faults, were(len(a.Lost), "event")+" lost: "+strings.Join(a.Lost[:min(20, len(a.Lost))], " "))
	}
	if faults = append(faults, a.droppers()...); len(faults) > 0 {
		return &failure{strings.Join(faults, "; ")}
	}
	return nil
}

// settle waits up to 3 seconds for the samples, so that their lines are printed before what
// follows.
func (s *session) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	_ = s.stack.WaitIdle(ctx)
}

// deliver sends a sample. With faults it repeats that until the webhook itself answers, not a fault
// with a 5xx.
func (s *session) deliver(ctx context.Context, sample sample) (status int, answer string, err error) {
	const attempts, pause = 100, 100 * time.Millisecond
	for attempt := range attempts {
		status, answer, err = stripe.Post(ctx, webhookClient, s.webhook, sample.contentType, sample.signature, sample.body)
		if s.flags.faults == "" || err == nil && status < http.StatusInternalServerError {
			break
		}
		s.console.note("attempt %d: answered %d: sending again in %s", attempt+1, status, duration(pause))
		select {
		case <-ctx.Done():
			return 0, "", ctx.Err()
		case <-time.After(pause):
		}
	}
	return status, answer, err
}

// waitIdle waits until the stack is idle, and skips waits. With faults it lets them act until then
// first; what they leave, such as a lease, is waited for without them.
func (s *session) waitIdle(ctx context.Context) error {
	if s.flags.faults == "" {
		return s.stack.FastForward(ctx)
	}
	if err := s.stack.FastForward(ctx); err != nil {
		return err
	}
	s.injector.Stop()
	s.console.note("The faults end.")
	return s.stack.FastForward(ctx)
}

// rotate replaces both secrets. Deliveries are still signed with the old signing secret, which
// becomes the previous one: Stripe keeps an old secret valid for up to a day.
func (s *session) rotate() error {
	if err := s.stack.Rotate(config.SigningSecretID, "whsec_"+randomHex(24)); err != nil {
		return err
	}
	return s.stack.Rotate(config.APIKeySecretID, s.stripe.rotated)
}

func parseParameters(assignments []string) (map[string]string, error) {
	parameters := map[string]string{}
	for _, assignment := range assignments {
		name, value, ok := strings.Cut(assignment, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--parameter %q: want Name=Value", assignment)
		}
		parameters[name] = value
	}
	return parameters, nil
}

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}
