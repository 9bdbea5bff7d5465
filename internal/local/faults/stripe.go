package faults

import (
	"net/http"
	"strings"

	"github.com/meterbridge/meterbridge/internal/stripesandbox"
)

// asStripe is what the sandbox calls its faults.
var asStripe = map[string]stripesandbox.Fault{
	Stripe429:      stripesandbox.FaultRateLimit,
	Stripe500:      stripesandbox.FaultError,
	StripeHang:     stripesandbox.FaultHang,
	StripeTrickle:  stripesandbox.FaultTrickle,
	StripeTruncate: stripesandbox.FaultTruncate,
	StripeReset:    stripesandbox.FaultReset,
}

// Stripe decides how a request to the sandbox fails, for its Options.Faults.
func (i *Injector) Stripe(r *http.Request) stripesandbox.Fault {
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
