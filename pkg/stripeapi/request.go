package stripeapi

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// ErrRequest means that a [Request] cannot be sent as it is written. Nothing was sent.
var ErrRequest = errors.New("stripeapi: unusable request")

// maxIdempotencyKey is Stripe's limit, in characters.
const maxIdempotencyKey = 255

// Request is one call to Stripe's API. The [Client]'s values are used for zero fields.
type Request struct {
	// Method is GET, POST or DELETE.
	Method string
	// Path begins with /v1/ or /v2/, is already escaped (see [SanitizeID]) and may have a query. A
	// page or related-object URL from Stripe is accepted unchanged if it stays within the origin.
	Path string
	// Query is added to the query in Path. A parameter in both is sent once, with Query's value; an
	// array in Query replaces the whole array in Path.
	Query url.Values
	// Body is sent with POST: for v2 any value that [encoding/json] can encode, for v1 (see Form) a
	// [url.Values]. Nil means no body.
	Body any
	// Context is sent as Stripe-Context; "" means the Client's. A [Context] converts to it. See
	// https://docs.stripe.com/context.
	Context string
	// NoContext sends no Stripe-Context, even if the Client has one, so that the request is for the
	// key's own account. It cannot be combined with Context.
	NoContext bool
	// Trigger, such as "event=evt_…", is sent as Stripe-Request-Trigger: the event that caused the
	// request. Optional.
	Trigger string
	// IdempotencyKey, of at most 255 characters, makes a POST or DELETE safe to repeat. By default
	// a POST, and a v2 DELETE, gets a random UUID. All tries of one call share the key. See
	// https://docs.stripe.com/api/idempotent_requests.
	IdempotencyKey string
	// Form means that Body is form-encoded, as v1 expects it, and not JSON, as v2 does.
	Form bool
	// Key replaces the Client's key for this request.
	Key Key
	// APIVersion replaces the Client's Stripe-Version for this request.
	APIVersion string
	// MaxRetries replaces the Client's number of tries after the first, unless it is zero. A
	// negative number means none.
	MaxRetries int
	// Header contains additional headers, such as Stripe-Account, which replaces the Client's
	// context and cannot be combined with Context. It cannot set headers that another field sets,
	// nor those that frame the message, such as Host and Content-Length.
	Header http.Header
}

// call is a Request that is checked and encoded. It is the same for every try.
type call struct {
	method  string
	url     *url.URL
	header  http.Header
	body    []byte
	retries int
	redact  func(string) string
}

// repeatable reports whether Stripe would do the work once even if it received the call twice.
func (k *call) repeatable() bool {
	return k.method == http.MethodGet || k.header.Get("Idempotency-Key") != ""
}

// request makes the HTTP request of one try.
func (k *call) request(ctx context.Context) *http.Request {
	r := &http.Request{Method: k.method, URL: k.url, Host: k.url.Host, Header: k.header.Clone()}
	if k.body != nil {
		open := func() io.ReadCloser { return io.NopCloser(bytes.NewReader(k.body)) }
		r.Body, r.ContentLength = open(), int64(len(k.body))
		r.GetBody = func() (io.ReadCloser, error) { return open(), nil }
	}
	return r.WithContext(ctx)
}

func (c *Client) prepare(r Request) (*call, error) {
	if c == nil || c.base == nil {
		return nil, fmt.Errorf("%w: the Client has no key; make one with New", ErrRequest)
	}
	u, v2, err := c.resolve(r.Path, r.Query)
	if err != nil {
		return nil, err
	}
	if r.IdempotencyKey == "" && r.Method != http.MethodGet {
		r.IdempotencyKey = c.idempotent
	}
	if r.IdempotencyKey == "" && r.wantsIdempotencyKey(v2) {
		r.IdempotencyKey = newUUID()
	}
	if err := errors.Join(c.fault, r.check()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	body, contentType, err := r.encodeBody()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	k := &call{method: r.Method, url: u, body: body, retries: c.retries}
	if r.MaxRetries != 0 {
		k.retries = max(r.MaxRetries, 0)
	}
	k.header, k.redact = c.headers(r, contentType)
	return k, nil
}

// headers returns the headers of a checked request, and a function that removes its key from a
// text.
func (c *Client) headers(r Request, contentType string) (http.Header, func(string) string) {
	key := c.key
	if r.Key != "" {
		key = r.Key.credential()
	}
	below := c.header.show()
	switch {
	case r.Context != "" || r.NoContext:
		below = withoutAccount(below)
	case !namesAccount(r.Header):
		r.Context = c.context
	}
	h := mergeHeaders(http.Header{"Accept": {"application/json"}, "User-Agent": {c.agent}}, below)
	h = mergeHeaders(h, r.Header)
	key.authorize(h)
	for name, value := range map[string]string{
		"Content-Type":           contentType,
		"Stripe-Version":         cmp.Or(r.APIVersion, c.version),
		"Stripe-Context":         r.Context,
		"Stripe-Request-Trigger": r.Trigger,
		"Idempotency-Key":        r.IdempotencyKey,
	} {
		if value != "" {
			h.Set(name, value)
		}
	}
	return h, key.redact
}

// wantsIdempotencyKey follows Stripe's Python and Node SDKs: repeating a v1 DELETE is harmless
// without a key.
func (r Request) wantsIdempotencyKey(v2 bool) bool {
	return r.Method == http.MethodPost || r.Method == http.MethodDelete && v2
}

func (r Request) check() error {
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodPost && r.Method != http.MethodDelete:
		return errors.New("method is not GET, POST or DELETE")
	case r.Body != nil && r.Method != http.MethodPost:
		return errors.New("only POST has a body; use Query")
	case r.IdempotencyKey != "" && r.Method == http.MethodGet:
		return errors.New("a GET has no idempotency key")
	case r.NoContext && r.Context != "":
		return errors.New("NoContext excludes Context")
	case r.Context != "" && namesAccount(r.Header):
		return errors.New("a header Stripe-Account excludes Context")
	case !printable(r.Context), !printable(r.Trigger):
		return errors.New("context or trigger contains a control or non-ASCII character")
	}
	return checkSent(r.Key, r.APIVersion, r.IdempotencyKey, r.Header)
}

// checkSent checks what both a Request and RequestOptions can set. Zero values are fine.
func checkSent(key Key, version, idempotencyKey string, header http.Header) error {
	switch {
	case len(idempotencyKey) > maxIdempotencyKey:
		return fmt.Errorf("idempotency key is longer than %d characters", maxIdempotencyKey)
	case !printable(idempotencyKey), !printable(version):
		return errors.New("idempotency key or API version contains a control or non-ASCII character")
	case key != "" && key.check() != nil:
		return key.check()
	}
	return checkHeaders(header)
}

func (r Request) encodeBody() (body []byte, contentType string, err error) {
	if r.Body == nil {
		return nil, "", nil
	}
	values, isForm := r.Body.(url.Values)
	switch {
	case isForm != r.Form:
		return nil, "", errors.New("a v1 body is a url.Values with Form set, a v2 body is neither")
	case isForm:
		return []byte(values.Encode()), "application/x-www-form-urlencoded", nil
	}
	body, err = json.Marshal(r.Body)
	if err != nil {
		return nil, "", fmt.Errorf("encode body: %w", err)
	}
	return body, "application/json", nil
}

// newUUID returns a random (version 4) UUID.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process rather than return an error
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
