// Reconciler is the Lambda function that looks, on a schedule, for events that Stripe has and nobody brought, and puts
// them on the bus.
package main

import (
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/meterbridge/meterbridge/functions/reconciler"
	"github.com/meterbridge/meterbridge/internal/awsenv"
	"github.com/meterbridge/meterbridge/internal/telemetry"
)

func main() {
	aws, awsErr := awsenv.Load()
	r, err := reconciler.Wire(os.LookupEnv, aws, os.Stdout, time.Now)
	if err := errors.Join(err, awsErr); err != nil {
		telemetry.NewLogger(os.Stdout, slog.LevelError).Error("start", slog.String("error", err.Error()))
		os.Exit(1)
	}
	lambda.Start(r.Handle)
}
