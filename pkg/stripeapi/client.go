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

// The defaults of [Options]. [DefaultAPIVersion] is in version.go.
const (
	// DefaultBaseURL is Stripe's API.
	DefaultBaseURL = "https://api.stripe.com"
	// DefaultUserAgent names this module and where to find it.
	DefaultUserAgent = "Meterbridge/1 (+https://github.com/meterbridge/meterbridge)"
	// DefaultMaxRetries is the number of tries after the first.
	DefaultMaxRetries = 2
	// DefaultBudget bounds one call: all tries and the waits between them.
	DefaultBudget = 30 * time.Second
	// DefaultTimeout bounds one try when Options.HTTPClient is nil.
	DefaultTimeout = 20 * time.Second
	// DefaultMaxBody is the largest response body, in bytes.
	DefaultMaxBody = 16 << 20
)

// maxRedirects is generous: Stripe's API does not redirect.
const maxRedirects = 3

// ErrOptions means that a key or an option is unusable. The text lists every fault and contains no
// key.
var ErrOptions = errors.New("stripeapi: unusable options")

// Options configure a [Client]. The zero value, like a nil pointer, is the safe default.
type Options struct {
	// BaseURL is the origin that receives the key, optionally with a path in front of Stripe's own.
	// It must be https; plain http is accepted for localhost and loopback addresses only. It must
	// not end in /v1 or /v2, which belong to the path of each [Request]. Default: [DefaultBaseURL].
	BaseURL string
	// APIVersion is sent as Stripe-Version with every request. Default: [DefaultAPIVersion].
	APIVersion string
	// UserAgent is sent with every request. Default: [DefaultUserAgent].
	UserAgent string
	// HTTPClient sends the requests. It is copied, and the copy's CheckRedirect is replaced. Its
	// Timeout bounds each try. Default: a client with [DefaultTimeout] over
	// a copy of [http.DefaultTransport] that gives up dead HTTP/2 connections.
	HTTPClient *http.Client
	// MaxRetries is the number of tries after the first. Zero means [DefaultMaxRetries], a negative
	// number none.
	MaxRetries int
	// Budget bounds one call in time, tries and waits together; a nearer deadline of the caller
	// wins. Zero means [DefaultBudget]; a negative duration is an error.
	Budget time.Duration
	// MaxBody is the largest response body, in bytes. A larger one is an [ErrTooLarge] and is never
	// truncated. Zero means [DefaultMaxBody]; a negative number is an error.
	MaxBody int64
	// Logger receives the contents of Stripe-Notice headers, at level Warn. Default: they are
	// discarded.
	Logger *slog.Logger
}

// Client sends requests with one key to one origin. It is immutable and safe for concurrent use.
//
// The zero Client has no key and no origin: it sends nothing and fails every request with
// [ErrRequest].
type Client struct {
	base       *url.URL
	http       *http.Client
	key        credential
	version    string
	agent      string
	context    string
	retries    int
	budget     time.Duration
	maxBody    int64
	logger     *slog.Logger
	jitter     func() float64 // uniform in [0, 1)
	idempotent string         // the idempotency key of RequestOptions
	header     hiddenHeader   // the one in RequestOptions
	observe    func(*Response)
	fault      error // unusable RequestOptions; every request reports it
}

// credential holds a key. Closures are opaque to fmt, %#v included.
type credential struct {
	authorize func(http.Header)
	redact    func(string) string // removes the key from text that a server echoes
}

func (k Key) credential() credential {
	return credential{
		authorize: func(h http.Header) { h.Set("Authorization", "Bearer "+string(k)) },
		redact:    func(s string) string { return strings.ReplaceAll(s, string(k), redacted) },
	}
}

// New returns a [Client] for the key. It reports all faults of key and options together, as
// [ErrOptions].
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
		base:    base,
		key:     key.credential(),
		version: o.APIVersion,
		agent:   o.UserAgent,
		retries: max(o.MaxRetries, 0),
		budget:  o.Budget,
		maxBody: o.MaxBody,
		logger:  o.Logger,
		jitter:  rand.Float64,
	}
	hc := *o.HTTPClient
	hc.CheckRedirect = c.checkRedirect
	c.http = &hc
	return c, nil
}

