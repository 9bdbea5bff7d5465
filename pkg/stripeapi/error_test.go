package stripeapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

var classes = []error{
	stripeapi.ErrAuthentication, stripeapi.ErrPermission, stripeapi.ErrNotFound, stripeapi.ErrInvalid, stripeapi.ErrConflict,
	stripeapi.ErrIdempotency, stripeapi.ErrRateLimited, stripeapi.ErrUnavailable, stripeapi.ErrResponse, stripeapi.ErrTooLarge,
}

// v1Error and v2Error are the two shapes of Stripe's error bodies.
const (
	v1Error = `{"error":{"type":"invalid_request_error","code":"resource_missing","param":"id","message":"No such event: 'evt_x'","doc_url":"https://docs.stripe.com/error-codes","request_log_url":"https://dashboard.stripe.com/logs/req_1"}}`
	v2Error = `{"error":{"code":"not_found","message":"Not found.","user_message":null}}`
)

// errorCases pairs responses with the errors they become. A response is used once, because its body
// is read.
var errorCases = map[string]struct {
	response  *http.Response
	class     error
	retryable bool
	want      stripeapi.Error
	text      string
}{
	"v1 not found": {
		answer(404, v1Error), stripeapi.ErrNotFound, false,
		stripeapi.Error{Status: 404, Type: "invalid_request_error", Code: "resource_missing", Param: "id", Message: "No such event: 'evt_x'", RequestID: "req_1",
			DocURL: "https://docs.stripe.com/error-codes", RequestLogURL: "https://dashboard.stripe.com/logs/req_1"},
		`stripe: status 404 invalid_request_error resource_missing id: "No such event: 'evt_x'" [req_1]`,
	},
	"v2 not found": {
		answer(404, v2Error), stripeapi.ErrNotFound, false,
		stripeapi.Error{Status: 404, Code: "not_found", Message: "Not found.", RequestID: "req_1"},
		`stripe: status 404 not_found: "Not found." [req_1]`,
	},
	"authentication":     {answer(401, `{"error":{"type":"invalid_request_error"}}`), stripeapi.ErrAuthentication, false, stripeapi.Error{Status: 401, Type: "invalid_request_error", RequestID: "req_1"}, ""},
	"permission":         {answer(403, `{}`), stripeapi.ErrPermission, false, stripeapi.Error{Status: 403, RequestID: "req_1"}, "stripe: status 403 [req_1]"},
	"invalid":            {answer(400, `{"error":{"param":"types[0]"}}`), stripeapi.ErrInvalid, false, stripeapi.Error{Status: 400, Param: "types[0]", RequestID: "req_1"}, ""},
	"card":               {answer(402, `{"error":{"type":"card_error"}}`), stripeapi.ErrInvalid, false, stripeapi.Error{Status: 402, Type: "card_error", RequestID: "req_1"}, ""},
	"v1 rate limit":      {answer(429, `{"error":{"code":"rate_limit"}}`), stripeapi.ErrRateLimited, true, stripeapi.Error{Status: 429, Code: "rate_limit", RequestID: "req_1"}, ""},
	"v2 rate limit":      {answer(429, `{"error":{"code":"account_rate_limit_exceeded"}}`), stripeapi.ErrRateLimited, true, stripeapi.Error{Status: 429, Code: "account_rate_limit_exceeded", RequestID: "req_1"}, ""},
	"rate limit by code": {answer(400, `{"error":{"code":"rate_limit"}}`), stripeapi.ErrRateLimited, true, stripeapi.Error{Status: 400, Code: "rate_limit", RequestID: "req_1"}, ""},
	"rate limit by type": {answer(400, `{"error":{"type":"rate_limit"}}`), stripeapi.ErrRateLimited, true, stripeapi.Error{Status: 400, Type: "rate_limit", RequestID: "req_1"}, ""},
	"v1 idempotency":     {answer(400, `{"error":{"type":"idempotency_error"}}`), stripeapi.ErrIdempotency, false, stripeapi.Error{Status: 400, Type: "idempotency_error", RequestID: "req_1"}, ""},
	"v2 idempotency":     {answer(409, `{"error":{"code":"idempotency_error"}}`), stripeapi.ErrIdempotency, true, stripeapi.Error{Status: 409, Code: "idempotency_error", RequestID: "req_1"}, ""},
	"conflict":           {answer(409, `{"error":{"code":"lock_timeout"}}`), stripeapi.ErrConflict, true, stripeapi.Error{Status: 409, Code: "lock_timeout", RequestID: "req_1"}, ""},
	"status before code": {answer(401, `{"error":{"code":"rate_limit"}}`), stripeapi.ErrAuthentication, false, stripeapi.Error{Status: 401, Code: "rate_limit", RequestID: "req_1"}, ""},
	"Stripe says retry":  {answer(400, `{}`, "Stripe-Should-Retry", "true"), stripeapi.ErrInvalid, true, stripeapi.Error{Status: 400, RequestID: "req_1"}, ""},
	"v2 type":            {answer(400, `{"error":{"type":"quota_exceeded","code":"quota_exceeded","user_message":"Too many."}}`), stripeapi.ErrInvalid, false, stripeapi.Error{Status: 400, Type: stripeapi.ErrorTypeQuotaExceeded, Code: "quota_exceeded", UserMessage: "Too many.", RequestID: "req_1"}, "stripe: status 400 quota_exceeded quota_exceeded [req_1]"},
	"unavailable":        {answer(503, `{"error":{"message":"Down."}}`), stripeapi.ErrUnavailable, true, stripeapi.Error{Status: 503, Message: "Down.", RequestID: "req_1"}, ""},
	"HTML of a proxy":    {answer(502, "<html>Bad gateway"), stripeapi.ErrUnavailable, true, stripeapi.Error{Status: 502, RequestID: "req_1"}, "stripe: status 502 [req_1]"},
	"no body":            {answer(404, ""), stripeapi.ErrNotFound, false, stripeapi.Error{Status: 404, RequestID: "req_1"}, ""},
	"truncated body":     {answer(404, v2Error[:20]), stripeapi.ErrNotFound, false, stripeapi.Error{Status: 404, RequestID: "req_1"}, ""},
	"broken body":        {broken(404, v2Error), stripeapi.ErrNotFound, false, stripeapi.Error{Status: 404, Code: "not_found", Message: "Not found."}, ""},
	"OAuth shape":        {answer(400, `{"error":"invalid_grant"}`), stripeapi.ErrInvalid, false, stripeapi.Error{Status: 400, RequestID: "req_1"}, ""},
	"null error":         {answer(400, `{"error":null}`), stripeapi.ErrInvalid, false, stripeapi.Error{Status: 400, RequestID: "req_1"}, ""},
	"one odd member":     {answer(400, `{"error":{"type":[],"message":"kept"}}`), stripeapi.ErrInvalid, false, stripeapi.Error{Status: 400, Message: "kept", RequestID: "req_1"}, ""},
	"control characters": {answer(400, `{"error":{"code":"a\nb","message":"c\nd"}}`), stripeapi.ErrInvalid, false, stripeapi.Error{Status: 400, Code: "a\nb", Message: "c\nd", RequestID: "req_1"}, `stripe: status 400: "c\nd" [req_1]`},
	"array with 200":     {answer(200, `[]`), stripeapi.ErrResponse, true, stripeapi.Error{Status: 200, Message: "body is not a JSON object", RequestID: "req_1"}, ""},
	"null with 200":      {answer(200, `null`), stripeapi.ErrResponse, true, stripeapi.Error{Status: 200, Message: "body is not a JSON object", RequestID: "req_1"}, ""},
	"HTML with 200":      {answer(200, `<html>`), stripeapi.ErrResponse, true, stripeapi.Error{Status: 200, Message: "body is not a JSON object", RequestID: "req_1"}, `stripe: status 200: "body is not a JSON object" [req_1]`},
	"nothing with 200":   {answer(204, ``), stripeapi.ErrResponse, true, stripeapi.Error{Status: 204, Message: "body is not a JSON object", RequestID: "req_1"}, ""},
	"truncated with 200": {answer(200, `{"id":"evt_1"`), stripeapi.ErrResponse, true, stripeapi.Error{Status: 200, Message: "body is not a JSON object", RequestID: "req_1"}, ""},
	"broken with 200":    {broken(200, `{"id":`), stripeapi.ErrUnavailable, true, stripeapi.Error{Status: 200, Message: "body broke off"}, `stripe: status 200: "body broke off": unexpected EOF`},
	"over the cap":       {answer(200, `"`+strings.Repeat("x", stripeapi.DefaultMaxBody)+`"`), stripeapi.ErrTooLarge, false, stripeapi.Error{Status: 200, Message: "body is over the size limit", RequestID: "req_1"}, ""},
	"over the cap, 404":  {answer(404, strings.Repeat("x", stripeapi.DefaultMaxBody+1)), stripeapi.ErrNotFound, false, stripeapi.Error{Status: 404, Message: "body is over the size limit", RequestID: "req_1"}, ""},
	"not modified":       {answer(304, ``), stripeapi.ErrResponse, true, stripeapi.Error{Status: 304, RequestID: "req_1"}, ""},
}

