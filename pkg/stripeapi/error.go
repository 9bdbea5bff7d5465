package stripeapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// What an Error is, for errors.Is. Exactly one fits each Error. The status decides, then the code.
var (
	ErrAuthentication = errors.New("stripeapi: authentication failed")            // 401: no such key, or expired
	ErrPermission     = errors.New("stripeapi: permission denied")                // 403: the key may not do this
	ErrNotFound       = errors.New("stripeapi: not found")                        // 404: unknown, expired, or of another account or mode
	ErrInvalid        = errors.New("stripeapi: invalid request")                  // 400 and other 4xx
	ErrConflict       = errors.New("stripeapi: conflict")                         // 409: another request holds the object
	ErrIdempotency    = errors.New("stripeapi: idempotency key used differently") // 400 or 409 of that type or code
	ErrRateLimited    = errors.New("stripeapi: rate limited")                     // 429, or 400 with code rate_limit
	ErrUnavailable    = errors.New("stripeapi: unavailable")                      // 5xx, or no whole answer at all
	ErrResponse       = errors.New("stripeapi: unusable response")                // 2xx that is not a JSON object, or a redirect
	ErrTooLarge       = errors.New("stripeapi: response too large")               // 2xx with more than Options.MaxBody bytes
)

// Error is an answer of Stripe's that is not a success, or the lack of an answer.
//
// Type, Code, Param and Message are what the body told, if it was one of Stripe's; v2 errors usually have no type.
// See https://docs.stripe.com/api/errors and https://docs.stripe.com/api-v2-overview#errors.
type Error struct {
	// Status is the HTTP status; 0 if no answer came.
	Status int
	// Type is the class of a v1 error, such as "invalid_request_error".
	Type string
	// Code is for programs, such as "resource_missing" or "not_found".
	Code string
	// Param names the parameter at fault.
	Param string
	// Message is for people.
	Message string
	// RequestID finds the request in Stripe's dashboard and support ("req_…").
	RequestID string
	// Body is what was received, JSON or not. Do not log it: it may quote the request.
	Body []byte

	cause  error  // a connection fault or a fault in reading a body
	advice string // Stripe-Should-Retry
	large  bool   // the body is over Options.MaxBody and was dropped
	stale  bool   // a connection kept alive from an earlier request died before an answer
}

// Error tells status, code, message and request id, or what kept the answer away.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("stripe: ")
	if e.Status == 0 {
		b.WriteString("no answer")
	} else {
		fmt.Fprintf(&b, "status %d", e.Status)
	}
	for _, word := range []string{e.Type, e.Code, e.Param} {
		if word != "" && printable(word) {
			b.WriteString(" " + word)
		}
	}
	if e.Message != "" {
		fmt.Fprintf(&b, ": %q", e.Message)
	}
	if e.cause != nil {
		fmt.Fprintf(&b, ": %v", e.cause)
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, " [%s]", e.RequestID)
	}
	return b.String()
}

// Is reports whether target is the sentinel that classifies e.
func (e *Error) Is(target error) bool { return target == e.class() }

// Unwrap returns the connection fault or the end of the context, if that is what kept the answer away.
func (e *Error) Unwrap() error { return e.cause }

// Retryable reports whether the same request may succeed later: no whole answer, 409, 429, 5xx, a 2xx that was not
// JSON, or Stripe's own word for it. It is meant for queues; Do itself retries less (see the package comment).
func (e *Error) Retryable() bool {
	switch e.class() {
	case ErrConflict, ErrRateLimited, ErrUnavailable, ErrResponse:
		return true
	}
	return e.Status == http.StatusConflict || e.advice == "true"
}

func (e *Error) class() error {
	switch e.Status {
	case http.StatusUnauthorized:
		return ErrAuthentication
	case http.StatusForbidden:
		return ErrPermission
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusTooManyRequests:
		return ErrRateLimited
	}
	const idempotency = "idempotency_error"
	switch {
	case e.Status >= 500, e.noAnswer():
		return ErrUnavailable
	case e.large && e.Status < 400:
		return ErrTooLarge
	case e.Status < 400:
		return ErrResponse
	case e.Type == idempotency, e.Code == idempotency:
		return ErrIdempotency
	case e.Status == http.StatusConflict:
		return ErrConflict
	case e.Type == "rate_limit", e.Code == "rate_limit":
		return ErrRateLimited
	}
	return ErrInvalid
}

// noAnswer reports whether there is no answer, or one that broke off.
func (e *Error) noAnswer() bool { return e.Status == 0 || e.Status < 400 && e.cause != nil }

// decode fills in what a body of Stripe's says. Each member counts alone: an odd one does not hide the others.
func (e *Error) decode(body []byte) {
	var envelope struct{ Error map[string]json.RawMessage }
	if json.Unmarshal(body, &envelope) != nil {
		return
	}
	for name, field := range map[string]*string{"type": &e.Type, "code": &e.Code, "param": &e.Param, "message": &e.Message} {
		if json.Unmarshal(envelope.Error[name], field) != nil {
			*field = ""
		}
	}
}
