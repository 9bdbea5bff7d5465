// Package v2events receives Stripe's thin events, also called event notifications, reads the full
// events behind them and manages the event destinations that send them.
//
// [ParseDelivery] turns a signed webhook delivery into a [ThinEvent], and [Client.Fetch] reads the
// full [Event]. The package example goes from a delivery to typed data. [EventHandler] dispatches
// events by type to callbacks, for a webhook or a bus.
//
//	thin, err := v2events.ParseDelivery(payload, header, verifier)
//	client, err := v2events.New(key, nil)
//	event, report, err := v2events.MeterErrorReportTriggered.Fetch(ctx, client, thin)
//	for _, t := range report.Reason.ErrorTypes {
//		fmt.Println(t.Code, t.ErrorCount)
//	}
//
// # Event types
//
// The set of event types is open: an unknown type, reason or error code is data like any other,
// never an error. A [Kind] gives a type's data a Go type; [NewKind] makes a Kind for any other
// type. [KnownType] reports whether Stripe lists a type for [stripeapi.DefaultAPIVersion].
//
// An event keeps the bytes it was parsed from in Raw. Forward Raw: the fields do not cover
// everything in it.
//
// # Bad input
//
// Parsing accepts exactly one JSON object in UTF-8, without duplicate names, nested at most 100
// deep. For anything else the error is [ErrSyntax]; for an object of another kind it is
// [ErrObject], and for a required member that is missing or of the wrong type [ErrField]. On error
// the result is nil. Error texts name members and JSON kinds and never quote the payload. The data
// of an event is decoded leniently; see [Kind.Data].
//
// # Compatibility
//
// This module follows semantic versioning. Fields and methods are added in minor versions, so use
// field names in composite literals. Event types and members that Stripe adds pass through
// unchanged and do not change this package's API; the types that [KnownType] accepts follow
// Stripe's releases.
//
// See https://docs.stripe.com/event-destinations and https://docs.stripe.com/api/v2/core/events.
package v2events
