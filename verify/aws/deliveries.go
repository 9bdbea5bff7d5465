package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// deliver sends a request to the stack's HTTP API. It reads the name of the API from the URL that
// an operator would register with Stripe. MiniStack itself encodes binary content types in base64.
func (s *ministackStack) deliver(ctx context.Context, body []byte, headers map[string]string, _ bool) (int, string, error) {
	registered, err := url.Parse(s.state.outputs["WebhookUrl"])
	if err != nil {
		return 0, "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint+registered.Path, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	api, _, _ := strings.Cut(registered.Host, ".")
	_, port, err := net.SplitHostPort(request.Host)
	if err != nil {
		return 0, "", err
	}
	request.Host = api + ".execute-api.localhost:" + port
	return send(request, headers)
}

// settle waits until the fetcher's queue is empty.
func (s *ministackStack) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for empty := 0; empty < 3; {
		n, err := s.depth(ctx, "FetchQueue")
		if err != nil {
			return err
		}
		if empty++; n > 0 {
			empty = 0
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("FetchQueue still has %d messages: %w", n, ctx.Err())
		}
	}
	return nil
}

// depth returns the number of messages in a queue, including those that are hidden.
func (s *ministackStack) depth(ctx context.Context, queue string) (n int, err error) {
	queueURL := s.name(queue)
	out, err := s.queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &queueURL, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
	if err != nil {
		return 0, fmt.Errorf("attributes of %s: %w", queue, err)
	}
	for _, name := range []types.QueueAttributeName{
		types.QueueAttributeNameApproximateNumberOfMessages,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
	} {
		var count int
		if _, err := fmt.Sscan(out.Attributes[string(name)], &count); err != nil {
			return 0, fmt.Errorf("%s of %s: %w", name, queue, err)
		}
		n += count
	}
	return n, nil
}

// deliveries runs the scenario of end-to-end on MiniStack, through the HTTP API to the consumers'
// queues, and compares the recordings if end-to-end has run. Then it redrives a dead letter and
// invokes the reconciler.
func (w *workspace) deliveries(ctx context.Context) (string, error) {
	s, scenario := w.ministack, w.scenario
	if scenario == nil {
		scenario = newScenario(time.Now())
	}
	for _, full := range scenario.known {
		if err := s.stripe.AddEvent(full); err != nil {
			return "", err
		}
	}
	if err := errors.Join(s.setSecrets(ctx), s.forget(ctx)); err != nil {
		return "", err
	}
	if err := s.rotate(ctx, s.name("SigningSecret"), string(secondSecret)); err != nil {
		return "", err
	}
	everything := s.name("EverythingQueue") // has the pings of operate
	if _, err := s.queues.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: &everything}); err != nil {
		return "", fmt.Errorf("purge EverythingQueue: %w", err)
	}
	r, err := scenario.run(ctx, s)
	if err == nil {
		err = scenario.check(r)
	}
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, s.logTail(20))
	}
	compared := "not compared with end-to-end, which has not run"
	if w.recording != nil {
		if differences := w.recording.differences(r); len(differences) > 0 {
			return "", fmt.Errorf("%s (+) differs from %s with %s (-)\n%s",
				w.version("ministack"), w.version("rie"), w.version("moto"), strings.Join(differences, "\n"))
		}
		compared = "with the answers and messages of end-to-end"
	}
	w.say("%d dead letters; %d messages deferred", len(r.queues["DeadLetters"]), s.front.revealed())
	if err := s.redriven(ctx); err != nil {
		return "", fmt.Errorf("redrive: %w", err)
	}
	if err := s.reconciled(ctx); err != nil {
		return "", fmt.Errorf("reconcile: %w", err)
	}
	return fmt.Sprintf("%d deliveries → HTTP API → webhook → bus → rule → queue → fetcher → ledger → bus → consumers' queues: %d events on the bus, %s; a dead letter redriven; an undelivered event found by the reconciler",
		len(scenario.deliveries), len(r.events), compared), nil
}

// forget waits until an instance of the webhook that has just read its secret would read it again for
// a signature that does not match.
func (s *ministackStack) forget(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(31 * time.Second):
		return nil
	}
}

