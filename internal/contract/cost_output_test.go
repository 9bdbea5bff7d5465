package contract_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/meterbridge/meterbridge/functions/fetcher"
	"github.com/meterbridge/meterbridge/functions/webhook"
	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/queue"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/internal/telemetry"
	"github.com/meterbridge/meterbridge/internal/testbed"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// output is how many bytes the functions write about an event, rounded, since the digits of times
// and durations differ from run to run.
type output struct{ batched, single int }

// measureOutput runs the webhook and the fetcher on Stripe's example of a meter's error report. It
// returns what they write about one event, and the sizes of both events on the bus.
func measureOutput(t *testing.T) (written output, thin, full int) {
	t.Helper()
	sample := stripe.Samples()[0].Renew("evt_test_65R2GpwDsnmpzihMjdT16R2GDhI4SQdXJGRbvn7JA8mPEm", testbed.Start)
	b := testbed.New(t, &testbed.Options{Tick: time.Millisecond})
	b.PutSecret(t, testbed.SigningSecret, "whsec_0123456789abcdef01234567")
	b.PutSecret(t, testbed.APIKey, "sk_test_123")
	b.Answer(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(stripe.Samples()[0].Renew(path.Base(r.URL.Path), testbed.Start).Full)
	})
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "8476a536-e9f4-11e8-9739-2dfe598c3fcd"})

	received := runWebhook(ctx, t, b, sample.Thin)
	batch := runFetcher(ctx, t, b, batchSize)
	single := runFetcher(ctx, t, b, 1)
	for _, e := range b.Events() {
		size := bus.Entry{Source: e.Source, DetailType: e.DetailType, Detail: e.Detail, Resources: e.Resources}
		if e.Source == bus.SourceThin {
			thin = max(thin, size.Size())
		} else {
			full = max(full, size.Size())
		}
	}
	if received == 0 || single == 0 || batch < batchSize*100 || thin == 0 || full <= thin {
		t.Fatalf("the webhook wrote %d bytes, the fetcher %d and %d; the events have %d and %d", received, batch, single, thin, full)
	}
	return output{batched: rounded(received + batch/batchSize), single: rounded(received + single)}, thin, full
}

// rounded returns the nearest multiple of 20.
func rounded(n int) int { return (n + 10) / 20 * 20 }

// runWebhook returns how many bytes the webhook writes about a delivery.
func runWebhook(ctx context.Context, t *testing.T, b *testbed.Bed, body []byte) int {
	t.Helper()
	var out bytes.Buffer
	c := config.Webhook{SignatureTolerance: stripesig.DefaultTolerance}
	h := webhook.New(webhook.Parts{
		Verifiers: secret.New(secretsmanager.NewFromConfig(b.AWS), testbed.SigningSecret, webhook.BuildVerifier(c, b.Now, func(error) {}), &secret.Options{Now: b.Now}),
		Bus:       bus.New(eventbridge.NewFromConfig(b.AWS), testbed.BusName, nil),
		Now:       b.Now, Log: telemetry.NewLogger(&out, slog.LevelInfo),
		Metrics: telemetry.NewMetrics(&out, testbed.BusName, "webhook", slog.LevelInfo, b.Now),
	})
	var request events.APIGatewayV2HTTPRequest
	request.RequestContext.HTTP.Method, request.Body = http.MethodPost, string(body)
	request.Headers = map[string]string{"stripe-signature": stripesig.Secret("whsec_0123456789abcdef01234567").Sign(body, b.Now())}
	if answer, err := h.Invoke(ctx, encode(t, request)); err != nil || !bytes.Contains(answer, []byte(`"statusCode":200`)) {
		t.Fatalf("the webhook answered %s, %v", answer, err)
	}
	return out.Len()
}

// runFetcher returns how many bytes the fetcher writes about a batch of new events.
func runFetcher(ctx context.Context, t *testing.T, b *testbed.Bed, size int) int {
	t.Helper()
	var out bytes.Buffer
	clients := fetcher.BuildClients(config.Fetcher{StripeAPIBase: "https://stripe.test"}, b.HTTP)
	messages := sqs.NewFromConfig(b.AWS)
	h := fetcher.New(fetcher.Parts{
		Keyring: secret.New(secretsmanager.NewFromConfig(b.AWS), testbed.APIKey, clients, &secret.Options{Now: b.Now}),
		Bus:     bus.New(eventbridge.NewFromConfig(b.AWS), testbed.BusName, nil),
		Queue:   queue.New(messages, b.Queue.Config().URL), DeadLetters: queue.New(messages, b.DeadLetters.Config().URL),
		Ledger: ledger.New(dynamodb.NewFromConfig(b.AWS), testbed.LedgerName, &ledger.Options{Now: b.Now}),
		Now:    b.Now, Random: func() float64 { return 0 }, Log: telemetry.NewLogger(&out, slog.LevelInfo),
		Metrics: telemetry.NewMetrics(&out, testbed.BusName, "fetcher", slog.LevelInfo, b.Now),
	})
	var batch events.SQSEvent
	for n := range size {
		id := fmt.Sprintf("evt_test_65R2GpwDsnmpzihMjdT16R2GDhI4SQdXJGRbvn7JA%02d%04d", size, n)
		thin := stripe.Samples()[0].Renew(id, testbed.Start).Thin
		batch.Records = append(batch.Records, events.SQSMessage{
			MessageId: id, ReceiptHandle: id, Body: testbed.Delivered(bus.SourceThin, testbed.MeterType, string(thin)),
			Attributes: map[string]string{"ApproximateReceiveCount": "1"},
		})
	}
	if response, err := h.Handle(ctx, batch); err != nil || len(response.BatchItemFailures) > 0 {
		t.Fatalf("the fetcher answered %+v, %v\n%s", response, err, &out)
	}
	return out.Len()
}
