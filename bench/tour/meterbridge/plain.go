// Package meterbridge is the tour written with the packages under pkg/.
package meterbridge

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// Plain verifies a delivery, fetches its event and the meter that it is about, lists the meter's
// events of the last day, and creates and pings a destination for more of them.
func Plain(ctx context.Context, w io.Writer, key stripeapi.Key, opts *stripeapi.Options, secret stripesig.Secret, payload []byte, header string) error {
	verifier, err := stripesig.NewVerifier([]stripesig.Secret{secret}, nil)
	if err != nil {
		return err
	}
	client, err := v2events.New(key, opts)
	if err != nil {
		return err
	}
	thin, err := v2events.ParseDelivery(payload, header, verifier)
	if err != nil {
		return err
	}
	_, report, err := v2events.MeterErrorReportTriggered.Fetch(ctx, client, thin)
	if err != nil {
		return err
	}
	for _, t := range report.Reason.ErrorTypes {
		fmt.Fprintln(w, t.Code, t.ErrorCount)
	}
	meter, err := v2events.RelatedObjectAs[v2events.Meter](ctx, client, thin)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, meter.DisplayName)
	lastDay := v2events.Range{GTE: time.Now().Add(-24 * time.Hour)}
	for _, err := range client.List(ctx, v2events.EventListParams{ObjectID: meter.ID, Created: lastDay}) {
		if err != nil {
			return err
		}
		fmt.Fprintln(w, "an event of the last day")
	}
	created, err := client.Destinations().Create(ctx, v2events.ThinWebhook("meter errors", "https://example.com/webhook", thin.Type))
	if err != nil {
		return err
	}
	fmt.Fprintln(w, created.ID)
	_, err = client.Destinations().Ping(ctx, created.ID)
	return err
}
