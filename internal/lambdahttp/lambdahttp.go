// Package lambdahttp turns Lambda's HTTP events into one small request type, and responses back
// into Lambda's format.
//
// A [Handler] answers a [Request] with a [Response]. An HTTP API and a Function URL send payload
// format 2.0; a REST API sends format 1.0, and an HTTP API can be configured to send it too. No
// other package knows these formats. A body stays as API Gateway encoded it until [Request.Body] is
// called, so that a size limit can be applied first. Base64 is decoded there and nowhere else,
// because a signature covers the bytes that the sender sent.
//
// The formats:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
// and
// https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html.
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
	// ErrShape means that an event is not an HTTP request in either format: the function was
	// invoked by another kind of source.
	ErrShape = errors.New("lambdahttp: not an HTTP event")
	// ErrEncoding means that a body is marked as base64 but is not.
	ErrEncoding = errors.New("lambdahttp: body is not base64")
)

// A Request is an HTTP request from either format. It is immutable and safe for concurrent use.
type Request struct {
	Method string // as sent; upper case from every real client

	header map[string][]string // names in the case of the sender or of the gateway
	body   string
	base64 bool
}

// event has the members of both formats that this package uses.
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

// Parse reads a Lambda event. Its only error is [ErrShape], whose text contains no part of the
// event.
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

// header returns the headers. It prefers the lists of format 1.0, whose plain map has only the last
// of several values.
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

// Header returns the value of a header, or "" if there is none. Names are compared without regard
// to case. Several values are joined with commas, as an HTTP API does and RFC 9110 allows.
func (r *Request) Header(name string) string {
	var values []string
	for _, key := range slices.Sorted(maps.Keys(r.header)) { // a fixed order, in case two names differ only by case
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

// Body returns the bytes that the sender sent, a new slice for each call. Its only error is
// [ErrEncoding].
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

// A Response is the answer, in the form that both formats accept.
type Response struct {
	Status int               `json:"statusCode"`
	Header map[string]string `json:"headers,omitempty"`
	Body   string            `json:"body"`
}

// A Handler answers one request.
type Handler func(context.Context, *Request) Response

// Invoke handles one Lambda invocation, so that aws-lambda-go accepts a Handler. Its only error is
// [ErrShape].
func (h Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	r, err := Parse(payload)
	if err != nil {
		return nil, err
	}
	return json.Marshal(h(ctx, r))
}
