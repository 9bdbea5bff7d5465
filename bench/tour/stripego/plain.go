// Package stripego is the tour written with stripe-go.
package stripego

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/stripe/stripe-go/v86"
)

// Plain verifies a delivery, fetches its event and the meter that it is about, lists the meter's
// events of the last day, and creates and pings a destination for more of them.
func Plain(ctx context.Context, w io.Writer, key string, backends *stripe.Backends, secret string, payload []byte, header string) error {
	client := stripe.NewClient(key, stripe.WithBackends(backends))
	notification, err := client.ParseEventNotification(payload, header, secret)
	if err != nil {
		return err
	}
	triggered, ok := notification.(*stripe.V1BillingMeterErrorReportTriggeredEventNotification)
	if !ok {
		return errors.New("another type of event")
	}
	event, err := triggered.FetchEvent(ctx)
	if err != nil {
		return err
	}
	for _, t := range event.Data.Reason.ErrorTypes {
		fmt.Fprintln(w, t.Code, t.ErrorCount)
	}
	meter, err := triggered.FetchRelatedObject(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, meter.DisplayName)
	lastDay := &stripe.RangeQueryParams{GreaterThanOrEqual: time.Now().Add(-24 * time.Hour).Unix()}
	for _, err := range client.V2CoreEvents.List(ctx, &stripe.V2CoreEventListParams{ObjectID: &meter.ID, Created: lastDay}).All(ctx) {
		if err != nil {
			return err
		}
		fmt.Fprintln(w, "an event of the last day")
	}
	created, err := client.V2CoreEventDestinations.Create(ctx, &stripe.V2CoreEventDestinationCreateParams{
		Name:            stripe.String("meter errors"),
		Type:            stripe.String("webhook_endpoint"),
		EventPayload:    stripe.String("thin"),
		EnabledEvents:   []*string{&event.Type},
		Include:         []*string{stripe.String("webhook_endpoint.signing_secret")},
		WebhookEndpoint: &stripe.V2CoreEventDestinationCreateWebhookEndpointParams{URL: stripe.String("https://example.com/webhook")},
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(w, created.ID)
	_, err = client.V2CoreEventDestinations.Ping(ctx, created.ID, nil)
	return err
}
