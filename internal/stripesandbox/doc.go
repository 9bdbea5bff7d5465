// Package stripesandbox is a stand-in for Stripe's API on one machine: what Meterbridge calls, and nothing else.
//
// It serves v2 events and event destinations, v1 events, and the billing meters that events refer to, each only to a
// key of the event's mode and to a request in the event's context. It is as strict as Stripe about what it receives,
// and in places stricter, so that a client's mistake shows on the developer's machine and not in production: an unknown
// parameter, a list that is not indexed, a number where a time is due and a missing Stripe-Version are all refused with
// a 400 that names the parameter.
//
// Nothing leaves the machine: pings and deliveries go to loopback addresses only, whatever a destination's URL says.
//
// The behaviour follows https://docs.stripe.com/api/v2/core/events, https://docs.stripe.com/api/v2/core/event_destinations
// and https://docs.stripe.com/api/events. It is meant for development and tests; it keeps everything in memory.
package stripesandbox
