package stripego

import (
	"context"
	"fmt"
	"io"

	"github.com/stripe/stripe-go/v86"
)

// Handlers handles a delivery by its type: report and meter.
func Handlers(ctx context.Context, w io.Writer, key string, backends *stripe.Backends, secret string, payload []byte, header string) error {
	client := stripe.NewClient(key, stripe.WithBackends(backends))
	ignore := func(context.Context, stripe.EventNotificationContainer, *stripe.Client, stripe.UnhandledNotificationDetails) error {
		return nil
	}
	handler := stripe.NewEventNotificationHandler(client, secret, ignore)
	err := handler.OnV1BillingMeterErrorReportTriggered(func(ctx context.Context, notification *stripe.V1BillingMeterErrorReportTriggeredEventNotification, _ *stripe.Client) error {
		event, err := notification.FetchEvent(ctx)
		if err != nil {
			return err
		}
		for _, t := range event.Data.Reason.ErrorTypes {
			fmt.Fprintln(w, t.Code, t.ErrorCount)
		}
		meter, err := notification.FetchRelatedObject(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintln(w, meter.DisplayName)
		return nil
	})
	if err != nil {
		return err
	}
	return handler.Handle(ctx, payload, header)
}
