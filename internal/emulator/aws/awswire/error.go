package awswire

import (
	"cmp"
	"errors"
	"net/http"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/dynamodb"
)

// Error is an answer that AWS's SDKs turn into the typed error of its code.
type Error struct {
	// Status is the HTTP status. Zero: 400.
	Status int
	// Code is the error's name in the service's API model, such as ResourceNotFoundException.
	Code    string
	Message string
	// Item is the item a failed condition was checked against, in DynamoDB's JSON. Nil: none is sent.
	Item any

	unsupported bool // a limit of this package, worth a warning
}

// Error returns code and message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// fail writes e in the service's form.
func (s *service) fail(w http.ResponseWriter, e *Error) {
	status := cmp.Or(e.Status, http.StatusBadRequest)
	body := map[string]any{"__type": s.errorType(e.Code), s.message: e.Message}
	if e.Item != nil {
		body["Item"] = e.Item
	}
	w.Header().Set("X-Amzn-Errortype", e.Code)
	if s.queryCodes != nil {
		w.Header().Set("X-Amzn-Query-Error", s.queryCode(e.Code)+";"+fault(status))
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

func (s *service) errorType(code string) string {
	if s.namespace == "" {
		return code
	}
	return cmp.Or(coralErrors[code], s.namespace+"#"+code)
}

// queryCode is the name an error had in the service's older protocol, which SDKs go on reporting.
func (s *service) queryCode(code string) string { return cmp.Or(s.queryCodes[code], code) }

// fault says which side AWS blames for a status.
func fault(status int) string {
	if status >= http.StatusInternalServerError {
		return "Receiver"
	}
	return "Sender"
}

// asError returns the *Error in err's chain, the one that stands for a table's error, or else otherwise.
func asError(err error, otherwise *Error) *Error {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e
	}
	if e := (*dynamodb.ValidationError)(nil); errors.As(err, &e) {
		return invalid(e.Message)
	}
	if e := (*dynamodb.ConditionError)(nil); errors.As(err, &e) {
		failed := &Error{Code: "ConditionalCheckFailedException", Message: e.Error()}
		if e.Item != nil {
			failed.Item = e.Item
		}
		return failed
	}
	return otherwise
}
