package stripe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

const docURL = "https://docs.stripe.com/error-codes"

// rateLimitReason is the header in which Stripe names the limit that was exceeded:
// https://docs.stripe.com/rate-limits.
const rateLimitReason = "Stripe-Rate-Limited-Reason"

// An apiError is an error as the API reports it: https://docs.stripe.com/api/errors.
type apiError struct {
	status                          int
	errorType, code, param, message string
}

// Error returns the message.
func (e *apiError) Error() string { return e.message }

// errorResponse returns the status and body that report err; if not an apiError, a 500.
func errorResponse(err error, r *http.Request) (status int, body []byte) {
	e, ok := errors.AsType[*apiError](err)
	if !ok {
		e = &apiError{status: http.StatusInternalServerError, errorType: "api_error", message: err.Error()}
	}
	return e.status, e.body(isV2(r))
}

// body encodes e in the format of API v1 or of API v2, in which only a few errors have a type.
func (e *apiError) body(v2 bool) []byte {
	fields := map[string]any{"message": e.message, "doc_url": docURL}
	for name, value := range map[string]string{"type": e.errorType, "code": e.code, "param": e.param} {
		if value != "" {
			fields[name] = value
		}
	}
	if v2 {
		fields["user_message"] = nil
		if e.errorType == "invalid_request_error" {
			delete(fields, "type")
		}
	}
	return encode(map[string]any{"error": fields})
}

func newError(status int, errorType, code, param, format string, args ...any) error {
	return &apiError{status: status, errorType: errorType, code: code, param: param, message: fmt.Sprintf(format, args...)}
}

func badRequest(code, param, format string, args ...any) error {
	return newError(http.StatusBadRequest, "invalid_request_error", code, param, format, args...)
}

func invalidParam(param, format string, args ...any) error {
	return badRequest("parameter_invalid", param, format, args...)
}

func missingParam(param string) error {
	return badRequest("parameter_missing", param, "Missing required param: %s.", param)
}

func unknownParam(param string) error {
	return badRequest("parameter_unknown", param, "Received unknown parameter: %s", param)
}

func unauthorized(message string) error {
	return newError(http.StatusUnauthorized, "invalid_request_error", "", "", "%s", message)
}

// forbidden is the answer to a restricted key that lacks a permission.
func forbidden() error {
	return newError(http.StatusForbidden, "invalid_request_error", "more_permissions_required", "", "The provided key does not have the required permissions for this endpoint.")
}

func unrecognizedURL(method, path string) error {
	return newError(http.StatusNotFound, "invalid_request_error", "", "", "Unrecognized request URL (%s: %s).", method, path)
}

// notFound is API v2's answer about an object that does not exist, belongs to another mode or
// context, or has expired.
func notFound() error { return newError(http.StatusNotFound, "", "not_found", "", "Not found.") }

// noSuch is API v1's answer in the same cases.
func noSuch(object, id string) error {
	return newError(http.StatusNotFound, "invalid_request_error", "resource_missing", "id", "No such %s: '%s'", object, id)
}

func idempotencyError(message string) error {
	return newError(http.StatusConflict, "idempotency_error", "idempotency_error", "", "%s", message)
}

func rateLimited(r *http.Request) error {
	errorType, code := "invalid_request_error", "rate_limit"
	if isV2(r) {
		errorType, code = "rate_limit", "account_rate_limit_exceeded"
	}
	return newError(http.StatusTooManyRequests, errorType, code, "", "Request rate limit exceeded.")
}

// encode marshals a value that the sandbox built, which cannot fail. Raw events inside it lose only
// their insignificant white space; an ampersand is not escaped.
func encode(v any) []byte {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(fmt.Sprintf("stripe: encode %T: %v", v, err))
	}
	return bytes.TrimSuffix(body.Bytes(), []byte("\n"))
}
