// Webhook is the Lambda function that Stripe delivers events to. It verifies the signature, puts the event on the bus
// unchanged, and answers 2xx only once EventBridge has confirmed it.
package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/meterbridge/meterbridge/functions/webhook"
	"github.com/meterbridge/meterbridge/internal/awsenv"
	"github.com/meterbridge/meterbridge/internal/lambdahttp"
	"github.com/meterbridge/meterbridge/internal/telemetry"
)

func main() {
	ctx := context.Background()
	aws, awsErr := awsenv.Load()
	h, err := webhook.Wire(ctx, os.LookupEnv, aws, os.Stdout, time.Now)
	if err := errors.Join(err, awsErr); err != nil {
		telemetry.NewLogger(os.Stdout, slog.LevelError).Error("start", slog.String("error", err.Error()))
		os.Exit(1)
	}
	lambda.Start(lambdahttp.Handler(h.Handle))
}
