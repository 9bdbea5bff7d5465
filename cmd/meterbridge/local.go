package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/emulator/aws"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/faults"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// localFlags are the flags of "meterbridge local".
type localFlags struct {
	template, listen, signingSecret, stripeAPI, events string
	parameters                                         []string
	noSamples, once, verbose                           bool
	faultFlags
}

const localHelp = `Run the stack of a SAM template on this machine, for development and tests.

The template is the only description: its functions are built with their makefile targets and run as processes, its
routes, rules, queues and secrets are served on loopback. A rule or a function that you add to the template runs here
with no other change. It needs Go and make; no Docker, no AWS account, no network.

Sample events are sent through it, unless --no-samples. Without STRIPE_API_KEY in the environment, Stripe is a built-in
sandbox, which knows every event that reaches the webhook, but for ids that start with evt_missing. With the key, full
events are fetched from the real Stripe, and no samples are sent.

--faults breaks the stack on purpose; samples that meet a fault are sent again, as Stripe would. --soak sends so many
distinct events instead of the samples, with duplicates and forgeries between them, heals the stack in the end, and prints
one line with the account. It needs no --clock-factor, and raises the template's rate limit and concurrency.

Exit status: 0 all went well; 1 with --once, an event was lost or a sample answered wrongly, with --soak, an event was
lost, a forged one accepted, or one emitted twice with nothing to explain it; 2 it could not run.
`

