package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

type sendFlags struct {
	localFlag
	url, signingSecret, eventType, id, file, at string
	age                                         time.Duration
	count, parallel, expect                     int
	forge, json                                 bool
}

const sendHelp = `Sign thin events, post them to a webhook as Stripe would, and print each answer and a summary.

With --local the webhook and its secret are those of the stack that meterbridge local runs in this folder.

Without --file each event is made up. Each has a different id, unless --id sets one, which --count then repeats. A file is
sent byte for byte, whatever its content. Where others can see command lines, give the secret in the environment variable
SIGNING_SECRET. To test a deployed stack without disturbing its real traffic, add a second secret of your own to the stack's
signing secret, as a JSON array of both.

A stack that fetches from the real Stripe cannot find a made-up event: it tries a few times and then parks the event
(not_found). Use --id with the id of a real event to get its full event.

On a terminal, several events are shown as a bar, with a line for each answer that is not the expected one. The command ends
early when it cannot connect, or when ` + goneText + ` deliveries in a row get no answer.

Exit status:
  0  each answer is 2xx, or has the status of --expect
  1  an answer is different or missing, or the command was interrupted
  2  the command could not run`

const sendExamples = `  meterbridge send --local --count 1000 --parallel 16
  SIGNING_SECRET=whsec_… meterbridge send
  meterbridge send --url https://….execute-api.us-east-1.amazonaws.com/webhook --signing-secret whsec_… --count 20
  meterbridge send --local --id evt_test_… --count 2          the same event twice, at once
  meterbridge send --local --forge --expect 400               signed with another secret
  meterbridge send --local --age 10m --expect 400             signed too long ago
  meterbridge send --local --file event.json --json | jq .status`

func newSend(p process) *cobra.Command {
	var flags sendFlags
	command := &cobra.Command{
		Use:     "send",
		Short:   "Post signed events to a webhook, as Stripe would",
		Long:    sendHelp,
		Example: sendExamples,
		Args:    cobra.NoArgs,
		RunE:    func(command *cobra.Command, _ []string) error { return runSend(command.Context(), p, flags) },
	}
	flags.add(command)
	f := command.Flags()
	f.StringVar(&flags.url, "url", "http://127.0.0.1:8787/webhook", "webhook to post to")
	f.StringVar(&flags.signingSecret, "signing-secret", "", "secret to sign with (or "+signingSecretEnv+")")
	f.StringVar(&flags.eventType, "type", v2events.MeterErrorReportTriggered.Type(), "type of the events")
	f.StringVar(&flags.id, "id", "", "id of the events (default: a new one for each)")
	f.IntVar(&flags.count, "count", 1, "how many events to send")
	f.IntVar(&flags.parallel, "parallel", 8, "how many deliveries may be in progress at once")
	f.StringVar(&flags.file, "file", "", "file to send instead of made-up events; - is standard input")
	f.StringVar(&flags.at, "at", "", "time of the signature, as in 2026-11-22T09:00:00Z (default: now)")
	f.DurationVar(&flags.age, "age", 0, "how long ago the signature was made")
	f.BoolVar(&flags.forge, "forge", false, "sign with a random secret")
	f.IntVar(&flags.expect, "expect", 0, "status that every answer must have (default: any 2xx)")
	f.BoolVar(&flags.json, "json", false, "print a JSON object for each answer, and one with the counts")
	command.MarkFlagsMutuallyExclusive("file", "id")
	command.MarkFlagsMutuallyExclusive("file", "type")
	command.MarkFlagsMutuallyExclusive("at", "age")
	command.MarkFlagsMutuallyExclusive("forge", "signing-secret")
	command.MarkFlagsMutuallyExclusive("local", "signing-secret")
	command.MarkFlagsMutuallyExclusive("local", "url")
	return command
}

const signingSecretEnv = "SIGNING_SECRET"

func runSend(ctx context.Context, p process, flags sendFlags) error {
	s, err := newSender(ctx, p, flags, time.Now)
	if err != nil {
		return err
	}
	return s.run(ctx, p)
}