func TestErrorsAreClassified(t *testing.T) {
	t.Parallel()
	for name, tc := range errorCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, stripeapi.Options{MaxRetries: -1, HTTPClient: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
				return tc.response, nil
			})}})
			body, err := client.Do(t.Context(), stripeapi.Request{Method: http.MethodGet, Path: "/v1/x"})
			var got *stripeapi.Error
			if body != nil || !errors.As(err, &got) {
				t.Fatalf("Do = %s, %v; want nil and an Error", body, err)
			}
			for _, class := range classes {
				if errors.Is(err, class) != (class == tc.class) {
					t.Errorf("%v is %v: %v, want %v alone", err, class, errors.Is(err, class), tc.class)
				}
			}
			if got.Retryable() != tc.retryable {
				t.Errorf("%v: Retryable = %v, want %v", err, got.Retryable(), tc.retryable)
			}
			if diff := cmp.Diff(&tc.want, got, cmpopts.IgnoreUnexported(stripeapi.Error{}), cmpopts.IgnoreFields(stripeapi.Error{}, "Body", "Header")); diff != "" {
				t.Errorf("Error (-want +got):\n%s", diff)
			}
			if got.Header.Get("Request-Id") != got.RequestID {
				t.Errorf("the error has the headers %v, want those of the answer", got.Header)
			}
			if tc.text != "" && err.Error() != tc.text {
				t.Errorf("Error() = %s, want %s", err, tc.text)
			}
		})
	}
}

