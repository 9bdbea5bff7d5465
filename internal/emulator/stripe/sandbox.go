package stripe

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Retention is how long Stripe lists and returns an event.
const Retention = 30 * 24 * time.Hour

// rateLimitReason names the header in which Stripe says which limit was met: https://docs.stripe.com/rate-limits.
const rateLimitReason = "Stripe-Rate-Limited-Reason"

// maxBody bounds a request's body; Stripe's own parameters stay far below it.
const maxBody = 1 << 20

// Options adjusts a [Sandbox]. The zero value, like a nil pointer, is a Stripe that answers at once and never fails.
type Options struct {
	// Logger receives one line for each request, without keys, secrets or bodies. Nil logs nothing.
	Logger *slog.Logger

	// Now is the clock for ages, creation times and rate limits; nil means [time.Now]. It must be safe for concurrent use.
	Now func() time.Time

	// Rand feeds ids and signing secrets; nil means [rand.Reader]. Reads are serialised.
	Rand io.Reader

	// APIKeys are the keys that are let in. None means any key that is spelled like one of Stripe's secret or
	// restricted keys. Its prefix decides whether a key sees live or test data.
	APIKeys []string

	// RateLimit is how many requests a second each endpoint answers before it says 429; zero means no limit.
	// Stripe's own default is 25: https://docs.stripe.com/rate-limits.
	RateLimit int

	// Latency delays every answer.
	Latency time.Duration

	// Faults is asked before each request how it is to fail; nil means never. It must be safe for concurrent use.
	// See [RandomFaults].
	Faults func(*http.Request) Fault

	// DeliverySchedule holds the wait before each further attempt of [Sandbox.Deliver]; none means a single attempt.
	// Stripe retries for up to three days with growing waits: https://docs.stripe.com/webhooks#retries.
	DeliverySchedule []time.Duration
}

// orDefaults returns a private copy of o in which nothing is left open.
func (o *Options) orDefaults() Options {
	if o == nil {
		o = &Options{}
	}
	filled := *o
	filled.APIKeys = slices.Clone(o.APIKeys)
	filled.DeliverySchedule = slices.Clone(o.DeliverySchedule)
	if filled.Logger == nil {
		filled.Logger = slog.New(slog.DiscardHandler)
	}
	if filled.Now == nil {
		filled.Now = time.Now
	}
	if filled.Rand == nil {
		filled.Rand = rand.Reader
	}
	if filled.Faults == nil {
		filled.Faults = func(*http.Request) Fault { return "" }
	}
	return filled
}

// A Sandbox is an [http.Handler] that answers as Stripe's API does under its root. It is safe for concurrent use.
type Sandbox struct {
	opts   Options
	routes []endpoint
	limits []*rate.Limiter // one for each route; none without a limit
	client *http.Client    // for deliveries

	randMu sync.Mutex // guards opts.Rand

	mu           sync.RWMutex // guards what follows
	events       timeline
	snapshots    timeline
	delivered    map[string]bool         // by id of a snapshot, whether its webhooks have all been delivered
	meters       map[meter]time.Time     // when the last event about each was created
	destinations map[string]*destination // by id
	replays      map[replayKey]*replay
}

// New returns an empty sandbox. A nil opts is the zero [Options].
func New(opts *Options) *Sandbox {
	s := &Sandbox{
		opts:         opts.orDefaults(),
		routes:       endpoints(),
		client:       newDeliveryClient(),
		events:       newTimeline(),
		snapshots:    newTimeline(),
		delivered:    map[string]bool{},
		meters:       map[meter]time.Time{},
		destinations: map[string]*destination{},
		replays:      map[replayKey]*replay{},
	}
	if limit := s.opts.RateLimit; limit > 0 {
		for range s.routes {
			s.limits = append(s.limits, rate.NewLimiter(rate.Limit(limit), limit))
		}
	}
	return s
}

// ServeHTTP answers one API request. Every answer, errors included, carries a Request-Id.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Request-Id", "req_"+s.token(14))
	fault := s.opts.Faults(r)
	if err := sleep(r.Context(), s.opts.Latency); err != nil {
		return
	}
	s.opts.Logger.DebugContext(r.Context(), "request", "method", r.Method, "path", r.URL.Path, "fault", fault,
		"request_id", w.Header().Get("Request-Id"))
	if fault.refuse(w, r) {
		return
	}
	status := http.StatusOK
	body, err := s.answer(w, r)
	if err != nil {
		status, body = failureOf(err, r)
	}
	fault.write(w, r, status, body)
}

// answer checks one thing after the other: is there such a URL, who asks, how often, and for what.
func (s *Sandbox) answer(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	index, id, err := s.route(r)
	if err != nil {
		return nil, err
	}
	c := &call{request: r, requestID: w.Header().Get("Request-Id"), id: id}
	if c.caller, err = s.authenticate(r); err != nil {
		return nil, err
	}
	w.Header().Set("Stripe-Version", r.Header.Get("Stripe-Version"))
	if s.limits != nil && !s.limits[index].AllowN(s.opts.Now(), 1) {
		w.Header().Set(rateLimitReason, "endpoint-rate")
		return nil, rateLimited(r)
	}
	if c.query, err = parseQuery(r.URL.RawQuery); err != nil {
		return nil, err
	}
	if c.body, err = readBody(r); err != nil {
		return nil, err
	}
	return s.once(c, s.routes[index].handle)
}

// token returns n letters and digits.
func (s *Sandbox) token(n int) string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	raw := make([]byte, n)
	s.randMu.Lock()
	_, err := io.ReadFull(s.opts.Rand, raw)
	s.randMu.Unlock()
	if err != nil {
		// crypto/rand never fails; an injected source that runs dry has been given too little for its test.
		panic(fmt.Sprintf("stripe: read randomness: %v", err))
	}
	for i, b := range raw {
		raw[i] = alphabet[int(b)%len(alphabet)]
	}
	return string(raw)
}

// sleep waits for d or returns the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
