// Package v1events verifies, parses and reads Stripe's v1 events, which contain a snapshot of the
// object they are about.
//
// [ConstructEvent] turns a signed webhook delivery into an [Event]; [Client.List] reads the events
// of the last 30 days. The package example receives a delivery. Thin events belong to package
// v2events.
//
//	event, err := v1events.ConstructEvent(payload, header, verifier)
//	if errors.Is(err, v1events.ErrObject) {
//		// authentic, but not a snapshot
//	}
//	fmt.Println(event.Type, string(event.Data.Object))
//
// The set of event types is open, and the object stays raw JSON: its shape follows
// [Event].APIVersion, which the account's owner chooses, and any version is accepted. An event
// keeps the bytes it was parsed from in Raw.
//
// # Bad input
//
// Parsing accepts exactly one JSON object in UTF-8, without duplicate names, nested at most 100
// deep. For anything else the error is [ErrSyntax]; for an object of another kind it is
// [ErrObject], and for a required member that is missing or of the wrong type [ErrField]. On error
// the result is nil. Error texts name members and JSON kinds and never quote the payload.
//
// # Compatibility
//
// This module follows semantic versioning. Fields and methods are added in minor versions, so use
// field names in composite literals. Event types and members that Stripe adds pass through
// unchanged and do not change this package's API.
//
// See https://docs.stripe.com/api/events.
package v1events
