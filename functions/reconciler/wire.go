package reconciler

import (
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/internal/telemetry"
)

// Wire makes the reconciler and reports every fault of the configuration. The API key is not read yet: before there is
// one, as after a first deployment, a schedule that fails says more than a function that does not start.
func Wire(lookup config.Lookup, service aws.Config, out io.Writer, now func() time.Time) (*reconciler, error) {
	c, err := config.LoadReconciler(lookup)
	log := telemetry.NewLogger(out, c.LogLevel)
	metrics := telemetry.NewMetrics(out, c.EventBusName, "reconciler", c.LogLevel, now)
	if err != nil {
		return nil, err
	}
	book := ledger.New(dynamodb.NewFromConfig(service), c.LedgerTable, &ledger.Options{Now: now})
	return &reconciler{
		config: c,
		keys: secret.New(secretsmanager.NewFromConfig(service), c.APIKeySecretID, clientBuild(c, http.DefaultTransport), &secret.Options{
			Now: now,
			OnStale: func(err error) {
				log.Warn("API key is stale", slog.String("error", err.Error()))
				metrics.Count(telemetry.SecretStale, 1)
			},
		}),
		ledger:      book,
		checkpoints: book,
		bus:         bus.New(eventbridge.NewFromConfig(service), c.EventBusName, nil),
		now:         now,
		log:         log,
		metrics:     metrics,
	}, nil
}
