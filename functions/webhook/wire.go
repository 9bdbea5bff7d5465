package webhook

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/internal/telemetry"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// Wire makes the handler. It reads the secret already, so that a function that could verify nothing does not start, and
// reports that together with every fault of the configuration.
//
// The slowest answer takes 3 s for a look at the secret and 5 s for the bus, which the function's timeout has to exceed.
func Wire(ctx context.Context, lookup config.Lookup, service aws.Config, out io.Writer, now func() time.Time) (*handler, error) {
	c, err := config.LoadWebhook(lookup)
	log := telemetry.NewLogger(out, c.LogLevel)
	metrics := telemetry.NewMetrics(out, c.EventBusName, "webhook", c.LogLevel, now)
	verifiers := secret.New(secretsmanager.NewFromConfig(service), c.SigningSecretID, verifierBuild(c, now), &secret.Options{
		Now: now,
		OnStale: func(err error) {
			log.Warn("signing secret is stale", slog.String("error", err.Error()))
			metrics.Count(telemetry.SecretStale, 1)
		},
	})
	if c.SigningSecretID != "" {
		_, secretErr := verifiers.Get(ctx)
		err = errors.Join(err, secretErr)
	}
	if err != nil {
		return nil, err
	}
	bus := bus.New(eventbridge.NewFromConfig(service), c.EventBusName, nil)
	return &handler{verifiers: verifiers, bus: bus, log: log, metrics: metrics}, nil
}

func verifierBuild(c config.Webhook, now func() time.Time) secret.Build[*stripesig.Verifier] {
	return func(current, previous string) (*stripesig.Verifier, error) {
		secrets, err := secret.SigningSecrets(current, previous)
		if err != nil {
			return nil, err
		}
		return stripesig.NewVerifier(secrets, &stripesig.Options{Tolerance: c.SignatureTolerance, Now: now})
	}
}
