package stripe

import (
	"io"
	"net/http"
	"net/url"
	"strings"
)

// An endpoint is one method and path of the API. Its path may hold one {id}.
type endpoint struct {
	method, path string
	handle       func(*Sandbox, *call) ([]byte, error)
}

// endpoints lists all that the sandbox serves.
func endpoints() []endpoint {
	return []endpoint{
		{http.MethodGet, eventsPath, (*Sandbox).listEvents},
		{http.MethodGet, eventsPath + "/{id}", (*Sandbox).retrieveEvent},
		{http.MethodGet, snapshotsPath, (*Sandbox).listSnapshots},
		{http.MethodGet, snapshotsPath + "/{id}", (*Sandbox).retrieveSnapshot},
		{http.MethodGet, destinationsPath, (*Sandbox).listDestinations},
		{http.MethodPost, destinationsPath, (*Sandbox).createDestination},
		{http.MethodGet, destinationPath, (*Sandbox).retrieveDestination},
		{http.MethodPost, destinationPath, (*Sandbox).updateDestination},
		{http.MethodDelete, destinationPath, (*Sandbox).deleteDestination},
		{http.MethodPost, destinationPath + "/enable", (*Sandbox).enableDestination},
		{http.MethodPost, destinationPath + "/disable", (*Sandbox).disableDestination},
		{http.MethodPost, destinationPath + "/ping", (*Sandbox).pingDestination},
		{http.MethodGet, meterPath, (*Sandbox).retrieveMeter},
	}
}

// A call is one authenticated request.
type call struct {
	request   *http.Request
	requestID string
	caller    caller
	id        string // the {id} of the path, unescaped
	query     *query
	body      []byte
}

func (c *call) idempotencyKey() string { return c.request.Header.Get("Idempotency-Key") }

// document reads the body of a POST, which takes no parameters in its query.
func (c *call) document() (*document, error) {
	if err := c.query.done(); err != nil {
		return nil, err
	}
	return parseDocument(c.body)
}

// route finds the endpoint for r. Like Stripe it says the same to an unknown path and to a wrong method.
func (s *Sandbox) route(r *http.Request) (index int, id string, err error) {
	path := r.URL.EscapedPath()
	for i, e := range s.routes {
		if id, ok := match(e.path, path); ok && e.method == r.Method {
			return i, id, nil
		}
	}
	return 0, "", unrecognizedURL(r.Method, path)
}

// match compares element by element and unescapes what stands for {id}, which is never empty.
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

// readBody reads what a POST carries. Any other request with a body is a client's mistake.
func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, invalid("", "The request body could not be read.")
	case len(body) > maxBody:
		return nil, invalid("", "The request body is too large.")
	case len(body) > 0 && r.Method != http.MethodPost:
		return nil, invalid("", "A %s request takes its parameters from the query string, not from a body.", r.Method)
	}
	return body, checkContentType(r, body)
}

// isV2 reports which of Stripe's two API conventions r is under.
func isV2(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/v2/") }
