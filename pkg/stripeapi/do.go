package stripeapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// Response is a successful response from Stripe.
type Response struct {
	// Status is the HTTP status, 200 to 299.
	Status int
	// RequestID finds the request in Stripe's dashboard and support ("req_…").
	RequestID string
	// Header contains the response headers.
	Header http.Header
	// Body is the JSON object in the response. Do not log it: it may contain a secret, such as the
	// signing secret of a new event destination.
	Body json.RawMessage
}

// Do sends a request, retries it where that is safe and may help, and returns the JSON object in
// Stripe's response. [Client.Send] returns status and headers too.
//
// Its errors are [ErrUnsafePath] and [ErrRequest] for a request that was not sent and [*Error] for
// everything else. When the context or the budget ended the call, the [*Error] also matches the
// context's error.
func (c *Client) Do(ctx context.Context, r Request) (json.RawMessage, error) {
	response, err := c.Send(ctx, r)
	if err != nil {
		return nil, err
	}
	return response.Body, nil
}

// Send does what [Client.Do] does and returns the whole [Response].
func (c *Client) Send(ctx context.Context, r Request) (*Response, error) {
	k, err := c.prepare(r)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.budget)
	defer cancel()
	response, fault := c.try(ctx, k)
	if fault != nil {
		return nil, fault
	}
	if c.observe != nil {
		c.observe(response)
	}
	return response, nil
}

// try sends the call until it succeeds or trying again would be wrong or useless.
func (c *Client) try(ctx context.Context, k *call) (*Response, *Error) {
	spare := k.repeatable()
	for retries := 0; ; {
		response, fault := c.once(ctx, k)
		switch {
		case fault == nil:
			return response, nil
		case ctx.Err() != nil:
			return nil, fault
		case spare && fault.stale:
			spare = false
			continue
		case retries == k.retries || !fault.again():
			return nil, fault
		}
		retries++
		if !c.wait(ctx, retries, fault) {
			return nil, fault
		}
	}
}

// once sends the call one time.
func (c *Client) once(ctx context.Context, k *call) (*Response, *Error) {
	if err := ctx.Err(); err != nil {
		return nil, &Error{cause: err}
	}
	var reused atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { reused.Store(info.Reused) },
	})
	resp, err := c.http.Do(k.request(ctx))
	if err != nil {
		return nil, &Error{cause: redactError(err, k.redact), stale: reused.Load() && broken(err)}
	}
	defer func() { _ = resp.Body.Close() }() // no error matters here: the body was read or abandoned
	c.logNotice(ctx, k, resp.Header)
	return c.read(k, resp)
}

// read distinguishes success from failure, and keeps the status and request id whatever the body
// is.
func (c *Client) read(k *call, resp *http.Response) (*Response, *Error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, c.maxBody+1))
	id := k.redact(resp.Header.Get("Request-Id"))
	success := resp.StatusCode >= 200 && resp.StatusCode <= 299
	large := int64(len(body)) > c.maxBody
	if success && !large && err == nil && isObject(body) {
		return &Response{resp.StatusCode, id, resp.Header, body}, nil
	}
	fault := &Error{
		Status:    resp.StatusCode,
		RequestID: id,
		Header:    redactHeaders(resp.Header, k.redact),
		cause:     redactError(err, k.redact),
		advice:    resp.Header.Get("Stripe-Should-Retry"),
	}
	switch {
	case large:
		fault.large = true
		fault.Message = "body is over the size limit"
	case !success:
		fault.Body = []byte(k.redact(string(body)))
		fault.decode(fault.Body, k.redact)
	case err != nil:
		fault.Message = "body broke off"
	default:
		fault.Body = []byte(k.redact(string(body)))
		fault.Message = "body is not a JSON object"
	}
	return nil, fault
}

// redactHeaders copies headers and removes the key, in case a server echoes it.
func redactHeaders(h http.Header, redact func(string) string) http.Header {
	h = h.Clone()
	for _, values := range h {
		for i := range values {
			values[i] = redact(values[i])
		}
	}
	return h
}

// redactError removes the key from the text of a connection error, which may quote a malformed
// response or the URL of a redirect.
func redactError(err error, redact func(string) string) error {
	if err == nil || redact(err.Error()) == err.Error() {
		return err
	}
	return &redactedError{redact(err.Error()), err}
}

type redactedError struct {
	text  string
	cause error
}

func (e *redactedError) Error() string { return e.text }

// Unwrap returns the original error.
func (e *redactedError) Unwrap() error { return e.cause }

func isObject(body []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) && json.Valid(body)
}

// logNotice logs a message from Stripe to developers, such as a deprecation. See
// https://docs.stripe.com/changelog.
func (c *Client) logNotice(ctx context.Context, k *call, h http.Header) {
	if notice := h.Get("Stripe-Notice"); notice != "" {
		c.logger.LogAttrs(ctx, slog.LevelWarn, "stripe notice",
			slog.String("notice", k.redact(notice)), slog.String("request_id", k.redact(h.Get("Request-Id"))))
	}
}