// A body of exactly the limit is whole, and the body of an error is kept even if it is not JSON.
func TestBodiesAreWholeOrAnError(t *testing.T) {
	t.Parallel()
	full := `{"x":"` + strings.Repeat("x", stripeapi.DefaultMaxBody-8) + `"}`
	client := newClient(t, stripeapi.Options{HTTPClient: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/v1/full" {
			return answer(200, full), nil
		}
		return answer(400, "<html>"), nil
	})}})
	body, err := client.Do(t.Context(), stripeapi.Request{Method: http.MethodGet, Path: "/v1/full"})
	if err != nil || !bytes.Equal(body, []byte(full)) {
		t.Errorf("a body of MaxBody bytes: %d bytes, %v; want it whole", len(body), err)
	}
	small := newClient(t, stripeapi.Options{MaxBody: int64(len(full) - 1), HTTPClient: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		return answer(200, full), nil
	})}})
	if _, err := small.Do(t.Context(), stripeapi.Request{Method: http.MethodGet, Path: "/v1/full"}); !errors.Is(err, stripeapi.ErrTooLarge) {
		t.Errorf("a body of MaxBody+1 bytes: %v, want ErrTooLarge", err)
	}
	_, err = client.Do(t.Context(), stripeapi.Request{Method: http.MethodGet, Path: "/v1/html"})
	var fault *stripeapi.Error
	if !errors.As(err, &fault) || string(fault.Body) != "<html>" {
		t.Errorf("error = %v, want its body kept", err)
	}
}

// broken is a response whose body ends with a fault.
func broken(status int, begin string) *http.Response {
	r := answer(status, begin)
	r.Header.Del("Request-Id")
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader(begin), failing{}))
	return r
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// FuzzResponse: whatever the response, the result is a JSON object or an error of exactly one class
// that does not show the key, even if the response contains it with escapes.
func FuzzResponse(f *testing.F) {
	requireSeeds(f)
	f.Fuzz(func(t *testing.T, status int, body []byte, header string) {
		if status < 100 || status > 999 || status >= 300 && status <= 399 && header != "" {
			return // net/http itself refuses the former, and follows or refuses the latter
		}
		client := newClient(t, stripeapi.Options{MaxRetries: -1, HTTPClient: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			return answer(status, string(body), "Request-Id", header), nil
		})}})
		got, err := client.Send(t.Context(), stripeapi.Request{Method: http.MethodGet, Path: "/v1/x"})
		var object map[string]json.RawMessage
		success := status >= 200 && status <= 299 && json.Unmarshal(body, &object) == nil && object != nil
		if success != (err == nil) || success != (got != nil) {
			t.Fatalf("status %d, %q: Send = %v, %v", status, body, got, err)
		}
		if success {
			if got.Status != status || got.RequestID != strings.ReplaceAll(header, string(testKey), testKey.String()) || !bytes.Equal(got.Body, body) {
				t.Fatalf("status %d, %q, %q: Send = %+v", status, body, header, got)
			}
			return
		}
		var fault *stripeapi.Error
		if !errors.As(err, &fault) || fault.Status != status {
			t.Fatalf("status %d, %q: %v, want an Error of that status", status, body, err)
		}
		matching := 0
		for _, class := range classes {
			if errors.Is(err, class) {
				matching++
			}
		}
		if matching != 1 {
			t.Fatalf("status %d, %q: %v is of %d classes", status, body, err, matching)
		}
		if shown := fmt.Sprintf("%v %+v %s", err, *fault, fault.Body); strings.Contains(shown, string(testKey)) {
			t.Fatalf("status %d, %q, %q: the error shows the key: %s", status, body, header, shown)
		}
	})
}
