// Reconciler is the Lambda function that finds, on a schedule, events that Stripe lists but the
// ledger has never seen, and puts them on the bus.
package main

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/meterbridge/meterbridge/functions/reconciler"
	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/internal/stack"
	"github.com/meterbridge/meterbridge/internal/telemetry"
	"github.com/meterbridge/meterbridge/internal/transport"
)

func main() {
	service, awsErr := stack.FunctionConfig()
	h, err := wire(os.LookupEnv, service, os.Stdout, time.Now)
	if err := errors.Join(err, awsErr); err != nil {
		telemetry.NewLogger(os.Stdout, slog.LevelError).Error("start", slog.String("error", err.Error()))
		os.Exit(1)
	}
	lambda.Start(h.Handle)
}

// wire makes the handler; its error reports every fault of the configuration. It does not read the
// API key: while there is none, as after a first deployment, a run that fails with a message is
// more useful than a function that does not start.
func wire(lookup config.Lookup, service aws.Config, out io.Writer, now func() time.Time) (*reconciler.Handler, error) {
	c, err := config.LoadReconciler(lookup)
	if err != nil {
		return nil, err
	}
	log := telemetry.NewLogger(out, c.LogLevel)
	metrics := telemetry.NewMetrics(out, c.EventBusName, "reconciler", c.LogLevel, now)
	return reconciler.New(reconciler.Parts{
		Config: c,
		Keyring: secret.New(secretsmanager.NewFromConfig(service), c.APIKeySecretID,
			reconciler.BuildClients(c, transport.New(0)), &secret.Options{
				Now:        now,
				OnStale:    metrics.OnError(log, telemetry.SecretStale, "", "API key is stale"),
				OnUnusable: metrics.OnError(log, telemetry.SecretUnusable, "api_key", "API key is unusable"),
			}),
		Ledger:  ledger.New(dynamodb.NewFromConfig(service), c.LedgerTable, &ledger.Options{Now: now}),
		Bus:     bus.New(eventbridge.NewFromConfig(service), c.EventBusName, nil),
		Now:     now,
		Log:     log,
		Metrics: metrics,
	}), nil
}
