package main

import (
	"cmp"
	"fmt"
	"net/http"
	"path"
	"strings"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// stripeSource is the Stripe API that functions fetch from: the built-in sandbox or another server.
type stripeSource struct {
	origin  string
	secret  string         // content of the API key's secret
	rotated string         // the secret's content after a rotation
	sandbox *stripe.Server // nil if Stripe is elsewhere
	about   string         // description for the console
}

// openStripe returns the Stripe that flags and environment select, and starts the sandbox.
func openStripe(p process, flags localFlags, console *console, fault func(*http.Request) stripe.Fault) (*stripeSource, error) {
	key, real := p.env("STRIPE_API_KEY")
	switch {
	case flags.faults != "" && (real || flags.stripeAPI != ""):
		return nil, fmt.Errorf("--faults needs the built-in sandbox: unset STRIPE_API_KEY and leave out --stripe-api")
	case real && key == "":
		return nil, fmt.Errorf("STRIPE_API_KEY is set but empty: set it to a key, or unset it to use the built-in sandbox")
	case real:
		origin := cmp.Or(flags.stripeAPI, stripeapi.DefaultBaseURL)
		return &stripeSource{origin: origin, secret: key, about: origin + " with STRIPE_API_KEY"}, nil
	case flags.stripeAPI != "":
		return &stripeSource{origin: flags.stripeAPI, secret: "sk_test_" + randomHex(12), about: flags.stripeAPI + " with a made-up test key"}, nil
	}
	return openSandbox(console, fault)
}

func openSandbox(console *console, fault func(*http.Request) stripe.Fault) (*stripeSource, error) {
	sandbox, err := stripe.Start(&stripe.Options{Faults: fault, Answered: func(r *http.Request, status int) {
		if strings.HasPrefix(r.URL.Path, "/v2/core/events/") {
			console.fetched(path.Base(r.URL.Path), r.Method+" "+r.URL.Path, status)
		}
	}})
	if err != nil {
		return nil, err
	}
	return &stripeSource{
		origin:  sandbox.Origin,
		secret:  sandbox.Keys.JSON(),
		rotated: sandbox.RotatedKeys.JSON(),
		sandbox: sandbox,
		about:   "built-in sandbox (set STRIPE_API_KEY to fetch from the real one)",
	}, nil
}

// Observe implements [activity.Observer]. The sandbox learns the full form of each thin event that
// the webhook stores, because Stripe knows every event that it delivers.
func (s *stripeSource) Observe(step activity.Step) {
	if s.sandbox == nil || step.Kind != activity.Put || step.Source != bus.SourceThin {
		return
	}
	if envelope, err := v2events.UnwrapEnvelope(step.Envelope); err == nil {
		_ = s.sandbox.Learn(envelope.Payload) // after an error the sandbox answers the fetch with 404, as Stripe would
	}
}

func (s *stripeSource) close() {
	if s.sandbox != nil {
		s.sandbox.Close()
	}
}
