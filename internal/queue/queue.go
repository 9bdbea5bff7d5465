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

// Client is the part of an SQS client that a Queue needs; [*sqs.Client] has it.
type Client interface {
	ChangeMessageVisibility(context.Context, *sqs.ChangeMessageVisibilityInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error)
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
}

// A Queue is an SQS queue and the queue for what it gives up. It is immutable and safe for concurrent use.
type Queue struct {
	client          Client
	url, deadLetter string
}

// New returns a Queue for two queue URLs.
func New(client Client, url, deadLetterURL string) *Queue {
	return &Queue{client: client, url: url, deadLetter: deadLetterURL}
}

// Defer makes a received message visible again after delay, in whole seconds. The message stays received until then,
// with whatever visibility it had if Defer fails. Errors are the SDK's.
func (q *Queue) Defer(ctx context.Context, receipt string, delay time.Duration) error {
	_, err := q.client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &q.url, ReceiptHandle: &receipt, VisibilityTimeout: int32(delay / time.Second),
	})
	if err != nil {
		return fmt.Errorf("defer message: %w", err)
	}
	return nil
}

// Park puts a copy of a message, its body unchanged, into the queue for what is given up. Attributes say why; SQS takes
// ten at most, and empty ones are left out. Errors are the SDK's, and mean that the copy may not be there.
func (q *Queue) Park(ctx context.Context, body string, attributes map[string]string) error {
	values := make(map[string]types.MessageAttributeValue, len(attributes))
	for name, value := range attributes {
		if value = legible(value); value != "" {
			values[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
		}
	}
	_, err := q.client.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: &q.deadLetter, MessageBody: &body, MessageAttributes: values,
	})
	if err != nil {
		return fmt.Errorf("park message: %w", err)
	}
	return nil
}

// maxAttribute keeps the attributes, which count towards the size of a message, small beside its body.
const maxAttribute = 512

// legible makes text fit for an attribute. SQS refuses most control characters, and an event whose id holds one must
// not for that reason be impossible to park.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
func legible(text string) string {
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
