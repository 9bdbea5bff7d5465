package bus

// The sources of the events that Meterbridge puts on the bus. Rules match them; a test holds them to the roles in the template.
const (
	SourceThin     = "stripe.thin"     // a thin event as Stripe sent it, or as it would have
	SourceSnapshot = "stripe.snapshot" // a v1 snapshot event as Stripe sent it
	SourceEvent    = "stripe.event"    // a full v2 event as fetched
	SourceFailure  = "stripe.failure"  // that an event was given up, and why
)
