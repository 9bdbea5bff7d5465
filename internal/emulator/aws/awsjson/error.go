package awsjson

import (
	"cmp"
	"errors"
	"net/http"
)

// Error is an answer that AWS's SDKs turn into the typed error of its code.
type Error struct {
	// Status is the HTTP status. Zero: 400.
	Status int
	// Code is the error's name in the service's API model, such as ResourceNotFoundException.
	Code    string
	Message string
	// Item is the item that a failed condition was checked against, in DynamoDB's JSON. Nil: none is sent.
	Item any

	unsupported bool // a limit of the emulator, worth a warning
}

// Error returns code and message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// AsError returns the [*Error] that err wraps, or the one that the AWSError method of an error in its chain returns, or else
// otherwise.
func AsError(err error, otherwise *Error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[awsError](err); ok {
		return e.AWSError()
	}
	return otherwise
}

// awsError is an error of a service that knows what AWS answers in its place.
type awsError interface {
	error
	AWSError() *Error
}

// fail writes e in the service's form.
func (s *Operations) fail(w http.ResponseWriter, e *Error) {
	status := cmp.Or(e.Status, http.StatusBadRequest)
	body := map[string]any{"__type": s.errorType(e.Code), cmp.Or(s.MessageMember, "message"): e.Message}
	if e.Item != nil {
		body["Item"] = e.Item
	}
	w.Header().Set("X-Amzn-Errortype", e.Code)
	if s.QueryCodes != nil {
		w.Header().Set("X-Amzn-Query-Error", cmp.Or(s.QueryCodes[e.Code], e.Code)+";"+fault(status))
	}
	s.write(w, status, body)
}

// coralErrors come from AWS's common service framework, which names them in namespaces of its own.
var coralErrors = map[string]string{
	"UnknownOperationException": "com.amazon.coral.service#UnknownOperationException",
	"SerializationException":    "com.amazon.coral.service#SerializationException",
	"ValidationException":       "com.amazon.coral.validate#ValidationException",
	"InvalidParameterValue":     "com.amazon.coral.service#InvalidParameterValueException",
	"MissingParameter":          "com.amazon.coral.service#MissingRequiredParameterException",
}

func (s *Operations) errorType(code string) string {
	if s.Namespace == "" {
		return code
	}
	return cmp.Or(coralErrors[code], s.Namespace+"#"+code)
}

// fault returns the side that AWS blames for a status.
func fault(status int) string {
	if status >= http.StatusInternalServerError {
		return "Receiver"
	}
	return "Sender"
}
