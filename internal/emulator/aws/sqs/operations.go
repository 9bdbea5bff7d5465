package sqs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
)

// Operations returns SQS's operations on messages and on queues that exist.
func (s *Service) Operations() awsjson.Operations {
	return awsjson.Operations{
		Service: "sqs", Target: "AmazonSQS", Version: "1.0", Namespace: "com.amazonaws.sqs", QueryCodes: queryCodes,
		ByName: map[string]awsjson.Operation{
			"SendMessage":                  on(s, sendMessage),
			"SendMessageBatch":             on(s, sendMessageBatch),
			"ReceiveMessage":               on(s, receiveMessage),
			"DeleteMessage":                on(s, deleteMessage),
			"DeleteMessageBatch":           on(s, deleteMessageBatch),
			"ChangeMessageVisibility":      on(s, changeMessageVisibility),
			"ChangeMessageVisibilityBatch": on(s, changeMessageVisibilityBatch),
			"GetQueueAttributes":           on(s, getQueueAttributes),
			"PurgeQueue":                   on(s, purgeQueue),
			"GetQueueUrl":                  awsjson.Typed(s.getQueueURL),
			"ListQueues":                   awsjson.Typed(s.listQueues),
		},
	}
}

// onQueue is the part that all requests about one queue have in common.
type onQueue struct{ QueueUrl string }

func (o onQueue) url() string { return o.QueueUrl }

// on makes an operation of a function over the queue that the request names by its URL. A bare name
// is refused, as AWS does.
func on[In interface{ url() string }](s *Service, run func(context.Context, *Queue, In) (any, error)) awsjson.Operation {
	return awsjson.Typed(func(ctx context.Context, in In) (any, error) {
		if in.url() == "" {
			return nil, &awsjson.Error{Code: "MissingParameter", Message: "The request must contain the parameter QueueUrl."}
		}
		if _, ok := urlPath(in.url()); !ok {
			return nil, &awsjson.Error{Code: "InvalidAddress", Message: "The address " + in.url() + " is not valid for this endpoint."}
		}
		q := s.QueueAt(in.url())
		if q == nil {
			return nil, noSuchQueue()
		}
		return run(ctx, q, in)
	})
}

// queryCodes are the errors with another name in the query protocol, see
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html.
var queryCodes = map[string]string{
	"BatchEntryIdsNotDistinct":     "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
	"BatchRequestTooLong":          "AWS.SimpleQueueService.BatchRequestTooLong",
	"EmptyBatchRequest":            "AWS.SimpleQueueService.EmptyBatchRequest",
	"InvalidBatchEntryId":          "AWS.SimpleQueueService.InvalidBatchEntryId",
	"MessageNotInflight":           "AWS.SimpleQueueService.MessageNotInflight",
	"QueueDoesNotExist":            "AWS.SimpleQueueService.NonExistentQueue",
	"TooManyEntriesInBatchRequest": "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
	"UnsupportedOperation":         "AWS.SimpleQueueService.UnsupportedOperation",
}

func noSuchQueue() *awsjson.Error {
	return &awsjson.Error{Code: "QueueDoesNotExist", Message: "The specified queue does not exist."}
}

func invalidParameter(message string) *awsjson.Error {
	return &awsjson.Error{Code: "InvalidParameterValue", Message: message}
}

// queueError returns SQS's answer to an error of a queue.
func queueError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrTooLarge):
		return invalidParameter("One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.")
	case errors.Is(err, ErrContents):
		return &awsjson.Error{Code: "InvalidMessageContents", Message: "The message contains characters outside the allowed set."}
	case errors.Is(err, ErrReceipt):
		return &awsjson.Error{Code: "ReceiptHandleIsInvalid", Message: "The input receipt handle is invalid."}
	case errors.Is(err, ErrNotInFlight):
		return &awsjson.Error{Code: "MessageNotInflight", Message: "The message referred to isn't in flight."}
	}
	return invalidParameter(err.Error())
}

type getQueueURLInput struct{ QueueName, QueueOwnerAWSAccountId string }

type getQueueURLOutput struct{ QueueUrl string }

func (s *Service) getQueueURL(_ context.Context, in getQueueURLInput) (any, error) {
	for _, q := range s.queues {
		if q.cfg.Name == in.QueueName {
			return getQueueURLOutput{QueueUrl: q.cfg.URL}, nil
		}
	}
	return nil, noSuchQueue()
}

type listQueuesInput struct{ QueueNamePrefix string }

type listQueuesOutput struct{ QueueUrls []string }

func (s *Service) listQueues(_ context.Context, in listQueuesInput) (any, error) {
	out := listQueuesOutput{}
	for _, q := range s.queues {
		if strings.HasPrefix(q.cfg.Name, in.QueueNamePrefix) {
			out.QueueUrls = append(out.QueueUrls, q.cfg.URL)
		}
	}
	return out, nil
}

func purgeQueue(_ context.Context, q *Queue, _ onQueue) (any, error) {
	q.Purge()
	return nil, nil
}

type getQueueAttributesInput struct {
	onQueue
	AttributeNames []string
}

type getQueueAttributesOutput struct {
	Attributes map[string]string `json:",omitempty"`
}

func getQueueAttributes(_ context.Context, q *Queue, in getQueueAttributesInput) (any, error) {
	all := queueAttributes(q)
	out := getQueueAttributesOutput{Attributes: map[string]string{}}
	for _, name := range in.AttributeNames {
		if _, known := all[name]; !known && name != "All" {
			return nil, &awsjson.Error{Code: "InvalidAttributeName", Message: "Unknown Attribute " + name + "."}
		}
	}
	for name, value := range all {
		if value != "" && (slices.Contains(in.AttributeNames, name) || slices.Contains(in.AttributeNames, "All")) {
			out.Attributes[name] = value
		}
	}
	return out, nil
}

// queueAttributes returns all attributes that are emulated; one that is not set is empty.
func queueAttributes(q *Queue) map[string]string {
	cfg, stats := q.cfg, q.Stats()
	created := strconv.FormatInt(q.Created().Unix(), 10)
	return map[string]string{
		"ApproximateNumberOfMessages":           strconv.Itoa(stats.Visible),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(stats.InFlight),
		"ApproximateNumberOfMessagesDelayed":    strconv.Itoa(stats.Delayed),
		"CreatedTimestamp":                      created,
		"LastModifiedTimestamp":                 created,
		"VisibilityTimeout":                     wholeSeconds(cfg.VisibilityTimeout),
		"DelaySeconds":                          wholeSeconds(cfg.Delay),
		"MessageRetentionPeriod":                wholeSeconds(cfg.Retention),
		"ReceiveMessageWaitTimeSeconds":         wholeSeconds(cfg.ReceiveWait),
		"MaximumMessageSize":                    strconv.Itoa(MaxMessageSize),
		"QueueArn":                              cfg.ARN,
		"RedrivePolicy":                         redrivePolicy(cfg),
	}
}

func wholeSeconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

func redrivePolicy(cfg Config) string {
	if cfg.DeadLetter == nil || cfg.MaxReceiveCount < 1 {
		return ""
	}
	return fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, cfg.DeadLetter.cfg.ARN, cfg.MaxReceiveCount)
}
