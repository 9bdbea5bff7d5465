// Command meter-alerts is an example consumer to copy. The rule in template.yaml sends it full
// billing-meter events, and it logs one line for each kind of usage that Stripe could not bill.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/meterbridge/meterbridge/pkg/v2events"
)

func main() {
	log := lambdacontext.NewLogger()
	handle, err := newHandler(log)
	if err != nil {
		log.Error("start", "error", err)
		os.Exit(1)
	}
	lambda.Start(handle)
}

// newHandler returns a function that handles events as a rule delivers them. Lambda retries an
// event whose handling fails, and may deliver one twice: remember event ids if that matters.
func newHandler(log *slog.Logger) (func(context.Context, json.RawMessage) error, error) {
	events, err := v2events.NewEventHandler(new(v2events.Client), nil, unexpected)
	if err != nil {
		return nil, err
	}
	alert := func(ctx context.Context, event *v2events.Event, report *v2events.MeterErrorReport) error {
		for _, problem := range report.Reason.ErrorTypes {
			log.WarnContext(ctx, "usage not billed",
				"event_id", event.ID, "meter", meter(event), "code", problem.Code, "usage_events", problem.ErrorCount)
		}
		return nil
	}
	for _, kind := range []v2events.Kind[v2events.MeterErrorReport]{v2events.MeterErrorReportTriggered, v2events.MeterNotFound} {
		if err := v2events.OnKind(events, kind, alert); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context, event json.RawMessage) error { return events.HandleEnvelope(ctx, event) }, nil
}

// unexpected fails for an event of a type that the rule should not match.
func unexpected(_ context.Context, event *v2events.ThinEvent, _ *v2events.Client, _ bool) error {
	return fmt.Errorf("event %s: %w: %s", event.ID, v2events.ErrKind, event.Type)
}

// meter returns the id of the meter that the event is about, or "" if it is about none.
func meter(event *v2events.Event) string {
	if event.RelatedObject == nil {
		return ""
	}
	return event.RelatedObject.ID
}