// InContext returns a [Client] that sends stripeContext as Stripe-Context with every request that
// does not set Context itself. An empty stripeContext means the key's own account: no header is
// sent. As in Stripe's SDKs, a Stripe-Account header that [Client.With] set is dropped. A [Context]
// converts to the string. See https://docs.stripe.com/context.
func (c *Client) InContext(stripeContext string) *Client {
	bound := c.clone()
	bound.context, bound.header = stripeContext, hide(withoutAccount(bound.header.show()))
	return bound
}

// RequestOptions change what a [Client] sends; see [Client.With]. The zero value changes nothing.
type RequestOptions struct {
	// Key replaces the Client's key.
	Key Key
	// APIVersion replaces the Client's Stripe-Version.
	APIVersion string
	// MaxRetries replaces the number of tries after the first, unless it is zero. A negative number
	// means none.
	MaxRetries int
	// IdempotencyKey, of at most 255 characters, is sent with each POST and DELETE that does not
	// set its own, in place of a random one. Stripe answers a second, different request with the
	// same key with [ErrIdempotency], so use a Client with a key for a single request.
	IdempotencyKey string
	// Header contains additional headers to send, such as Stripe-Account, which replaces the
	// Client's context and is dropped from requests with a Context; see [Request].Header.
	Header http.Header
	// OnResponse is called with every successful response before the call returns. A list calls it
	// once for each page. It must be safe for concurrent use if the Client is used concurrently. A
	// failed call describes its response in its [*Error].
	OnResponse func(*Response)
}

// With returns a [Client] that sends its requests with o. Its methods fail with [ErrRequest], and
// send nothing, if o is unusable.
func (c *Client) With(o RequestOptions) *Client {
	changed := c.clone()
	if err := o.check(); err != nil {
		changed.fault = err
	}
	if o.Key != "" {
		changed.key = o.Key.credential()
	}
	if o.MaxRetries != 0 {
		changed.retries = max(o.MaxRetries, 0)
	}
	changed.version = cmp.Or(o.APIVersion, changed.version)
	changed.idempotent = cmp.Or(o.IdempotencyKey, changed.idempotent)
	changed.header = hide(mergeHeaders(changed.header.show(), o.Header))
	if namesAccount(o.Header) {
		changed.context = ""
	}
	if o.OnResponse != nil {
		changed.observe = o.OnResponse
	}
	return changed
}

func (o RequestOptions) check() error {
	return checkSent(o.Key, o.APIVersion, o.IdempotencyKey, o.Header)
}

// clone copies c; the copy of a nil Client is the zero Client.
func (c *Client) clone() *Client {
	if c == nil {
		return new(Client)
	}
	changed := *c
	return &changed
}

func (o Options) withDefaults() Options {
	o.BaseURL = cmp.Or(o.BaseURL, DefaultBaseURL)
	o.APIVersion = cmp.Or(o.APIVersion, DefaultAPIVersion)
	o.UserAgent = cmp.Or(o.UserAgent, DefaultUserAgent)
	o.MaxRetries = cmp.Or(o.MaxRetries, DefaultMaxRetries)
	o.Budget = cmp.Or(o.Budget, DefaultBudget)
	o.MaxBody = cmp.Or(o.MaxBody, DefaultMaxBody)
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	o.HTTPClient = cmp.Or(o.HTTPClient, &http.Client{Transport: defaultTransport(), Timeout: DefaultTimeout})
	return o
}

func (o Options) check() error {
	var faults []error
	if !printable(o.APIVersion) {
		faults = append(faults, errors.New("APIVersion contains a control or non-ASCII character"))
	}
	if !printable(o.UserAgent) {
		faults = append(faults, errors.New("UserAgent contains a control or non-ASCII character"))
	}
	if o.Budget < 0 {
		faults = append(faults, errors.New("negative Budget"))
	}
	if o.MaxBody < 0 {
		faults = append(faults, errors.New("negative MaxBody"))
	}
	return errors.Join(faults...)
}

// parseBase accepts an origin, optionally with a path, to which a key may be sent.
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

// checkRedirect keeps the key within its origin: net/http alone would send it to another port or a
// subdomain. The redirect itself is returned, rather than an error, so that the caller gets its
// status.
func (c *Client) checkRedirect(next *http.Request, via []*http.Request) error {
	if via[0].Method != http.MethodGet || !sameOrigin(c.base, next.URL) || len(via) > maxRedirects {
		return http.ErrUseLastResponse
	}
	return nil
}
