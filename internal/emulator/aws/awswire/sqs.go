package awswire

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
)

// queueService serves a fixed set of queues. Like the real service it finds a queue by the path of its URL, whatever the host.
type queueService struct {
	queues []*sqs.Queue
}

func newSQS(queues []*sqs.Queue) *service {
	s := queueService{queues: slices.Clone(queues)}
	return &service{
		name: "sqs", version: "1.0", namespace: "com.amazonaws.sqs", message: "message", queryCodes: sqsQueryCodes,
		operations: map[string]operation{
			"SendMessage":                  op(s.sendMessage),
			"SendMessageBatch":             op(s.sendMessageBatch),
			"ReceiveMessage":               op(s.receiveMessage),
			"DeleteMessage":                op(s.deleteMessage),
			"DeleteMessageBatch":           op(s.deleteMessageBatch),
			"ChangeMessageVisibility":      op(s.changeMessageVisibility),
			"ChangeMessageVisibilityBatch": op(s.changeMessageVisibilityBatch),
			"GetQueueUrl":                  op(s.getQueueURL),
			"GetQueueAttributes":           op(s.getQueueAttributes),
			"ListQueues":                   op(s.listQueues),
			"PurgeQueue":                   op(s.purgeQueue),
		},
	}
}

// sqsQueryCodes are the errors whose name in the query protocol differs, see
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html.
var sqsQueryCodes = map[string]string{
	"BatchEntryIdsNotDistinct":     "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
	"BatchRequestTooLong":          "AWS.SimpleQueueService.BatchRequestTooLong",
	"EmptyBatchRequest":            "AWS.SimpleQueueService.EmptyBatchRequest",
	"InvalidBatchEntryId":          "AWS.SimpleQueueService.InvalidBatchEntryId",
	"MessageNotInflight":           "AWS.SimpleQueueService.MessageNotInflight",
	"QueueDoesNotExist":            "AWS.SimpleQueueService.NonExistentQueue",
	"TooManyEntriesInBatchRequest": "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
	"UnsupportedOperation":         "AWS.SimpleQueueService.UnsupportedOperation",
}

// byURL returns the queue a request names. A bare name is refused as in AWS, where the SDK's callers pass URLs.
func (s queueService) byURL(queueURL string) (*sqs.Queue, error) {
	if queueURL == "" {
		return nil, &Error{Code: "MissingParameter", Message: "The request must contain the parameter QueueUrl."}
	}
	path, ok := urlPath(queueURL)
	if !ok {
		return nil, &Error{Code: "InvalidAddress", Message: "The address " + queueURL + " is not valid for this endpoint."}
	}
	for _, q := range s.queues {
		if own, _ := urlPath(q.Config().URL); own == path {
			return q, nil
		}
	}
	return nil, noSuchQueue()
}

func urlPath(raw string) (string, bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return "", false
	}
	return u.Path, true
}

func noSuchQueue() *Error {
	return &Error{Code: "QueueDoesNotExist", Message: "The specified queue does not exist."}
}

func invalidParameter(message string) *Error {
	return &Error{Code: "InvalidParameterValue", Message: message}
}

// queueError puts an error of a queue into SQS's terms.
func queueError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sqs.ErrTooLarge):
		return invalidParameter("One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.")
	case errors.Is(err, sqs.ErrContents):
		return &Error{Code: "InvalidMessageContents", Message: "The message contains characters outside the allowed set."}
	case errors.Is(err, sqs.ErrReceipt):
		return &Error{Code: "ReceiptHandleIsInvalid", Message: "The input receipt handle is invalid."}
	case errors.Is(err, sqs.ErrNotInFlight):
		return &Error{Code: "MessageNotInflight", Message: "The message referred to isn't in flight."}
	}
	return invalidParameter(err.Error())
}

type getQueueURLInput struct{ QueueName, QueueOwnerAWSAccountId string }

type getQueueURLOutput struct{ QueueUrl string }

func (s queueService) getQueueURL(_ context.Context, in getQueueURLInput) (any, error) {
	for _, q := range s.queues {
		if q.Config().Name == in.QueueName {
			return getQueueURLOutput{QueueUrl: q.Config().URL}, nil
		}
	}
	return nil, noSuchQueue()
}

type listQueuesInput struct{ QueueNamePrefix string }

type listQueuesOutput struct{ QueueUrls []string }

func (s queueService) listQueues(_ context.Context, in listQueuesInput) (any, error) {
	out := listQueuesOutput{}
	for _, q := range s.queues {
		if strings.HasPrefix(q.Config().Name, in.QueueNamePrefix) {
			out.QueueUrls = append(out.QueueUrls, q.Config().URL)
		}
	}
	return out, nil
}

type purgeQueueInput struct{ QueueUrl string }

func (s queueService) purgeQueue(_ context.Context, in purgeQueueInput) (any, error) {
	q, err := s.byURL(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	q.Purge()
	return nil, nil
}
