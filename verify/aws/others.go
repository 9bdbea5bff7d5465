package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// others is the stack made of parts that others wrote: events as the SAM CLI generates them, AWS's Runtime Interface Emulator
// around our functions, moto between them.
type others struct {
	w                *workshop
	webhook, fetcher *emulator
	request, record  map[string]any // as sam local generate-event has them

	batches, partial, messages int
}

func (w *workshop) openOthers(ctx context.Context) (*others, error) {
	o := &others{w: w}
	var batch struct{ Records []map[string]any }
	var err error
	if o.webhook, err = w.startEmulator(ctx, "WebhookFunction"); err != nil {
		return nil, err
	}
	if o.fetcher, err = w.startEmulator(ctx, "FetcherFunction"); err != nil {
		return nil, err
	}
	for _, generate := range []struct {
		into      any
		arguments []string
	}{
		{&o.request, []string{"apigateway", "http-api-proxy", "--method", "POST", "--path", "webhook"}},
		{&batch, []string{"sqs", "receive-message"}},
	} {
		out, err := w.sam(ctx, w.scratch, append([]string{"local", "generate-event"}, generate.arguments...)...)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(out, generate.into); err != nil {
			return nil, fmt.Errorf("sam local generate-event: %w", err)
		}
	}
	if len(batch.Records) != 1 {
		return nil, errors.New("sam local generate-event sqs has not one record")
	}
	o.record = batch.Records[0]
	return o, nil
}

func (o *others) cloud() *cloud { return o.w.moto.cloud }

func (o *others) name(logical string) string {
	if arn := o.w.stack.secrets[logical]; arn != "" {
		return arn
	}
	return o.w.stack.physical[logical]
}

// deliver hands the webhook a generated event with our body and headers in it.
func (o *others) deliver(ctx context.Context, body []byte, headers map[string]string, binary bool) (int, string, error) {
	event := maps.Clone(o.request)
	event["headers"], event["body"], event["isBase64Encoded"] = headers, string(body), binary
	if binary {
		event["body"] = base64.StdEncoding.EncodeToString(body)
	}
	var answer struct {
		StatusCode int
		Headers    map[string]string
		Body       string
	}
	if err := o.webhook.invoke(ctx, event, &answer); err != nil {
		return 0, "", err
	}
	return answer.StatusCode, answer.Headers["Content-Type"] + " " + answer.Body, nil
}

// maxRounds bounds settle: an event that Stripe does not know takes five.
const maxRounds = 20

// settle plays the event source mapping as deployed: batches of its size, deletion of what the fetcher does not report as
// failed. What it does report comes back at once, as if the time of its backoff had passed.
func (o *others) settle(ctx context.Context) error {
	url := o.name("FetchQueue")
	for range maxRounds {
		messages, err := o.cloud().receive(ctx, url, o.w.stack.mapping.BatchSize)
		if err != nil || len(messages) == 0 {
			return err
		}
		if err := o.batch(ctx, url, messages); err != nil {
			return err
		}
	}
	return fmt.Errorf("the queue is not empty after %d batches", maxRounds)
}

func (o *others) batch(ctx context.Context, url string, messages []types.Message) error {
	records := make([]map[string]any, len(messages))
	for i, m := range messages {
		records[i] = maps.Clone(o.record)
		maps.Copy(records[i], map[string]any{
			"messageId": m.MessageId, "receiptHandle": m.ReceiptHandle, "body": m.Body, "md5OfBody": m.MD5OfBody,
			"attributes": m.Attributes, "eventSourceARN": o.w.stack.mapping.EventSourceArn, "awsRegion": region,
		})
	}
	var answer struct {
		BatchItemFailures []struct{ ItemIdentifier string }
	}
	if err := o.fetcher.invoke(ctx, map[string]any{"Records": records}, &answer); err != nil {
		return err
	}
	o.batches++
	o.messages += len(messages)
	if n := len(answer.BatchItemFailures); n > 0 && n < len(messages) {
		o.partial++
	}
	for _, m := range messages {
		failed := slices.ContainsFunc(answer.BatchItemFailures, func(f struct{ ItemIdentifier string }) bool { return f.ItemIdentifier == *m.MessageId })
		if err := o.settleMessage(ctx, url, m, failed); err != nil {
			return err
		}
	}
	return nil
}

func (o *others) settleMessage(ctx context.Context, url string, m types.Message, failed bool) error {
	queues := o.cloud().queues
	if !failed {
		_, err := queues.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle})
		return err
	}
	_, err := queues.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle})
	return err
}

// endToEnd holds the conversation with the parts of others.
func (w *workshop) endToEnd(ctx context.Context) (string, error) {
	s := newScript(time.Now())
	for _, full := range s.known {
		if err := w.stack.stripe.AddEvent(full); err != nil {
			return "", err
		}
	}
	o, err := w.openOthers(ctx)
	if err != nil {
		return "", err
	}
	if err := o.cloud().rotate(ctx, o.name("SigningSecret"), string(secondSecret)); err != nil {
		return "", err
	}
	r, err := s.hold(ctx, o)
	if err != nil {
		return "", fmt.Errorf("%w\nwebhook:\n%s\nfetcher:\n%s", err, tail(o.webhook.said(), 10), tail(o.fetcher.said(), 10))
	}
	if err := s.judge(r); err != nil {
		return "", fmt.Errorf("%w\nfetcher:\n%s", err, tail(o.fetcher.said(), 40))
	}
	if o.partial == 0 {
		return "", errors.New("no batch failed in part")
	}
	w.script, w.record, w.others = s, r, o
	return fmt.Sprintf("%d deliveries → %s → %s: %d events on the bus, %d messages fetched in %d batches (%d failed in part), %d dead letters",
		len(s.deliveries), w.version("rie"), w.version("moto"), len(r.events), o.messages, o.batches, o.partial, len(r.queues["DeadLetters"])), nil
}
