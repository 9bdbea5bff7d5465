// Package stripe emulates the part of Stripe's API that Meterbridge calls, in memory and on one
// machine, for development and tests. [New] returns the API as an [net/http.Handler]; [Start]
// serves it on a loopback address with generated API keys.
//
// It serves v2 events and event destinations, v1 events, and the billing meters that events refer
// to. An object is visible only to API keys of its mode and to requests in its context. The
// emulator is at least as strict as Stripe about requests, so that a client's mistakes are found in
// development and not in production: an unknown parameter, a list without indices, a number in
// place of a time and a missing Stripe-Version are refused with a 400 that names the parameter.
//
// [Options.Faults] makes requests fail as Stripe and the network can fail.
//
// Nothing leaves the machine: pings are sent only to loopback addresses, whatever URL a destination
// has.
//
// # Undocumented behaviour
//
// Stripe does not publish everything. The page sizes of its v2 lists, the code and param of a v2
// error 400, error messages, the error about too many destinations, what happens to a ping of a
// disabled destination and the status of a request whose idempotency key is in use are this
// package's choice. So is refusing a request without Stripe-Version, for which Stripe uses the
// account's default version. Clients should not rely on any of these.
//
// The behaviour follows https://docs.stripe.com/api/v2/core/events,
// https://docs.stripe.com/api/v2/core/event_destinations and https://docs.stripe.com/api/events.
package stripe

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// Retention is how long Stripe lists and returns an event.
const Retention = v2events.Retention

// Options configures a [Sandbox]. The zero value, like a nil pointer, means a Stripe that answers
// at once and never fails.
type Options struct {
	// Logger receives one line per request, without keys, secrets or bodies. Nil discards them.
	Logger *slog.Logger
	// Now is the clock, safe for concurrent use; nil means [time.Now].
	Now func() time.Time
	// APIKeys are the accepted keys; if there are none, every well-formed secret or restricted key
	// is accepted. A key's prefix determines whether it reads live or test data.
	APIKeys []string
	// Permit reports whether a key has the permissions for an endpoint; nil means that every key has.
	Permit func(key, method, path string) bool
	// MostDestinations is how many event destinations an account can have; 0 means 16, as many as
	// webhook endpoints: https://docs.stripe.com/webhooks#register-webhook.
	MostDestinations int
	// Deliveries carries the pings to webhooks; nil means a transport that connects to loopback
	// addresses only.
	Deliveries http.RoundTripper
	// Faults returns the fault of each request. It may be called concurrently; nil means no faults.
	Faults func(*http.Request) Fault
	// Answered is called after each complete answer. It may be called concurrently; nil means no
	// call.
	Answered func(r *http.Request, status int)
}

func (o *Options) orDefaults() Options {
	if o == nil {
		o = &Options{}
	}
	filled := *o
	filled.APIKeys = slices.Clone(o.APIKeys)
	filled.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	if filled.Now == nil {
		filled.Now = time.Now
	}
	if filled.Permit == nil {
		filled.Permit = func(_, _, _ string) bool { return true }
	}
	filled.MostDestinations = cmp.Or(o.MostDestinations, 16)
	if filled.Faults == nil {
		filled.Faults = func(*http.Request) Fault { return "" }
	}
	if filled.Answered == nil {
		filled.Answered = func(*http.Request, int) {}
	}
	return filled
}

// A Sandbox is an [http.Handler] that answers as Stripe's API does. It is safe for concurrent use.
// Each kind of resource has its own store and endpoints.
type Sandbox struct {
	opts         Options
	endpoints    []endpoint
	replays      *replays
	events       *events
	snapshots    *snapshots
	destinations *destinations
}

// New returns an empty sandbox. A nil opts means the zero [Options].
func New(opts *Options) *Sandbox {
	s := &Sandbox{opts: opts.orDefaults()}
	now := s.opts.Now
	s.replays = &replays{now: now, byKey: map[replayKey]*replay{}}
	meters := &meters{created: map[meterKey]time.Time{}}
	s.events = &events{store: newEventStore(now), meters: meters}
	s.snapshots = &snapshots{store: newEventStore(now)}
	s.destinations = &destinations{now: now, events: s.events, client: newDeliveryClient(s.opts.Deliveries), logger: s.opts.Logger, most: s.opts.MostDestinations, byID: map[string]*destination{}}
	s.endpoints = slices.Concat(s.events.endpoints(), s.snapshots.endpoints(), s.destinations.endpoints(), meters.endpoints())
	return s
}

