// Package queue defers, parks, receives and sends messages in SQS.
//
// The fetcher uses [Queue.Defer] for a message that it cannot finish yet, and [Queue.Park], on the
// dead-letter queue, for one that it gives up. Lambda's event source mapping receives the messages
// and deletes the finished ones. The redrive command does that itself, in batches, with
// [Queue.Receive], [Queue.Send] and [Queue.Delete].
package queue

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// A Queue is one SQS queue. It is immutable and safe for concurrent use.
type Queue struct {
	client *sqs.Client
	url    string
}

// New returns a Queue for a queue URL.
func New(client *sqs.Client, url string) *Queue { return &Queue{client, url} }

// URL returns the queue's URL.
func (q *Queue) URL() string { return q.url }

// Defer makes a received message visible again after delay, in whole seconds. If that fails, which
// is an error of the SDK, the visibility timeout that the message already has stays in effect.
func (q *Queue) Defer(ctx context.Context, receipt string, delay time.Duration) error {
	_, err := q.client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &q.url, ReceiptHandle: &receipt, VisibilityTimeout: int32(delay / time.Second),
	})
	if err != nil {
		return fmt.Errorf("defer message: %w", err)
	}
	return nil
}

// Park sends a message body, unchanged, with attributes that say why it was given up. SQS accepts
// at most ten attributes; empty ones are left out. Errors are the SDK's and mean that the message
// might not be in the queue.
func (q *Queue) Park(ctx context.Context, body string, attributes map[string]string) error {
	values := make(map[string]types.MessageAttributeValue, len(attributes))
	for name, value := range attributes {
		if value = attributeValue(value); value != "" {
			values[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
		}
	}
	_, err := q.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &q.url, MessageBody: &body, MessageAttributes: values})
	if err != nil {
		return fmt.Errorf("park message: %w", err)
	}
	return nil
}

// maxAttribute, in bytes, keeps the attributes small beside the body: they count towards the size
// of a message.
const maxAttribute = 512

// attributeValue makes text acceptable as an attribute. SQS refuses most control characters, and an
// event whose id contains one must still be parked.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
func attributeValue(text string) string {
	if len(text) > maxAttribute {
		text = text[:maxAttribute]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == '\uFFFE' || r == '\uFFFF' {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(text, ""))
}
