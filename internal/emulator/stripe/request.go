package stripe

import (
	"crypto/sha256"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxBody is the largest accepted request body, in bytes; Stripe's own parameters are far smaller.
const maxBody = 1 << 20

type handler func(*call) ([]byte, error)

// An endpoint is one method and path of the API. The path may contain one {id}.
type endpoint struct {
	method, path string
	handle       handler
}

type call struct {
	request   *http.Request
	requestID string
	caller    caller
	id        string // the {id} of the path, unescaped
	query     *query
	body      []byte
}

func (c *call) idempotencyKey() string { return c.request.Header.Get("Idempotency-Key") }

// document parses the body of a POST, which has no parameters in its query.
func (c *call) document() (*document, error) {
	if err := c.query.done(); err != nil {
		return nil, err
	}
	return parseDocument(c.body)
}

// route finds the endpoint. A wrong method is answered like an unknown path, as by Stripe.
func route(endpoints []endpoint, r *http.Request) (found endpoint, id string, err error) {
	path := r.URL.EscapedPath()
	for _, e := range endpoints {
		if id, ok := match(e.path, path); ok && e.method == r.Method {
			return e, id, nil
		}
	}
	return endpoint{}, "", unrecognizedURL(r.Method, path)
}

// match compares paths by element and returns the unescaped one of {id}, which is not empty.
func match(pattern, path string) (id string, ok bool) {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return "", false
	}
	for i := range want {
		if want[i] != "{id}" {
			if want[i] != got[i] {
				return "", false
			}
			continue
		}
		unescaped, err := url.PathUnescape(got[i])
		if err != nil || unescaped == "" {
			return "", false
		}
		id = unescaped
	}
	return id, true
}

// readBody reads the body of a POST. A body on any other request is an error by the client.
func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, invalidParam("", "The request body could not be read.")
	case len(body) > maxBody:
		return nil, invalidParam("", "The request body is too large.")
	case len(body) > 0 && r.Method != http.MethodPost:
		return nil, invalidParam("", "A %s request has its parameters in the query string, not in a body.", r.Method)
	}
	contentType := r.Header.Get("Content-Type")
	mediaType, _, err := mime.ParseMediaType(contentType)
	if len(body) > 0 && (err != nil || mediaType != "application/json") { // such as the form that a client of API v1 would send
		return nil, invalidParam("Content-Type", "API v2 accepts application/json; got %q.", contentType)
	}
	return body, nil
}

