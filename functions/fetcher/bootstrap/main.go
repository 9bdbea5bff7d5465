// Fetcher is the Lambda function that turns thin events from a queue into full events on the bus.
package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/meterbridge/meterbridge/functions/fetcher"
	"github.com/meterbridge/meterbridge/internal/awsenv"
	"github.com/meterbridge/meterbridge/internal/telemetry"
)

func main() {
	ctx := context.Background()
	aws, awsErr := awsenv.Load()
	f, err := fetcher.Wire(ctx, os.LookupEnv, aws, os.Stdout, time.Now)
	if err := errors.Join(err, awsErr); err != nil {
		telemetry.NewLogger(os.Stdout, slog.LevelError).Error("start", slog.String("error", err.Error()))
		os.Exit(1)
	}
	lambda.Start(f.Handle)
}
