// Package v2events parses Stripe's thin events ("event notifications"), fetches the full events behind them and manages
// the event destinations that send them.
//
//	thin, err := v2events.ParseThinEvent(payload) // after stripesig.Verifier.Verify
//	api, err := stripeapi.New(key, nil)
//	event, err := v2events.NewClient(api).Fetch(ctx, thin)
//	report, err := v2events.MeterErrorReportTriggered.Data(event)
//	for _, t := range report.Reason.ErrorTypes {
//		fmt.Println(t.Code, t.ErrorCount)
//	}
//
// The set of event types is open: an unknown type, reason or error code is data like any other, never an error. An
// event keeps the bytes it was parsed from in Raw; forward those, for the fields are only a view of them.
//
// # Bad input
//
// Parsing accepts exactly one JSON object in UTF-8, without duplicate names, nested at most 100 deep. Everything else is
// an ErrSyntax, an object of another kind an ErrObject, a required member that is missing or of the wrong type an
// ErrField. On error the result is nil. Error texts name members and JSON kinds and never quote the payload.
//
// See https://docs.stripe.com/event-destinations and https://docs.stripe.com/api/v2/core/events.
package v2events