// isV2 reports whether r is a request to API v2; all others are to API v1.
func isV2(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/v2/") }

// A caller is the mode and account of a request, from its headers. An object is visible only to
// callers of its own mode and context; to all others it does not exist.
type caller struct {
	live    bool
	context string // an account, or a path of accounts below an organisation; "" for the key's own account
}

var (
	keyGrammar     = regexp.MustCompile(`^(?:sk|rk)_(live|test)_[0-9A-Za-z_]+$|^sk_org_(live_)?[0-9A-Za-z_]+$`)
	releaseGrammar = regexp.MustCompile(`^[a-z]+$`)
	contextGrammar = regexp.MustCompile(`^[0-9A-Za-z_]+(?:/[0-9A-Za-z_]+)*$`)
)

// authenticate reads the key, version and context. Without configured keys, any well-formed key is
// accepted. A request with the key of an organization must name an account:
// https://docs.stripe.com/keys/organization-api-keys.
func authenticate(r *http.Request, keys []string) (caller, error) {
	live, organization, err := keyMode(r.Header.Get("Authorization"), keys)
	if err != nil {
		return caller{}, err
	}
	if err := checkVersion(r); err != nil {
		return caller{}, err
	}
	context, err := requestContext(r)
	if err == nil && organization && context == "" {
		err = missingParam("Stripe-Context")
	}
	return caller{live: live, context: context}, err
}

// keyMode reports whether a key is for live mode, and whether it is an organization's. Its errors
// never contain the key.
func keyMode(authorization string, keys []string) (live, organization bool, err error) {
	key, isBearer := strings.CutPrefix(authorization, "Bearer ")
	if !isBearer || key == "" {
		return false, false, unauthorized("You did not provide an API key. Provide it in the Authorization header, using Bearer auth.")
	}
	parts := keyGrammar.FindStringSubmatch(key)
	if parts == nil || len(keys) > 0 && !slices.Contains(keys, key) {
		return false, false, unauthorized("Invalid API Key provided.")
	}
	return parts[1] == "live" || parts[2] != "", parts[1] == "", nil
}

// checkVersion requires a Stripe-Version such as 2026-10-28.endive instead of using the account's
// default, because a change in the dashboard could then break a program.
func checkVersion(r *http.Request) error {
	version := r.Header.Get("Stripe-Version")
	if version == "" {
		return missingParam("Stripe-Version")
	}
	date, release, hasRelease := strings.Cut(version, ".")
	if _, err := time.Parse(time.DateOnly, date); err != nil || hasRelease && !releaseGrammar.MatchString(release) {
		return invalidParam("Stripe-Version", "Invalid Stripe API version: %q.", version)
	}
	if isV2(r) && !hasRelease {
		return invalidParam("Stripe-Version", "API v2 needs a version with a release name, such as 2026-10-28.endive; got %q.", version)
	}
	return nil
}

// requestContext reads Stripe-Context or, in API v1 only, its predecessor Stripe-Account.
func requestContext(r *http.Request) (string, error) {
	context, account := r.Header.Get("Stripe-Context"), r.Header.Get("Stripe-Account")
	if account != "" {
		if isV2(r) || context != "" {
			return "", invalidParam("Stripe-Account", "Use Stripe-Context instead of Stripe-Account.")
		}
		context = account
	}
	if context != "" && !contextGrammar.MatchString(context) {
		return "", invalidParam("Stripe-Context", "Invalid Stripe-Context: %q.", context)
	}
	return context, nil
}

// idempotencyWindow is how long API v2 remembers a key.
const idempotencyWindow = 30 * 24 * time.Hour

// maxIdempotencyKey is the length of the longest key that Stripe accepts, in bytes.
const maxIdempotencyKey = 255

// replays stores answers by idempotency key. It is safe for concurrent use.
type replays struct {
	now func() time.Time

	mu    sync.Mutex
	byKey map[replayKey]*replay
}

// A replayKey is an idempotency key within the account that chose it.
type replayKey struct {
	caller caller
	key    string
}

// A replay is the first request with a key. Its answer is nil while it is being served.
type replay struct {
	request [sha256.Size]byte
	at      time.Time
	answer  []byte
}

// once runs the handler, or repeats the answer of an earlier call with the same key. As in API v2,
// a failed call can be run again, and a key is refused for a different request.
func (p *replays) once(c *call, handle handler) ([]byte, error) {
	r := c.request
	if c.idempotencyKey() == "" || r.Method == http.MethodGet {
		return handle(c)
	}
	if len(c.idempotencyKey()) > maxIdempotencyKey {
		return nil, invalidParam("Idempotency-Key", "Idempotency-Key is longer than %d characters.", maxIdempotencyKey)
	}
	key := replayKey{caller: c.caller, key: c.idempotencyKey()}
	request := sha256.Sum256(fmt.Appendf(nil, "%s %s\n%s", r.Method, r.URL.RequestURI(), c.body))
	answer, err := p.claim(key, request)
	if answer != nil || err != nil {
		return answer, err
	}
	answer, err = handle(c)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		delete(p.byKey, key)
		return nil, err
	}
	p.byKey[key].answer = answer
	return answer, nil
}

// claim returns the answer to repeat, or nil for the first request, which then holds the key.
func (p *replays) claim(key replayKey, request [sha256.Size]byte) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	first := p.byKey[key]
	switch {
	case first == nil || p.now().Sub(first.at) > idempotencyWindow:
		p.byKey[key] = &replay{request: request, at: p.now()}
		return nil, nil
	case first.request != request:
		return nil, idempotencyError("Keys for idempotent requests can only be used with the same parameters they were first used with.")
	case first.answer == nil:
		return nil, idempotencyError("Another request with this idempotency key is in progress.")
	}
	return first.answer, nil
}
