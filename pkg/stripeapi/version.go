package stripeapi

// DefaultAPIVersion is the Stripe-Version that a [Client] sends unless told otherwise: the newest
// one whose event types package v2events knows. See https://docs.stripe.com/api/versioning.
const DefaultAPIVersion = "2026-09-30.endive"
