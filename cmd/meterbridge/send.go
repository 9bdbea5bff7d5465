package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

type sendFlags struct {
	url, signingSecret, eventType, id, file, at string
	age                                         time.Duration
	count, expect                               int
	forge, json                                 bool
}

const sendHelp = `Sign thin events, post them to a webhook as Stripe would, and print each answer.

Without --file each event is made up. Each has a different id, unless --id sets one, which --count then repeats. A file is
sent byte for byte, whatever its content. Where others can see command lines, give the secret in the environment variable
SIGNING_SECRET. To test a deployed stack without disturbing its real traffic, add a second secret of your own to the stack's
signing secret, as a JSON array of both.

A stack that fetches from the real Stripe cannot find a made-up event: it tries a few times and then parks the event
(not_found). Use --id with the id of a real event to get its full event.

Exit status:
  0  each answer is 2xx, or has the status of --expect
  1  an answer is different or missing
  2  the command could not run`

const sendExamples = `  SIGNING_SECRET=whsec_… meterbridge send
  meterbridge send --url https://….execute-api.us-east-1.amazonaws.com/webhook --signing-secret whsec_… --count 20
  meterbridge send --id evt_test_… --count 2                  the same event twice
  meterbridge send --forge --expect 400                       signed with another secret
  meterbridge send --age 10m --expect 400                     signed too long ago
  meterbridge send --file event.json --json | jq .status`

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
	f := command.Flags()
	f.StringVar(&flags.url, "url", "http://127.0.0.1:8787/webhook", "webhook to post to")
	f.StringVar(&flags.signingSecret, "signing-secret", "", "secret to sign with (or "+signingSecretEnv+")")
	f.StringVar(&flags.eventType, "type", v2events.MeterErrorReportTriggered.Type(), "type of the events")
	f.StringVar(&flags.id, "id", "", "id of the events (default: a new one for each)")
	f.IntVar(&flags.count, "count", 1, "how many events to send, one after the other")
	f.StringVar(&flags.file, "file", "", "file to send instead of made-up events; - is standard input")
	f.StringVar(&flags.at, "at", "", "time of the signature, as in 2026-11-22T09:00:00Z (default: now)")
	f.DurationVar(&flags.age, "age", 0, "how long ago the signature was made")
	f.BoolVar(&flags.forge, "forge", false, "sign with a random secret")
	f.IntVar(&flags.expect, "expect", 0, "status that every answer must have (default: any 2xx)")
	f.BoolVar(&flags.json, "json", false, "print a JSON object for each answer")
	command.MarkFlagsMutuallyExclusive("file", "id")
	command.MarkFlagsMutuallyExclusive("file", "type")
	command.MarkFlagsMutuallyExclusive("at", "age")
	command.MarkFlagsMutuallyExclusive("forge", "signing-secret")
	return command
}

const signingSecretEnv = "SIGNING_SECRET"

func runSend(ctx context.Context, p process, flags sendFlags) error {
	s, err := newSender(p, flags, time.Now)
	if err != nil {
		return err
	}
	wrong := 0
	for i := range flags.count {
		if ctx.Err() != nil {
			return &failure{fmt.Sprintf("interrupted after %d of %d", i, flags.count)}
		}
		id, body, err := s.next()
		if err != nil {
			return err
		}
		if !s.send(ctx, id, body) {
			wrong++
		}
	}
	if wrong > 0 {
		return &failure{fmt.Sprintf("answers that are not %s: %d of %d", s.wanted(), wrong, flags.count)}
	}
	return nil
}

type sender struct {
	flags  sendFlags
	p      process
	secret stripesig.Secret
	body   []byte    // from --file
	at     time.Time // from --at
	now    func() time.Time
}

func newSender(p process, flags sendFlags, now func() time.Time) (*sender, error) {
	s := &sender{flags: flags, p: p, now: now}
	var err error
	switch {
	case !isOrigin(flags.url):
		return nil, fmt.Errorf("--url %s: want the full URL of a webhook, such as the stack's output WebhookUrl", flags.url)
	case flags.count < 1:
		return nil, errors.New("--count: want 1 or more")
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
		s.body, err = readFile(flags.file)
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
		return "", fmt.Errorf("no signing secret: set --signing-secret or %s; meterbridge local prints its secret when it starts", signingSecretEnv)
	}
	return stripesig.Secret(secret), nil
}

func readFile(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(os.Stdin)
	}
	body, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("--file: %w", err)
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

type answer struct {
	ID     string `json:"id"`
	Status int    `json:"status"` // 0 without an answer
	Body   string `json:"body"`
	Millis int64  `json:"milliseconds"`
	Error  string `json:"error,omitempty"`
}

// deliveryTimeout is longer than a stack should take. Stripe does not publish its own timeout.
const deliveryTimeout = 30 * time.Second

// send posts one delivery, prints the answer and reports whether it is the expected one.
func (s *sender) send(ctx context.Context, id string, body []byte) bool {
	ctx, cancel := context.WithTimeout(ctx, deliveryTimeout)
	defer cancel()
	at := s.at
	if at.IsZero() {
		at = s.now().Add(-s.flags.age)
	}
	started := s.now()
	status, text, err := stripe.Post(ctx, webhookClient, s.flags.url, stripe.ContentType, s.secret.Sign(body, at), body)
	s.print(answer{ID: id, Status: status, Body: text, Millis: s.now().Sub(started).Milliseconds(), Error: errorText(err)})
	if s.flags.expect != 0 {
		return err == nil && status == s.flags.expect
	}
	return err == nil && status/100 == 2
}

func (s *sender) print(a answer) {
	if s.flags.json {
		writeJSON(s.p.stdout, a)
		return
	}
	line := fmt.Sprintf("%s  %d %s  %s  %d ms", cmp.Or(a.ID, "(no id)"), a.Status, http.StatusText(a.Status), a.Body, a.Millis)
	if a.Error != "" {
		line = fmt.Sprintf("%s  no answer: %s", cmp.Or(a.ID, "(no id)"), a.Error)
	}
	fmt.Fprintln(s.p.stdout, printable(line))
}

func (s *sender) wanted() string {
	if s.flags.expect != 0 {
		return fmt.Sprint(s.flags.expect)
	}
	return "2xx"
}
