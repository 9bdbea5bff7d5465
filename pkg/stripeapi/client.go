package stripeapi

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// What an Options value of zero stands for.
const (
	// DefaultBaseURL is Stripe's API.
	DefaultBaseURL = "https://api.stripe.com"
	// DefaultAPIVersion is the Stripe-Version that this package was written against.
	// See https://docs.stripe.com/api/versioning.
	DefaultAPIVersion = "2026-09-30.endive"
	// DefaultUserAgent names this module and where to find it.
	DefaultUserAgent = "Meterbridge/1 (+https://github.com/meterbridge/meterbridge)"
	// DefaultMaxRetries is the number of tries after the first.
	DefaultMaxRetries = 2
	// DefaultBudget bounds one Do: all tries and the waits between them.
	DefaultBudget = 30 * time.Second
	// DefaultTimeout bounds one try when Options.HTTPClient is nil.
	DefaultTimeout = 20 * time.Second
	// DefaultMaxBody is the number of bytes that an answer may have.
	DefaultMaxBody = 16 << 20
)

// maxRedirects is generous: Stripe's API does not redirect.
const maxRedirects = 3

// ErrOptions says that New was given a key or an option it cannot work with. The text lists every fault and holds no key.
var ErrOptions = errors.New("stripeapi: unusable options")

// Options adjust a Client. The zero value, or a nil *Options, is the safe default.
type Options struct {
	// BaseURL is the origin that gets the key, with an optional path in front of Stripe's own. It must be https;
	// plain http is accepted for localhost and loopback addresses, where stand-ins run. Default DefaultBaseURL.
	BaseURL string
	// APIVersion is sent as Stripe-Version with every request. Default DefaultAPIVersion.
	APIVersion string
	// UserAgent is sent with every request. Default DefaultUserAgent.
	UserAgent string
	// HTTPClient sends the requests. It is copied, and its CheckRedirect is replaced. Its Timeout bounds each try.
	// Default: a client with DefaultTimeout over http.DefaultTransport.
	HTTPClient *http.Client
	// MaxRetries is the number of tries after the first; zero stands for DefaultMaxRetries, a negative number for none.
	MaxRetries int
	// Budget bounds one Do in time, tries and waits together; a caller's nearer deadline wins. Zero stands for
	// DefaultBudget; a negative duration is an error.
	Budget time.Duration
	// MaxBody is the number of bytes that an answer may have. A longer one is an ErrTooLarge, never cut. Zero stands for
	// DefaultMaxBody; a negative number is an error.
	MaxBody int64
	// Logger gets what Stripe says in Stripe-Notice headers, at level Warn. Default: they are dropped.
	Logger *slog.Logger
}

// Client sends requests with one key to one origin. It is immutable and safe for concurrent use.
type Client struct {
	base      *url.URL
	http      *http.Client
	authorize func(http.Header)   // holds the key: a closure is opaque to fmt, %#v included
	redact    func(string) string // removes the key from what a server echoes
	version   string
	agent     string
	context   string
	retries   int
	budget    time.Duration
	maxBody   int64
	logger    *slog.Logger
	jitter    func() float64 // uniform in [0, 1)
}

// New returns a Client for the key. It reports all faults of key and options together, as an ErrOptions.
func New(key Key, opts *Options) (*Client, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	o = o.withDefaults()
	base, baseErr := parseBase(o.BaseURL)
	if err := errors.Join(key.check(), baseErr, o.check()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	c := &Client{
		base:      base,
		authorize: func(h http.Header) { h.Set("Authorization", "Bearer "+string(key)) },
		redact:    func(s string) string { return strings.ReplaceAll(s, string(key), redacted) },
		version:   o.APIVersion,
		agent:     o.UserAgent,
		retries:   max(o.MaxRetries, 0),
		budget:    o.Budget,
		maxBody:   o.MaxBody,
		logger:    o.Logger,
		jitter:    rand.Float64,
	}
	hc := *o.HTTPClient
	hc.CheckRedirect = c.checkRedirect
	c.http = &hc
	return c, nil
}

// InContext returns a Client that sends stripeContext as Stripe-Context wherever a Request has no Context of its own.
// An empty stripeContext means the key's own account. See https://docs.stripe.com/context.
func (c *Client) InContext(stripeContext string) *Client {
	bound := *c
	bound.context = stripeContext
	return &bound
}

func (o Options) withDefaults() Options {
	o.BaseURL = cmp.Or(o.BaseURL, DefaultBaseURL)
	o.APIVersion = cmp.Or(o.APIVersion, DefaultAPIVersion)
	o.UserAgent = cmp.Or(o.UserAgent, DefaultUserAgent)
	o.MaxRetries = cmp.Or(o.MaxRetries, DefaultMaxRetries)
	o.Budget = cmp.Or(o.Budget, DefaultBudget)
	o.MaxBody = cmp.Or(o.MaxBody, DefaultMaxBody)
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	o.HTTPClient = cmp.Or(o.HTTPClient, &http.Client{Timeout: DefaultTimeout})
	return o
}

func (o Options) check() error {
	var faults []error
	if !printable(o.APIVersion) {
		faults = append(faults, errors.New("APIVersion holds a control or non-ASCII character"))
	}
	if !printable(o.UserAgent) {
		faults = append(faults, errors.New("UserAgent holds a control or non-ASCII character"))
	}
	if o.Budget < 0 {
		faults = append(faults, errors.New("negative Budget"))
	}
	if o.MaxBody < 0 {
		faults = append(faults, errors.New("negative MaxBody"))
	}
	return errors.Join(faults...)
}

// parseBase accepts an origin, with an optional path, to which a key may be sent.
func parseBase(base string) (*url.URL, error) {
	u, err := url.Parse(base)
	switch {
	case err != nil, u.Host == "", u.Opaque != "":
		return nil, errors.New("BaseURL is not an absolute URL such as " + DefaultBaseURL)
	case u.User != nil, u.RawQuery != "", u.Fragment != "", u.ForceQuery:
		return nil, errors.New("BaseURL has credentials, a query or a fragment")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return nil, errors.New("BaseURL is not https (plain http is for localhost and loopback addresses only)")
	}
	u.Path = strings.TrimRight(u.Path, "/")
	if u.EscapedPath() != u.Path || strings.HasSuffix(u.Path, "/v1") || strings.HasSuffix(u.Path, "/v2") {
		return nil, errors.New("BaseURL has an escaped path, or ends in the API's /v1 or /v2, which belongs to each request")
	}
	return u, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// checkRedirect keeps the key within its origin: net/http alone would take it to another port or a sub-domain. Returning
// the redirect itself, rather than an error, keeps its status for the caller.
func (c *Client) checkRedirect(next *http.Request, via []*http.Request) error {
	if via[0].Method != http.MethodGet || !sameOrigin(c.base, next.URL) || len(via) > maxRedirects {
		return http.ErrUseLastResponse
	}
	return nil
}