// A sender makes signed deliveries. It is used once.
type sender struct {
	flags  sendFlags
	secret stripesig.Secret
	body   []byte    // from --file
	at     time.Time // from --at
	now    func() time.Time

	mu     sync.Mutex // guards what follows
	report report
	tally  tally
}

func newSender(ctx context.Context, p process, flags sendFlags, now func() time.Time) (*sender, error) {
	found, err := flags.find(ctx)
	if err != nil {
		return nil, err
	}
	if found != nil {
		flags.url, flags.signingSecret = found.Webhook, cmp.Or(flags.signingSecret, found.SigningSecret)
	}
	s := &sender{flags: flags, now: now, report: report{out: p.stdout, json: flags.json}, tally: tally{statuses: map[int]int{}}}
	switch {
	case found != nil && found.Webhook == "":
		return nil, fmt.Errorf("--local: the stack at %s has no webhook: its template has no function that reads %s", found.Address, config.SigningSecretID)
	case !isOrigin(flags.url):
		return nil, fmt.Errorf("--url %s: want the full URL of a webhook, such as the stack's output WebhookUrl", flags.url)
	case flags.count < 1:
		return nil, errors.New("--count: want 1 or more")
	case flags.parallel < 1 || flags.parallel > mostParallel:
		return nil, fmt.Errorf("--parallel %d: want 1 to %d", flags.parallel, mostParallel)
	}
	if flags.at != "" {
		if s.at, err = time.Parse(time.RFC3339, flags.at); err != nil {
			return nil, fmt.Errorf("--at %s: want a time such as 2026-11-22T09:00:00Z", flags.at)
		}
	}
	if s.secret, err = flags.secret(p); err != nil {
		return nil, err
	}
	if flags.file != "" {
		s.body, err = p.readBody(ctx, flags.file)
	}
	return s, err
}

func (f sendFlags) secret(p process) (stripesig.Secret, error) {
	fromEnv, _ := p.env(signingSecretEnv)
	secret := cmp.Or(f.signingSecret, fromEnv)
	switch {
	case f.forge:
		secret = "whsec_" + randomHex(24)
	case secret == "":
		return "", fmt.Errorf("no signing secret: set --signing-secret or %s; or use --local for the stack that meterbridge local runs", signingSecretEnv)
	}
	return stripesig.Secret(secret), nil
}

// readBody reads a file or, if its name is "-", standard input.
func (p process) readBody(ctx context.Context, name string) ([]byte, error) {
	const most = 64 << 20 // to see what becomes of a body that is too large, more than API Gateway takes
	from, what := p.stdin, "standard input"
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("--file: %w", err)
		}
		defer file.Close()
		from, what = file, name
	}
	var body []byte
	var err error
	read := make(chan struct{})
	go func() {
		defer close(read)
		body, err = io.ReadAll(io.LimitReader(from, most+1))
	}()
	select {
	case <-ctx.Done(): // the terminal or pipe may stay silent
		return nil, errInterrupted
	case <-read:
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("--file: %w", err)
	case len(body) > most:
		return nil, fmt.Errorf("--file: %s has more than %d MiB", what, most>>20)
	}
	return body, nil
}

// next returns the next body to post, and the id to print for it.
func (s *sender) next() (id string, body []byte, err error) {
	if s.flags.file != "" {
		var event struct{ ID string }
		_ = json.Unmarshal(s.body, &event) // a body that is not an event is sent too, without an id
		return event.ID, s.body, nil
	}
	id = cmp.Or(s.flags.id, "evt_test_"+randomHex(12))
	body, err = thinEvent(id, s.flags.eventType, s.now())
	return id, body, err
}

// thinEvent makes up an event: a copy of Stripe's example of its type, if there is one.
func thinEvent(id, eventType string, created time.Time) ([]byte, error) {
	for _, sample := range stripe.Samples() {
		thin, err := v2events.ParseThinEvent(sample.Thin)
		if err != nil {
			return nil, fmt.Errorf("sample %s: %w", sample.Name, err)
		}
		if thin.Type == eventType {
			return sample.Renew(id, created).Thin, nil
		}
	}
	return json.Marshal(v2events.ThinEvent{ID: id, Type: eventType, Created: created.UTC().Truncate(time.Millisecond)})
}
