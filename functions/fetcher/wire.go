package fetcher

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/ledger"
	sqsqueue "github.com/meterbridge/meterbridge/internal/queue"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/internal/telemetry"
)

// Wire makes the fetcher. It reads the API key already, so that a function that could fetch nothing does not start, and
// reports that together with every fault of the configuration.
func Wire(ctx context.Context, lookup config.Lookup, service aws.Config, out io.Writer, now func() time.Time) (*fetcher, error) {
	c, err := config.LoadFetcher(lookup)
	log := telemetry.NewLogger(out, c.LogLevel)
	metrics := telemetry.NewMetrics(out, c.EventBusName, "fetcher", c.LogLevel, now)
	keys := secret.New(secretsmanager.NewFromConfig(service), c.APIKeySecretID, clientBuild(stripeOptions(c, newTransport())), &secret.Options{
		Now: now,
		OnStale: func(err error) {
			log.Warn("API key is stale", slog.String("error", err.Error()))
			metrics.Count(telemetry.SecretStale, 1)
		},
	})
	if c.APIKeySecretID != "" {
		_, secretErr := keys.Get(ctx)
		err = errors.Join(err, secretErr)
	}
	if err != nil {
		return nil, err
	}
	return &fetcher{
		stripe:  stripe{keys},
		bus:     bus.New(eventbridge.NewFromConfig(service), c.EventBusName, nil),
		queue:   sqsqueue.New(sqs.NewFromConfig(service), c.FetchQueueURL, c.DeadLetterQueueURL),
		ledger:  ledger.New(dynamodb.NewFromConfig(service), c.LedgerTable, &ledger.Options{Now: now}),
		pacer:   newPacer(c.StripeRateLimit, now),
		now:     now,
		random:  rand.Float64,
		log:     log,
		metrics: metrics,
	}, nil
}
