package dynamodb

import (
	"fmt"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
)

// ValidationError is a request that DynamoDB answers with ValidationException, or one that this package does not support.
type ValidationError struct{ Message string }

// Error returns the message.
func (e *ValidationError) Error() string { return e.Message }

// AWSError returns DynamoDB's answer.
func (e *ValidationError) AWSError() *awsjson.Error {
	return &awsjson.Error{Code: "ValidationException", Message: e.Message}
}

func invalid(format string, args ...any) error {
	return &ValidationError{Message: fmt.Sprintf(format, args...)}
}

// ConditionError is a condition that did not hold; DynamoDB answers with ConditionalCheckFailedException.
type ConditionError struct {
	// Item is the item as it is, when the request asked for it and it exists.
	Item Item
}

// Error returns DynamoDB's message.
func (e *ConditionError) Error() string { return "The conditional request failed" }

// AWSError returns DynamoDB's answer.
func (e *ConditionError) AWSError() *awsjson.Error {
	failed := &awsjson.Error{Code: "ConditionalCheckFailedException", Message: e.Error()}
	if e.Item != nil {
		failed.Item = e.Item
	}
	return failed
}
