package bus

import (
	"errors"
	"fmt"

	"github.com/aws/smithy-go"
)

// Why an entry will never be stored, however often it is sent. Every other error may pass.
var (
	// ErrTooLarge means that the entry alone is over the limit of a request. It was not sent.
	ErrTooLarge = errors.New("bus: entry is too large")
	// ErrInvalid means that EventBridge found the entry itself at fault: an overlong detail type, say.
	ErrInvalid = errors.New("bus: entry is invalid")
)

// errUnconfirmed is the result of an entry that EventBridge neither stored nor refused.
var errUnconfirmed = errors.New("put events: entry was not confirmed")

// EntryError is EventBridge's refusal of one entry.
type EntryError struct {
	Code    string // such as "ThrottlingException"
	Message string
}

// Error returns the code and EventBridge's message.
func (e *EntryError) Error() string { return fmt.Sprintf("put events: %s: %s", e.Code, e.Message) }

// Is reports whether target is [ErrInvalid] and the entry itself is at fault.
func (e *EntryError) Is(target error) bool {
	switch e.Code {
	case "InvalidArgument", "MalformedDetail", "ValidationException":
		return target == ErrInvalid
	}
	return false
}

// Retryable reports whether sending the entry again at once may help.
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html
func (e *EntryError) Retryable() bool {
	switch e.Code {
	case "InternalFailure", "InternalException", "ThrottlingException", "ServiceUnavailable":
		return true
	}
	return false
}

// requestError gives an entry the error of its whole request, which the SDK has retried already.
func requestError(err error) error {
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorCode() == "ValidationException" {
		return &EntryError{Code: api.ErrorCode(), Message: api.ErrorMessage()}
	}
	return fmt.Errorf("put events: %w", err)
}