const localExamples = `  meterbridge local                                 the story of the sample events, then it stays up
  meterbridge local --once | jq .                   the events that went over the bus, then it exits
  meterbridge local --parameter StripeRateLimit=0   a parameter of the template
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
			if flags.soak > 0 {
				return runSoak(command.Context(), p, flags)
			}
			return runLocal(command.Context(), p, flags)
		},
	}
	f := command.Flags()
	f.StringVar(&flags.template, "template", "template.yaml", "SAM template to run")
	f.StringVar(&flags.listen, "listen", "127.0.0.1:8787", "address of the front door")
	f.StringVar(&flags.signingSecret, "signing-secret", "", "secret that signs deliveries (default: a random one, printed)")
	f.StringVar(&flags.stripeAPI, "stripe-api", "", "origin of Stripe's API (default: the built-in sandbox; with STRIPE_API_KEY, Stripe)")
	f.StringArrayVar(&flags.parameters, "parameter", nil, "value of a template parameter, as Name=Value; may be repeated")
	f.StringVar(&flags.events, "events", "", "file for every event put on the bus, one JSON envelope a line; - is standard output")
	f.BoolVar(&flags.noSamples, "no-samples", false, "send no sample events")
	f.BoolVar(&flags.once, "once", false, "send the samples, wait until all is quiet, print the bus's events to standard output, exit")
	f.BoolVarP(&flags.verbose, "verbose", "v", false, "show what the functions log")
	flags.faultFlags.add(command)
	return command
}

// runLocal opens the stack, sends the samples, and stays up until ctx ends or, with --once, until all is quiet.
func runLocal(ctx context.Context, p process, flags localFlags) error {
	parameters, err := flags.check(p)
	if err != nil {
		return err
	}
	events, err := openEvents(p, flags)
	if err != nil {
		return err
	}
	defer events.close()
	story := newStory(p, flags.verbose)
	injector, err := flags.injector(story)
	if err != nil {
		return err
	}
	stripe, err := openStripe(p, flags, story, injector.Stripe)
	if err != nil {
		return err
	}
	defer stripe.close()
	session := &session{flags: flags, story: story, events: events, stripe: stripe, injector: injector, journal: newJournal()}
	session.secret = stripesig.Secret(cmp.Or(flags.signingSecret, "whsec_"+randomHex(24)))
	if err := session.open(ctx, parameters); err != nil {
		return err
	}
	err = session.run(ctx)
	session.stack.Close()
	return errors.Join(err, events.close())
}

// check refuses flags that contradict each other, and returns the template's parameters.
func (f localFlags) check(p process) (map[string]string, error) {
	parameters, err := parseParameters(f.parameters)
	if err != nil {
		return nil, err
	}
	_, realStripe := p.env("STRIPE_API_KEY")
	switch {
	case parameters["StripeApiBase"] != "":
		return nil, errors.New("--parameter StripeApiBase: use --stripe-api, which also knows what to do without a key")
	case f.once && (f.noSamples || f.stripeAPI != "" || realStripe):
		return nil, errors.New("--once sends the samples and judges what becomes of them, which takes the built-in sandbox: " +
			"leave out --no-samples and --stripe-api, and unset STRIPE_API_KEY")
	}
	return parameters, nil
}

// session is one run of the command.
type session struct {
	flags    localFlags
	story    *story
	events   *eventWriter
	stripe   *stripeSource
	injector *faults.Injector
	journal  *journal
	secret   stripesig.Secret
	stack    *aws.Stack
	webhook  string // URL that takes deliveries
}

func (s *session) open(ctx context.Context, parameters map[string]string) (err error) {
	s.story.say("Meterbridge on this machine, from %s. For development and tests only.\n", s.flags.template)
	started := time.Now()
	s.stack, err = aws.Open(ctx, s.options(parameters))
	if err != nil {
		return err
	}
	s.injector.Start(faults.Target{Kill: s.stack.Kill, Rotate: s.rotate})
	s.story.isReady()
	if err := s.events.begin(); err != nil {
		return err
	}
	s.journal.follow(s.stack.QueueNamedBy(config.FetchQueueURL))
	routes := s.stack.Routes()
	for _, route := range slices.Sorted(maps.Keys(routes)) {
		method, path, _ := strings.Cut(route, " ")
		s.story.say("  route    %s %s%s → %s", method, s.stack.URL(), path, routes[route])
	}
	s.webhook = s.stack.RouteOf(config.SigningSecretID)
	if s.flags.signingSecret == "" {
		s.story.say("  secret   %s signs the deliveries", string(s.secret))
	}
	s.story.say("  stripe   %s", s.stripe.about)
	s.story.say("  ready    in %.1f s\n", time.Since(started).Seconds())
	return nil
}

func (s *session) options(parameters map[string]string) aws.Options {
	options := aws.Options{
		Template:    s.flags.template,
		Parameters:  parameters,
		Listen:      s.flags.listen,
		Environment: map[string]string{config.StripeAPIBase: s.stripe.origin},
		Secrets:     map[string]string{config.SigningSecretID: string(s.secret), config.APIKeySecretID: s.stripe.secret},
		Observer:    activity.Observers{s.journal, s.stripe, s.events, s.story},
		ClockFactor: s.flags.clockFactor,
	}
	if s.flags.faults != "" {
		options.Intercept, options.Front, options.Queue = s.injector.AWS, s.injector.Front, s.injector.Queue
	}
	return options
}

// run sends the samples; with --once it then judges, without it stays.
func (s *session) run(ctx context.Context) error {
	wrong := s.sendSamples(ctx)
	if !s.flags.once {
		s.settle(ctx)
		s.story.say("\nListening on %s. Press Ctrl-C to stop.", s.webhook)
		<-ctx.Done()
		s.story.say("\nStopping.")
		return nil
	}
	if err := s.quiet(ctx); err != nil {
		return &failure{"interrupted before all was quiet"}
	}
	t := s.journal.tally()
	s.story.say("\n%d thin events stored: %d emitted in full, %d parked, %d that no rule wants fetched, %d lost", t.stored, t.emitted, t.parked, t.ignored, len(t.lost))
	if wrong > 0 || len(t.lost) > 0 {
		return &failure{fmt.Sprintf("%d samples were answered wrongly, %d events were lost: %s", wrong, len(t.lost), strings.Join(t.lost, " "))}
	}
	return nil
}

// settle gives the samples a moment to come to their ends, so that the story is told in order. It is no matter if they do not.
func (s *session) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	_ = s.stack.Quiet(ctx)
}

func parseParameters(assignments []string) (map[string]string, error) {
	parameters := map[string]string{}
	for _, assignment := range assignments {
		name, value, ok := strings.Cut(assignment, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--parameter %q: write it as Name=Value", assignment)
		}
		parameters[name] = value
	}
	return parameters, nil
}

// randomHex returns n random bytes in hexadecimal.
func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}
