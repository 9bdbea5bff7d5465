package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
)

// stripeSource is the Stripe that the functions fetch from: the built-in sandbox, or one somewhere else.
type stripeSource struct {
	origin  string
	secret  string          // what the API key's secret holds
	rotated string          // what it holds once it was rotated
	sandbox *stripe.Sandbox // nil when Stripe is somewhere else
	about   string
	server  *http.Server
}

// openStripe chooses by flag and environment, and starts the sandbox if that is the choice.
func openStripe(p process, flags localFlags, story *story, fault func(*http.Request) stripe.Fault) (*stripeSource, error) {
	key, real := p.env("STRIPE_API_KEY")
	switch {
	case flags.faults != "" && (real || flags.stripeAPI != ""):
		return nil, fmt.Errorf("--faults is for the built-in sandbox: unset STRIPE_API_KEY and leave out --stripe-api")
	case real && key == "":
		return nil, fmt.Errorf("STRIPE_API_KEY is set but empty: give it a key, or unset it to use the built-in sandbox")
	case real:
		origin := cmp.Or(flags.stripeAPI, "https://api.stripe.com")
		return &stripeSource{origin: origin, secret: key, about: origin + " with STRIPE_API_KEY"}, nil
	case flags.stripeAPI != "":
		return &stripeSource{origin: flags.stripeAPI, secret: "sk_test_" + randomHex(12), about: flags.stripeAPI + " with a made-up test key"}, nil
	}
	return openSandbox(story, fault)
}

func openSandbox(story *story, fault func(*http.Request) stripe.Fault) (*stripeSource, error) {
	keys, rotated := newKeys(), newKeys()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the sandbox: %w", err)
	}
	s := &stripeSource{
		origin:  "http://" + listener.Addr().String(),
		secret:  keys.secret(),
		rotated: rotated.secret(),
		sandbox: stripe.New(&stripe.Options{APIKeys: append(keys[:], rotated[:]...), Faults: fault}),
		about:   "built-in sandbox (set STRIPE_API_KEY to fetch from the real one)",
	}
	s.server = &http.Server{Handler: s.watched(story), ReadHeaderTimeout: 10 * time.Second}
	go s.server.Serve(listener)
	return s, nil
}

// apiKeys are a live and a test key.
type apiKeys [2]string

func newKeys() apiKeys { return apiKeys{"sk_live_" + randomHex(12), "sk_test_" + randomHex(12)} }

func (k apiKeys) secret() string { return fmt.Sprintf(`{"live":%q,"test":%q}`, k[0], k[1]) }

// watched serves the sandbox and tells the story of each event that is fetched.
func (s *stripeSource) watched(story *story) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		s.sandbox.ServeHTTP(recorder, r)
		if strings.HasPrefix(r.URL.Path, "/v2/core/events/") {
			story.fetched(path.Base(r.URL.Path), r.Method+" "+r.URL.Path, recorder.status)
		}
	})
}

// Observe makes the sandbox know the full form of every thin event that the webhook stored, as Stripe would.
func (s *stripeSource) Observe(step activity.Step) {
	if s.sandbox == nil || step.Kind != activity.Put || step.Source != bus.SourceThin {
		return
	}
	var envelope struct {
		Detail json.RawMessage `json:"detail"`
	}
	if json.Unmarshal(step.Envelope, &envelope) == nil {
		// One that can not be learned is one that Stripe does not know either: the fetch will say so.
		_ = s.sandbox.Learn(envelope.Detail)
	}
}

func (s *stripeSource) close() {
	if s.server != nil {
		s.server.Close()
	}
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (r *statusRecorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection, which the sandbox's faults need.
func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
