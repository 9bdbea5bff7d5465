// Package reconcile finds events that Stripe has and nobody brought, and puts them on the bus as thin events.
//
// A webhook endpoint that was down for longer than Stripe's retries, a destination that was disabled, or a signing secret
// that was wrong leave events behind that no delivery will bring again. Stripe lists every event for 30 days
// (https://docs.stripe.com/api/v2/core/events/list), and the ledger knows every event that went its way: the difference is
// what is missing. It is fed in at the front, as if Stripe had delivered it, so that it takes the same way as every other
// event and collapses on the ledger with a delivery that comes after all.
package reconcile
