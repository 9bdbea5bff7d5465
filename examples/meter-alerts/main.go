// Command meter-alerts is a consumer to copy: it is subscribed to typed billing-meter events by the rule in resources.yaml
// and writes one line for each kind of usage that Stripe could not bill.
package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/meterbridge/meterbridge/pkg/v2events"
)

func main() {
	alerts := alerts{log: lambdacontext.NewLogger()}
	lambda.Start(alerts.handle)
}

type alerts struct{ log *slog.Logger }

// handle may see an event twice: the event id is what to remember if that matters. An error makes Lambda try again.
func (a alerts) handle(ctx context.Context, e events.EventBridgeEvent) error {
	event, err := v2events.ParseEvent(e.Detail)
	if err != nil {
		return fmt.Errorf("parse event: %w", err)
	}
	report, err := v2events.MeterErrorReportTriggered.Data(event)
	if err != nil {
		return fmt.Errorf("read report: %w", err)
	}
	for _, problem := range report.Reason.ErrorTypes {
		a.log.WarnContext(ctx, "usage not billed",
			"event_id", event.ID, "meter", meter(event), "code", problem.Code, "usage_events", problem.ErrorCount)
	}
	return nil
}

// meter returns the id of the meter that the event is about; an event may be about none.
func meter(event *v2events.Event) string {
	if event.RelatedObject == nil {
		return ""
	}
	return event.RelatedObject.ID
}
