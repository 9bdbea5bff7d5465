package alarms_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/meterbridge/meterbridge/functions/fetcher"
	"github.com/meterbridge/meterbridge/functions/reconciler"
	"github.com/meterbridge/meterbridge/functions/webhook"
	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/queue"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/internal/telemetry"
	"github.com/meterbridge/meterbridge/internal/testbed"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// metrics returns the metrics of a function.
func (w *world) metrics(service string) *telemetry.Metrics {
	return telemetry.NewMetrics(output{w, service}, testbed.BusName, service, slog.LevelInfo, time.Now)
}

func (w *world) log(service string) *slog.Logger {
	return telemetry.NewLogger(output{w, service}, slog.LevelInfo)
}

func (w *world) secretOptions(service string) *secret.Options {
	return &secret.Options{
		Now: time.Now, OnStale: w.metrics(service).OnError(w.log(service), telemetry.SecretStale, "", "secret is stale"),
		OnUnusable: w.metrics(service).OnError(w.log(service), telemetry.SecretUnusable, "api_key", "secret is unusable"),
	}
}

func (w *world) bus() *bus.Bus {
	return bus.New(eventbridge.NewFromConfig(w.AWS), testbed.BusName, nil)
}

func (w *world) ledger() *ledger.Ledger {
	return ledger.New(dynamodb.NewFromConfig(w.AWS), testbed.LedgerName, &ledger.Options{Now: time.Now})
}

// post sends a request to the webhook's URL, and returns the status of the answer.
func (w *world) post(body, signature string) int {
	w.measure("AWS/ApiGateway", "Count", "ApiId", "Api", 1)
	status := w.invokeWebhook(body, signature)
	switch status / 100 {
	case 4:
		w.measure("AWS/ApiGateway", "4xx", "ApiId", "Api", 1)
	case 5:
		w.measure("AWS/ApiGateway", "5xx", "ApiId", "Api", 1)
	}
	w.route()
	return status
}

func (w *world) invokeWebhook(body, signature string) int {
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	w.measure("AWS/Lambda", "Invocations", "FunctionName", "WebhookFunction", 1)
	if w.webhook == nil {
		c := config.Webhook{SignatureTolerance: stripesig.DefaultTolerance, PreviousSecretFor: 24 * time.Hour}
		verifiers := secret.New(secretsmanager.NewFromConfig(w.AWS), testbed.SigningSecret, webhook.BuildVerifier(c, time.Now, func(error) {}), w.secretOptions("webhook"))
		if _, err := verifiers.Get(ctx); err != nil { // the function does not start
			w.measure("AWS/Lambda", "Errors", "FunctionName", "WebhookFunction", 1)
			return http.StatusInternalServerError
		}
		w.webhook = webhook.New(webhook.Parts{
			Verifiers: verifiers, Bus: w.bus(), Now: time.Now, Log: w.log("webhook"), Metrics: w.metrics("webhook"),
		}).Invoke
	}
	var request events.APIGatewayV2HTTPRequest
	request.RequestContext.HTTP.Method = http.MethodPost
	request.Body, request.Headers = body, map[string]string{}
	if signature != "" {
		request.Headers["stripe-signature"] = signature
	}
	payload, err := json.Marshal(request)
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := w.webhook(ctx, payload)
	if err != nil {
		w.t.Fatal(err)
	}
	var response events.APIGatewayV2HTTPResponse
	if err := json.Unmarshal(out, &response); err != nil {
		w.t.Fatal(err)
	}
	return response.StatusCode
}

