package stripeapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// The classes of an [*Error], for [errors.Is]. Exactly one matches each error; the status decides
// first, then the type and the code.
var (
	ErrAuthentication = errors.New("stripeapi: authentication failed")            // 401: the key is unknown or expired
	ErrPermission     = errors.New("stripeapi: permission denied")                // 403: the key may not do this
	ErrNotFound       = errors.New("stripeapi: not found")                        // 404: unknown, expired, or of another account or mode
	ErrInvalid        = errors.New("stripeapi: invalid request")                  // 400 and other 4xx
	ErrConflict       = errors.New("stripeapi: conflict")                         // 409: another request holds the object
	ErrIdempotency    = errors.New("stripeapi: idempotency key used differently") // 400 or 409 of that type or code
	ErrRateLimited    = errors.New("stripeapi: rate limited")                     // 429, or 400 with code rate_limit
	ErrUnavailable    = errors.New("stripeapi: unavailable")                      // 5xx, or no complete answer
	ErrResponse       = errors.New("stripeapi: unusable response")                // 2xx that is not a JSON object, or a redirect
	ErrTooLarge       = errors.New("stripeapi: response too large")               // 2xx with more than Options.MaxBody bytes
)

// The values of [Error].Type that Stripe documents. The set is open.
const (
	ErrorTypeAPI            = "api_error"             // v1: a fault of Stripe's
	ErrorTypeCard           = "card_error"            // v1: a card was declined
	ErrorTypeIdempotency    = "idempotency_error"     // v1 and v2
	ErrorTypeInvalidRequest = "invalid_request_error" // v1

	ErrorTypeAlreadyCanceled               = "already_canceled"
	ErrorTypeBlockedByStripe               = "blocked_by_stripe"
	ErrorTypeCannotProceed                 = "cannot_proceed"
	ErrorTypeCapabilityNotEnabled          = "capability_not_enabled"
	ErrorTypeControlledByAlternateResource = "controlled_by_alternate_resource"
	ErrorTypeFeatureNotEnabled             = "feature_not_enabled"
	ErrorTypeFinancialAccountNotOpen       = "financial_account_not_open"
	ErrorTypeFXQuoteNeedsRefresh           = "fx_quote_needs_refresh"
	ErrorTypeInsufficientFunds             = "insufficient_funds"
	ErrorTypeInvalidPaymentMethod          = "invalid_payment_method"
	ErrorTypeInvalidPayoutMethod           = "invalid_payout_method"
	ErrorTypeInvalidVaultedCredential      = "invalid_vaulted_credential"
	ErrorTypeNotCancelable                 = "not_cancelable"
	ErrorTypeQuotaExceeded                 = "quota_exceeded"
	ErrorTypeRateLimit                     = "rate_limit"
	ErrorTypeRecipientNotNotifiable        = "recipient_not_notifiable"
	ErrorTypeTemporarySessionExpired       = "temporary_session_expired"
	ErrorTypeVerificationAttemptFailed     = "verification_attempt_failed"
	ErrorTypeVerificationExpired           = "verification_expired"
	ErrorTypeVerificationNotInitiated      = "verification_not_initiated"
)

// Error is an unsuccessful response from Stripe, or the lack of a response.
//
// The fields from Type to RequestLogURL are read from the body, if it is a Stripe error; further
// members, which depend on the type, are in Body. See https://docs.stripe.com/api/errors and
// https://docs.stripe.com/api-v2-overview#errors.
type Error struct {
	// Status is the HTTP status; 0 if there was no response.
	Status int
	// Type is the class of the error, such as [ErrorTypeInvalidRequest]. Many v2 errors have none.
	Type string
	// Code is meant for programs, for example "resource_missing" or "not_found".
	Code string
	// Param names the parameter at fault.
	Param string
	// Message is for developers.
	Message string
	// UserMessage may be shown to end users. Few errors have one.
	UserMessage string
	// DocURL links to the documentation of Code.
	DocURL string
	// RequestLogURL links to the request in Stripe's dashboard.
	RequestLogURL string
	// RequestID finds the request in Stripe's dashboard and support ("req_…").
	RequestID string
	// Header contains the response headers; nil if there was no response.
	Header http.Header
	// Body is what was received, JSON or not. Do not log it: it may quote the request.
	Body []byte

	cause  error  // a connection fault or a fault in reading a body
	advice string // Stripe-Should-Retry
	large  bool   // the body is over Options.MaxBody and was dropped
	stale  bool   // a connection kept alive from an earlier request died before an answer
}

// Error returns the status, code, message and request id, or the reason there was no response.
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

// Is reports whether target is the class of e, such as [ErrNotFound].
func (e *Error) Is(target error) bool { return target == e.class() }

// Unwrap returns the connection fault or the context's error, if that is why there was no response.
func (e *Error) Unwrap() error { return e.cause }

// Retryable reports whether the same request may succeed later: if there was no complete response,
// after 409, 429, 5xx or a 2xx that is not JSON, or because Stripe says so. It is meant for queues;
// [Client.Do] itself retries less, see the package comment.
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
	switch {
	case e.Status >= 500, e.noAnswer():
		return ErrUnavailable
	case e.large && e.Status < 400:
		return ErrTooLarge
	case e.Status < 400:
		return ErrResponse
	case e.Type == ErrorTypeIdempotency, e.Code == ErrorTypeIdempotency:
		return ErrIdempotency
	case e.Status == http.StatusConflict:
		return ErrConflict
	case e.Type == ErrorTypeRateLimit, e.Code == ErrorTypeRateLimit:
		return ErrRateLimited
	}
	return ErrInvalid
}

// noAnswer reports whether there was no response, or an incomplete one.
func (e *Error) noAnswer() bool { return e.Status == 0 || e.Status < 400 && e.cause != nil }

// decode fills in the fields from a Stripe error body. A malformed member does not hide the others.
// The key is removed from each field, since the body may contain it with escapes.
func (e *Error) decode(body []byte, redact func(string) string) {
	var envelope struct{ Error map[string]json.RawMessage }
	if json.Unmarshal(body, &envelope) != nil {
		return
	}
	for name, field := range map[string]*string{
		"type": &e.Type, "code": &e.Code, "param": &e.Param, "message": &e.Message,
		"user_message": &e.UserMessage, "doc_url": &e.DocURL, "request_log_url": &e.RequestLogURL,
	} {
		if json.Unmarshal(envelope.Error[name], field) != nil {
			*field = ""
		}
		*field = redact(*field)
	}
}
