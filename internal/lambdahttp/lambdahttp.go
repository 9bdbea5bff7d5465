package lambdahttp

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

var (
	// ErrShape means that an event is not an HTTP request in any of the known formats: the function was invoked by
	// something that is no HTTP front door.
	ErrShape = errors.New("lambdahttp: not an HTTP event")
	// ErrEncoding means that a body is marked as base64 and is not.
	ErrEncoding = errors.New("lambdahttp: body is not base64")
)

// A Request is what arrived, whichever front door it came through. It is immutable and safe for concurrent use.
type Request struct {
	Method string // as sent, which is upper case from every real client

	header map[string][]string // names in the sender's or the gateway's casing
	body   string
	base64 bool
}

// event holds the members that matter of all formats.
type event struct {
	RequestContext struct {
		HTTP struct {
			Method string `json:"method"`
		} `json:"http"`
	} `json:"requestContext"` // 2.0
	HTTPMethod        string              `json:"httpMethod"` // 1.0
	Headers           map[string]string   `json:"headers"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders"` // 1.0
	Body              string              `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`
}

// Parse reads a Lambda event. Its only error is [ErrShape], without any part of the event.
func Parse(payload []byte) (*Request, error) {
	var e event
	if err := json.Unmarshal(payload, &e); err != nil {
		return nil, ErrShape
	}
	method := e.RequestContext.HTTP.Method
	if method == "" {
		method = e.HTTPMethod
	}
	if method == "" {
		return nil, fmt.Errorf("%w: no method", ErrShape)
	}
	return &Request{Method: method, header: e.header(), body: e.Body, base64: e.IsBase64Encoded}, nil
}

// header prefers the lists of format 1.0, whose plain map keeps only the last of several values.
func (e *event) header() map[string][]string {
	if len(e.MultiValueHeaders) > 0 {
		return e.MultiValueHeaders
	}
	header := make(map[string][]string, len(e.Headers))
	for name, value := range e.Headers {
		header[name] = []string{value}
	}
	return header
}

// Header returns the value of a header, found without regard to case, or "" if there is none. Several values are joined
// by a comma, as an HTTP API does and RFC 9110 allows.
func (r *Request) Header(name string) string {
	var values []string
	for _, key := range slices.Sorted(maps.Keys(r.header)) { // in one order, should two names differ by case alone
		if strings.EqualFold(key, name) {
			values = append(values, r.header[key]...)
		}
	}
	return strings.Join(values, ",")
}

// Size returns the length of the body in bytes without decoding it. It is exact for a valid body.
func (r *Request) Size() int {
	if !r.base64 {
		return len(r.body)
	}
	return base64.RawStdEncoding.DecodedLen(len(strings.TrimRight(r.body, "=")))
}

// Body returns the bytes that the sender sent, a new slice for each call. Its only error is [ErrEncoding].
func (r *Request) Body() ([]byte, error) {
	if !r.base64 {
		return []byte(r.body), nil
	}
	body, err := base64.StdEncoding.DecodeString(r.body)
	if err != nil {
		return nil, ErrEncoding
	}
	return body, nil
}

// Response is the answer in the form that every front door reads.
type Response struct {
	Status int               `json:"statusCode"`
	Header map[string]string `json:"headers,omitempty"`
	Body   string            `json:"body"`
}

// Handler answers one request.
type Handler func(context.Context, *Request) Response

// Invoke serves one Lambda invocation, which makes a Handler a handler for aws-lambda-go. It fails, with [ErrShape],
// only if the event is not an HTTP request.
func (h Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	r, err := Parse(payload)
	if err != nil {
		return nil, err
	}
	return json.Marshal(h(ctx, r))
}