// AddEvent stores a full v2 event. For [Retention] after its created time it is served to keys of
// its livemode and requests in its context: byte for byte when retrieved, without insignificant
// white space in lists. It replaces an event with the same id. The bytes are copied.
func (s *Sandbox) AddEvent(full json.RawMessage) error {
	e, err := parseEvent(full)
	if err != nil {
		return fmt.Errorf("add event: %w", err)
	}
	s.events.put(e)
	return nil
}

// Learn makes up the full event for a notification, so that it can be fetched: the data is a
// plausible error report for the two meter types, and {} for others. It ignores events that are
// already stored, and ids that start with "evt_missing", so that a test can cause a 404. The
// event's retention starts now.
func (s *Sandbox) Learn(thin []byte) error {
	e, err := parseEvent(thin)
	if err != nil {
		return fmt.Errorf("learn event: %w", err)
	}
	e.body, e.retainedFrom = complete(e), s.opts.Now()
	if !strings.HasPrefix(e.id, missingPrefix) && s.events.store.putNew(e) {
		s.events.meters.add(e)
	}
	return nil
}

// AddSnapshot stores a v1 event, which is served as by [Sandbox.AddEvent]; its context may also be
// the Connect account that it names. It counts as delivered if its pending_webhooks is 0.
// It replaces an event with the same id. The bytes are copied.
func (s *Sandbox) AddSnapshot(snapshot json.RawMessage) error {
	e, err := parseSnapshot(snapshot)
	if err != nil {
		return fmt.Errorf("add snapshot: %w", err)
	}
	s.snapshots.store.put(e)
	return nil
}

// ServeHTTP answers one API request. Every answer, including an error, has a Request-Id.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Request-Id", "req_"+token(14))
	fault := s.opts.Faults(r)
	s.opts.Logger.DebugContext(r.Context(), "request", "method", r.Method, "path", r.URL.Path, "fault", fault,
		"request_id", w.Header().Get("Request-Id"))
	status, refused := fault.refuse(w, r)
	if !refused {
		body, err := s.serve(w, r)
		if status = http.StatusOK; err != nil {
			status, body = errorResponse(err, r)
		}
		fault.write(w, r, status, body)
	}
	s.opts.Answered(r, status)
}

// serve checks URL, key, permissions and parameters, in this order, before the endpoint runs.
func (s *Sandbox) serve(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	endpoint, id, err := route(s.endpoints, r)
	if err != nil {
		return nil, err
	}
	c := &call{request: r, requestID: w.Header().Get("Request-Id"), id: id}
	if c.caller, err = authenticate(r, s.opts.APIKeys); err != nil {
		return nil, err
	}
	if key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "); !s.opts.Permit(key, r.Method, r.URL.Path) {
		return nil, forbidden()
	}
	w.Header().Set("Stripe-Version", r.Header.Get("Stripe-Version"))
	if c.query, err = parseQuery(r.URL.RawQuery); err != nil {
		return nil, err
	}
	if c.body, err = readBody(r); err != nil {
		return nil, err
	}
	return s.replays.once(c, endpoint.handle)
}

// token returns n letters and digits, at most 52.
func token(n int) string { return (rand.Text() + rand.Text())[:n] }

// A Server is a [Sandbox] that listens on a loopback address.
type Server struct {
	*Sandbox
	// Origin is the base URL of the API, such as http://127.0.0.1:49152.
	Origin string
	// Keys are generated API keys that are accepted; RotatedKeys are others to rotate to.
	Keys, RotatedKeys Keys

	server *http.Server
}

// Keys contains an API key for each mode.
type Keys struct{ Live, Test string }

// JSON returns {"live":…,"test":…}, as Meterbridge's functions read it from their secret.
func (k Keys) JSON() string { return fmt.Sprintf(`{"live":%q,"test":%q}`, k.Live, k.Test) }

func newKeys() Keys { return Keys{Live: "sk_live_" + rand.Text(), Test: "sk_test_" + rand.Text()} }

// Start serves a new [Sandbox] on a free port of 127.0.0.1 until [Server.Close]. It accepts the
// server's own keys and [Options.APIKeys], and no others. A nil opts means the zero [Options].
func Start(opts *Options) (*Server, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the Stripe sandbox: %w", err)
	}
	s := &Server{Origin: "http://" + listener.Addr().String(), Keys: newKeys(), RotatedKeys: newKeys()}
	filled := opts.orDefaults()
	filled.APIKeys = append(filled.APIKeys, s.Keys.Live, s.Keys.Test, s.RotatedKeys.Live, s.RotatedKeys.Test)
	s.Sandbox = New(&filled)
	s.server = &http.Server{Handler: s.Sandbox, ReadHeaderTimeout: 10 * time.Second}
	go s.server.Serve(listener)
	return s, nil
}

// Close stops the server at once, without waiting for requests in flight.
func (s *Server) Close() error { return s.server.Close() }
