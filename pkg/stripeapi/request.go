package stripeapi

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// ErrRequest says that a Request cannot be sent as it is written. Nothing was sent.
var ErrRequest = errors.New("stripeapi: unusable request")

// maxIdempotencyKey is Stripe's bound, in characters.
const maxIdempotencyKey = 255

// Request is one call of Stripe's API.
type Request struct {
	// Method is GET, POST or DELETE.
	Method string
	// Path begins with /v1/ or /v2/, is already escaped (see SanitizeID) and may carry a query. A page or related-object
	// URL that Stripe sent is accepted as it is, if it stays within the origin.
	Path string
	// Query is added to the query in Path.
	Query url.Values
	// Body is sent with POST: for v2 anything that encoding/json encodes, for v1 (Form) a url.Values. Nil sends none.
	Body any
	// Context is sent as Stripe-Context; "" means that of the Client. See https://docs.stripe.com/context.
	Context string
	// Trigger is sent as Stripe-Request-Trigger, such as "event=evt_…": which event made us call. Optional.
	Trigger string
	// IdempotencyKey of at most 255 characters makes a POST or DELETE safe to repeat. By default a POST, and a DELETE
	// of v2, gets a random UUID. All tries of one Do share the key. See https://docs.stripe.com/api/idempotent_requests.
	IdempotencyKey string
	// Form says that Body is form-encoded, as v1 wants it, and not JSON, as v2 does.
	Form bool
}

// call is a Request made ready: checked, encoded, and the same for every try.
type call struct {
	method string
	url    *url.URL
	header http.Header
	body   []byte
}

// repeatable reports whether Stripe would do the work once even if it got the call twice.
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
	u, err := c.resolve(r.Path, r.Query)
	if err != nil {
		return nil, err
	}
	if r.Context == "" {
		r.Context = c.context
	}
	if r.IdempotencyKey == "" && wantsKey(r) {
		r.IdempotencyKey = newUUID()
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	body, contentType, err := r.encodeBody()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	h := http.Header{"Accept": {"application/json"}}
	c.authorize(h)
	for name, value := range map[string]string{
		"Content-Type":           contentType,
		"User-Agent":             c.agent,
		"Stripe-Version":         c.version,
		"Stripe-Context":         r.Context,
		"Stripe-Request-Trigger": r.Trigger,
		"Idempotency-Key":        r.IdempotencyKey,
	} {
		if value != "" {
			h.Set(name, value)
		}
	}
	return &call{method: r.Method, url: u, header: h, body: body}, nil
}

// wantsKey follows Stripe's python and node SDKs: repeating a v1 DELETE is harmless without a key.
func wantsKey(r Request) bool {
	return r.Method == http.MethodPost || r.Method == http.MethodDelete && strings.Contains(r.Path, "/v2/")
}

func (r Request) check() error {
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodPost && r.Method != http.MethodDelete:
		return errors.New("method is not GET, POST or DELETE")
	case r.Body != nil && r.Method != http.MethodPost:
		return errors.New("only POST has a body; use Query")
	case r.IdempotencyKey != "" && r.Method == http.MethodGet:
		return errors.New("a GET has no idempotency key")
	case len(r.IdempotencyKey) > maxIdempotencyKey:
		return fmt.Errorf("idempotency key is longer than %d characters", maxIdempotencyKey)
	case !printable(r.Context), !printable(r.Trigger), !printable(r.IdempotencyKey):
		return errors.New("context, trigger or idempotency key holds a control or non-ASCII character")
	}
	return nil
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
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process rather than return less
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
