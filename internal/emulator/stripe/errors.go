package stripe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

const docURL = "https://docs.stripe.com/error-codes"

// A failure is an error as the API reports it: https://docs.stripe.com/api/errors.
type failure struct {
	status                     int
	kind, code, param, message string
}

// Error returns the message; the status and the code travel beside it.
func (f *failure) Error() string { return f.message }

// failureOf returns the status and the body for err. Any error that is not a failure is a fault of the sandbox itself.
func failureOf(err error, r *http.Request) (status int, body []byte) {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		f = &failure{status: http.StatusInternalServerError, kind: "api_error", message: err.Error()}
	}
	return f.status, f.body(isV2(r))
}

func writeFailure(w http.ResponseWriter, r *http.Request, err error) {
	status, body := failureOf(err, r)
	Fault("").write(w, r, status, body)
}

// body encodes f in the shape of API v2, which names a type for a few errors only, or of v1.
func (f *failure) body(v2 bool) []byte {
	fields := map[string]any{"message": f.message, "doc_url": docURL}
	for name, value := range map[string]string{"type": f.kind, "code": f.code, "param": f.param} {
		if value != "" {
			fields[name] = value
		}
	}
	if v2 {
		fields["user_message"] = nil
		if f.kind == "invalid_request_error" {
			delete(fields, "type")
		}
	}
	return encode(map[string]any{"error": fields})
}

func newFailure(status int, kind, code, param, format string, args ...any) *failure {
	return &failure{status: status, kind: kind, code: code, param: param, message: fmt.Sprintf(format, args...)}
}

func invalid(param, format string, args ...any) error {
	return newFailure(http.StatusBadRequest, "invalid_request_error", "parameter_invalid", param, format, args...)
}

func missing(param string) error {
	return newFailure(http.StatusBadRequest, "invalid_request_error", "parameter_missing", param, "Missing required param: %s.", param)
}

func unknown(param string) error {
	return newFailure(http.StatusBadRequest, "invalid_request_error", "parameter_unknown", param, "Received unknown parameter: %s", param)
}

func unauthorized(message string) error {
	return newFailure(http.StatusUnauthorized, "invalid_request_error", "", "", "%s", message)
}

func unrecognizedURL(method, path string) error {
	return newFailure(http.StatusNotFound, "invalid_request_error", "", "", "Unrecognized request URL (%s: %s).", method, path)
}

// notFound is API v2's answer to an id that does not exist, is too old, or belongs to another mode or context.
func notFound() error {
	return newFailure(http.StatusNotFound, "", "not_found", "", "Not found.")
}

// noSuch is API v1's answer in the same cases.
func noSuch(object, id string) error {
	return newFailure(http.StatusNotFound, "invalid_request_error", "resource_missing", "id", "No such %s: '%s'", object, id)
}

func rateLimited(r *http.Request) error {
	kind, code := "invalid_request_error", "rate_limit"
	if isV2(r) {
		kind, code = "rate_limit", "account_rate_limit_exceeded"
	}
	return newFailure(http.StatusTooManyRequests, kind, code, "", "Request rate limit exceeded.")
}

// encode marshals what the sandbox itself has built, which always has an encoding. Events inside lose their white space
// and nothing else: an ampersand stays one.
func encode(v any) []byte {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(fmt.Sprintf("stripe: encode %T: %v", v, err))
	}
	return bytes.TrimSuffix(body.Bytes(), []byte("\n"))
}