// poll does what the queue's event source mapping does: it invokes the fetcher with a batch.
func (w *world) poll(ctx context.Context) {
	if w.current().notPolled {
		select {
		case <-ctx.Done():
		case <-time.After(time.Minute):
		}
		return
	}
	messages := w.Queue.Receive(ctx, 10, time.Hour, 6*time.Minute)
	if len(messages) == 0 {
		return
	}
	var batch events.SQSEvent
	w.mu.Lock()
	for _, m := range messages {
		w.received[m.ID] = m.ReceiveCount
		batch.Records = append(batch.Records, events.SQSMessage{
			MessageId: m.ID, ReceiptHandle: m.Receipt, Body: m.Body, Attributes: map[string]string{
				"ApproximateReceiveCount": strconv.Itoa(m.ReceiveCount), "SentTimestamp": strconv.FormatInt(m.Sent.UnixMilli(), 10),
			},
		})
	}
	w.mu.Unlock()
	failed, err := w.invokeFetcher(batch)
	if err != nil {
		w.measure("AWS/Lambda", "Errors", "FunctionName", "FetcherFunction", 1)
		return // the messages stay hidden until their visibility timeout ends
	}
	w.route()
	for _, m := range messages {
		if failed[m.ID] {
			continue
		}
		if err := w.Queue.Delete(m.Receipt); err != nil {
			w.t.Fatal(err)
		}
		w.measure("AWS/SQS", "NumberOfMessagesDeleted", "QueueName", "FetchQueue", 1)
		w.mu.Lock()
		delete(w.sent, m.ID)
		delete(w.received, m.ID)
		w.mu.Unlock()
	}
}

func (w *world) invokeFetcher(batch events.SQSEvent) (map[string]bool, error) {
	w.measure("AWS/Lambda", "Invocations", "FunctionName", "FetcherFunction", 1)
	if w.current().fetcherCrashes {
		return nil, context.DeadlineExceeded
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	h, err := w.startFetcher(ctx)
	if err != nil {
		return nil, err
	}
	response, err := h.Handle(ctx, batch)
	failed := map[string]bool{}
	for _, failure := range response.BatchItemFailures {
		failed[failure.ItemIdentifier] = true
	}
	return failed, err
}

func (w *world) startFetcher(ctx context.Context) (*fetcher.Handler, error) {
	w.mu.Lock()
	h := w.fetcher
	w.mu.Unlock()
	if h != nil {
		return h, nil
	}
	clients := fetcher.BuildClients(config.Fetcher{StripeAPIBase: "https://stripe.test"}, w.HTTP)
	keyring := secret.New(secretsmanager.NewFromConfig(w.AWS), testbed.APIKey, clients, w.secretOptions("fetcher"))
	if _, err := keyring.Get(ctx); err != nil {
		return nil, err
	}
	messages := awssqs.NewFromConfig(w.AWS)
	h = fetcher.New(fetcher.Parts{
		Keyring: keyring, Bus: w.bus(), Ledger: w.ledger(), RateLimit: w.current().perSecond,
		Queue: queue.New(messages, w.Queue.Config().URL), DeadLetters: queue.New(messages, w.DeadLetters.Config().URL),
		Now: time.Now, Random: func() float64 { return 0 }, Log: w.log("fetcher"), Metrics: w.metrics("fetcher"),
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fetcher = h
	return h, nil
}

// reconcile does what the schedule does.
func (w *world) reconcile(ctx context.Context) {
	if w.current().noSchedule {
		return
	}
	w.measure("AWS/Lambda", "Invocations", "FunctionName", "ReconcilerFunction", 1)
	if w.reconciler == nil {
		c := config.Reconciler{ReconcileTypes: []string{meterType}, ReconcileLookback: 72 * time.Hour, StripeAPIBase: "https://stripe.test"}
		w.reconciler = reconciler.New(reconciler.Parts{
			Config: c, Ledger: w.ledger(), Bus: w.bus(), Now: time.Now, Log: w.log("reconciler"), Metrics: w.metrics("reconciler"),
			Keyring: secret.New(secretsmanager.NewFromConfig(w.AWS), testbed.APIKey, reconciler.BuildClients(c, w.HTTP), w.secretOptions("reconciler")),
		})
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if _, err := w.reconciler.Handle(ctx, reconciler.Request{}); err != nil {
		w.measure("AWS/Lambda", "Errors", "FunctionName", "ReconcilerFunction", 1)
	}
	w.route()
}
