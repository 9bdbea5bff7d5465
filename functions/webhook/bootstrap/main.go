// Webhook is the Lambda function Stripe delivers events to. It verifies the signature, puts the
// event on the bus unchanged, and answers 2xx only after EventBridge has confirmed it.
package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/meterbridge/meterbridge/functions/webhook"
	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/config"
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
	lambda.Start(h)
}

// wire makes the handler. It reads the signing secret at once, so that a function without a usable
// secret does not start; its error reports that together with every fault of the configuration.
//
// The slowest answer takes 3 s for the secret and 5 s for the bus; the function's timeout in the
// template exceeds that.
func wire(ctx context.Context, lookup config.Lookup, service aws.Config, out io.Writer, now func() time.Time) (*webhook.Handler, error) {
	c, err := config.LoadWebhook(lookup)
	log := telemetry.NewLogger(out, c.LogLevel)
	metrics := telemetry.NewMetrics(out, c.EventBusName, "webhook", c.LogLevel, now)
	unusable := metrics.OnError(log, telemetry.SecretUnusable, "signing_secret", "signing secret is unusable")
	verifiers := secret.New(secretsmanager.NewFromConfig(service), c.SigningSecretID,
		webhook.BuildVerifier(c, now, unusable), &secret.Options{
			Now: now, OnUnusable: unusable,
			OnStale: metrics.OnError(log, telemetry.SecretStale, "", "signing secret is stale"),
		})
	if c.SigningSecretID != "" {
		_, secretErr := verifiers.Get(ctx)
		err = errors.Join(err, secretErr)
	}
	if err != nil {
		return nil, err
	}
	return webhook.New(webhook.Parts{
		Verifiers: verifiers,
		Bus:       bus.New(eventbridge.NewFromConfig(service), c.EventBusName, nil),
		Now:       now,
		Log:       log,
		Metrics:   metrics,
	}), nil
}
