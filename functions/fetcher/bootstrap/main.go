// Fetcher is the Lambda function that turns the thin events in a queue into full events on the bus.
package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/meterbridge/meterbridge/functions/fetcher"
	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/queue"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/internal/stack"
	"github.com/meterbridge/meterbridge/internal/telemetry"
)

func main() {
	service, awsErr := stack.FunctionConfig()
	h, err := wire(context.Background(), os.LookupEnv, service, os.Stdout, time.Now)
	if err := errors.Join(err, awsErr); err != nil {
		telemetry.NewLogger(os.Stdout, slog.LevelError).Error("start", slog.String("error", err.Error()))
		os.Exit(1)
	}
	lambda.Start(h.Handle)
}

// wire makes the handler. It reads the API key at once, so that a function without a usable key
// does not start; its error reports that together with every fault of the configuration.
func wire(ctx context.Context, lookup config.Lookup, service aws.Config, out io.Writer, now func() time.Time) (*fetcher.Handler, error) {
	c, err := config.LoadFetcher(lookup)
	log := telemetry.NewLogger(out, c.LogLevel)
	metrics := telemetry.NewMetrics(out, c.EventBusName, "fetcher", c.LogLevel, now)
	keyring := secret.New(secretsmanager.NewFromConfig(service), c.APIKeySecretID,
		fetcher.BuildClients(c, fetcher.NewTransport()), &secret.Options{
			Now:        now,
			OnStale:    metrics.OnError(log, telemetry.SecretStale, "", "API key is stale"),
			OnUnusable: metrics.OnError(log, telemetry.SecretUnusable, "api_key", "API key is unusable"),
		})
	if c.APIKeySecretID != "" {
		_, secretErr := keyring.Get(ctx)
		err = errors.Join(err, secretErr)
	}
	if err != nil {
		return nil, err
	}
	messages := sqs.NewFromConfig(service)
	return fetcher.New(fetcher.Parts{
		Keyring:     keyring,
		Bus:         bus.New(eventbridge.NewFromConfig(service), c.EventBusName, nil),
		Queue:       queue.New(messages, c.FetchQueueURL),
		DeadLetters: queue.New(messages, c.DeadLetterQueueURL),
		Ledger:      ledger.New(dynamodb.NewFromConfig(service), c.LedgerTable, &ledger.Options{Now: now}),
		Now:         now,
		Random:      rand.Float64,
		Log:         log,
		Metrics:     metrics,
		RateLimit:   c.StripeRateLimit,
	}), nil
}