// redriven parks an event that Stripe does not know, adds it to Stripe, and redrives it.
func (s *ministackStack) redriven(ctx context.Context) error {
	const id = "evt_test_late"
	late := &scenario{}
	thin := late.sample("error_report_triggered", id, time.Now())
	late.accepted("known to Stripe only later", secondSecret, thin, id, parked+": not_found")
	if err := s.accept(ctx, late.deliveries[0]); err != nil {
		return err
	}
	if err := s.settle(ctx); err != nil {
		return err
	}
	if n, err := s.depth(ctx, "DeadLetters"); err != nil || n == 0 {
		return errors.Join(err, errors.New("no dead letter"))
	}
	if err := s.stripe.AddEvent(late.known[0]); err != nil {
		return err
	}
	out, err := s.redrive(ctx, "--apply", "--event", id)
	if err != nil {
		return err
	}
	if want := "1 redriven"; !strings.Contains(out, want) {
		return fmt.Errorf("meterbridge redrive printed %q, want %q", out, want)
	}
	s.w.say("meterbridge redrive: %s", out)
	return s.consumed(ctx, id)
}

// redrive runs meterbridge redrive with the outputs of the stack, as sam list prints them.
func (s *ministackStack) redrive(ctx context.Context, flags ...string) (string, error) {
	outputs, err := s.command().output(ctx, s.w.tools["sam"].path, "list", "stack-outputs", "--stack-name", ministackName, "--output", "json")
	if err != nil {
		return "", err
	}
	file := s.w.temporary("outputs.json")
	if err := os.WriteFile(file, outputs, 0o600); err != nil {
		return "", err
	}
	program := s.w.temporary("meterbridge")
	if _, err := (command{dir: s.w.root}).output(ctx, "go", "build", "-o", program, "./cmd/meterbridge"); err != nil {
		return "", err
	}
	out, err := s.command().output(ctx, program, append([]string{"redrive", "--outputs", file}, flags...)...)
	return strings.TrimSpace(string(out)), err
}

// reconciled adds an event to Stripe without delivering it, and invokes the reconciler.
func (s *ministackStack) reconciled(ctx context.Context) error {
	const id = "evt_test_undelivered"
	undelivered := &scenario{}
	undelivered.sample("error_report_triggered", id, time.Now())
	if err := s.stripe.AddEvent(undelivered.known[0]); err != nil {
		return err
	}
	var report json.RawMessage
	path := "/2015-03-31/functions/" + s.state.outputs["ReconcilerFunctionName"] + "/invocations"
	request := map[string]any{"since": time.Now().Add(-time.Hour), "until": time.Now().Add(time.Minute)}
	if err := s.http(ctx, "lambda", http.MethodPost, path, request, &report); err != nil {
		return err
	}
	s.w.say("the reconciler reports %s", report)
	if err := s.settle(ctx); err != nil {
		return err
	}
	return s.consumed(ctx, id)
}

// consumed waits until the fetcher is done, and checks that the consumer's queue of meter errors
// contains exactly one typed event with an id.
func (s *ministackStack) consumed(ctx context.Context, id string) error {
	if err := s.settle(ctx); err != nil {
		return err
	}
	messages, err := s.drain(ctx, s.name("MeterErrorsQueue"))
	if err != nil {
		return err
	}
	found := 0
	for _, m := range messages {
		var e busEvent
		var detail struct{ ID string }
		if err := errors.Join(json.Unmarshal([]byte(*m.Body), &e), json.Unmarshal(e.Detail, &detail)); err != nil {
			return err
		}
		if e.Source == "stripe.event" && detail.ID == id {
			found++
		}
	}
	if found != 1 {
		return fmt.Errorf("the consumer got event %s %d times, want once; it got %d events", id, found, len(messages))
	}
	return nil
}

// deliverNew delivers a new event and waits until the consumer has received it in full.
func (s *ministackStack) deliverNew(ctx context.Context, id string, secret stripesig.Secret) error {
	one := &scenario{}
	one.accepted(id, secret, one.sample("error_report_triggered", id, time.Now()), id, emitted)
	if err := s.stripe.AddEvent(one.known[0]); err != nil {
		return err
	}
	if err := s.accept(ctx, one.deliveries[0]); err != nil {
		return err
	}
	return s.consumed(ctx, id)
}

// accept makes a delivery and checks the status of the answer.
func (s *ministackStack) accept(ctx context.Context, d delivery) error {
	body, headers := d.request(time.Now())
	status, answer, err := s.deliver(ctx, body, headers, d.binary)
	if err == nil && status != d.status {
		err = fmt.Errorf("%s: answered %d %s, want %d", d.name, status, answer, d.status)
	}
	return err
}
