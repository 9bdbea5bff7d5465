// Package stripe is a stand-in for Stripe's API on one machine: what Meterbridge calls, and nothing else.
//
// It serves v2 events and event destinations, v1 events, and the billing meters that events refer to, each only to a
// key of the event's mode and to a request in the event's context. It is as strict as Stripe about what it receives,
// and in places stricter, so that a client's mistake shows on the developer's machine and not in production: an unknown
// parameter, a list that is not indexed, a number where a time is due and a missing Stripe-Version are all refused with
// a 400 that names the parameter.
//
// On demand it fails in the ways in which Stripe and the network fail: see [Options.Faults]. Like Stripe it delivers
// events to the webhooks that ask for them: see [Sandbox.Deliver].
//
// Nothing leaves the machine: pings and deliveries go to loopback addresses only, whatever a destination's URL says.
//
// # Where it guesses
//
// Stripe does not publish everything. The page sizes of its v2 lists, the code and param of a v2 error 400, the texts of
// errors, the fate of a ping to a disabled destination and the status of a request whose idempotency key is in use are
// this package's choice. So is that a missing Stripe-Version is an error: Stripe would take the account's default. Clients
// should rely on none of these.
//
// The behaviour follows https://docs.stripe.com/api/v2/core/events, https://docs.stripe.com/api/v2/core/event_destinations
// and https://docs.stripe.com/api/events. It is meant for development and tests; it keeps everything in memory.
package stripe
