package faults

import (
	"net/http"
	"strings"

	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
)

// asStripe is what the sandbox calls its faults.
var asStripe = map[string]stripe.Fault{
	Stripe429:      stripe.FaultRateLimit,
	Stripe500:      stripe.FaultError,
	StripeHang:     stripe.FaultHang,
	StripeTrickle:  stripe.FaultTrickle,
	StripeTruncate: stripe.FaultTruncate,
	StripeReset:    stripe.FaultReset,
}

// Stripe decides how a request to the sandbox fails, for its Options.Faults.
func (i *Injector) Stripe(r *http.Request) stripe.Fault {
	operation := r.Method + " " + r.URL.Path
	id := eventOfPath(r.URL.Path)
	name := i.choose(operation, id, Stripe429, Stripe500, StripeHang, StripeTrickle, StripeTruncate, StripeReset)
	if name == "" {
		return ""
	}
	i.tell(name, operation, "", id)
	return asStripe[name]
}

// eventOfPath returns the id of the event that a path names, or "".
func eventOfPath(path string) string {
	id, _ := strings.CutPrefix(path, "/v2/core/events/")
	if strings.Contains(id, "/") {
		return ""
	}
	return id
}
