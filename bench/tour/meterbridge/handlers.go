package meterbridge

import (
	"context"
	"fmt"
	"io"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// Handlers handles a delivery by its type: report and meter.
func Handlers(ctx context.Context, w io.Writer, key stripeapi.Key, opts *stripeapi.Options, secret stripesig.Secret, payload []byte, header string) error {
	ignore := func(context.Context, *v2events.ThinEvent, *v2events.Client, bool) error { return nil }
	handler, err := v2events.NewWebhookHandler(key, []stripesig.Secret{secret}, ignore, &v2events.WebhookOptions{API: opts})
	if err != nil {
		return err
	}
	err = v2events.OnKind(handler, v2events.MeterErrorReportTriggered, func(ctx context.Context, event *v2events.Event, report *v2events.MeterErrorReport) error {
		for _, t := range report.Reason.ErrorTypes {
			fmt.Fprintln(w, t.Code, t.ErrorCount)
		}
		meter, err := v2events.RelatedObjectAs[v2events.Meter](ctx, v2events.ClientFrom(ctx), &event.ThinEvent)
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
