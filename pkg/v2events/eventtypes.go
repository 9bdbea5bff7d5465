package v2events

import (
	_ "embed"
	"strings"
	"sync"
)

// The catalogue of event types, with its API version, source and date. The generator also writes
// the default version of package stripeapi, so that the two always agree.
//
//go:generate go run ../../internal/catalogue
//go:embed event_types.txt
var catalogue string

// eventTypes is the catalogue's set of types.
var eventTypes = sync.OnceValue(func() map[string]bool {
	types := make(map[string]bool)
	for line := range strings.Lines(catalogue) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			types[line] = true
		}
	}
	return types
})

// KnownType reports whether an event type is among those that Stripe's SDKs know for
// [stripeapi.DefaultAPIVersion]. The set is open: false does not mean that a type is invalid.
//
// See https://docs.stripe.com/api/v2/core/events/event-types.
func KnownType(eventType string) bool { return eventTypes()[eventType] }
