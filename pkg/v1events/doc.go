// Package v1events verifies, parses and reads Stripe's v1 events, which carry a snapshot of the object they are about.
//
//	verifier, err := stripesig.NewVerifier([]stripesig.Secret{"whsec_…"}, nil)
//	event, err := v1events.ConstructEvent(payload, header, verifier)
//	if errors.Is(err, v1events.ErrObject) {
//		// authentic, but not a snapshot: a thin event belongs to package v2events
//	}
//	fmt.Println(event.Type, string(event.Data.Object))
//
// The set of event types is open, and the object stays raw JSON: its shape follows Event.APIVersion, which the account's
// owner chooses. An event keeps the bytes it was parsed from in Raw.
//
// # Bad input
//
// Parsing accepts exactly one JSON object in UTF-8, without duplicate names, nested at most 100 deep. Everything else is
// an ErrSyntax, an object of another kind an ErrObject, a required member that is missing or of the wrong type an
// ErrField. On error the result is nil. Error texts name members and JSON kinds and never quote the payload.
//
// See https://docs.stripe.com/api/events.
package v1events
