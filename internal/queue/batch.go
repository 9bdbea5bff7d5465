package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/meterbridge/meterbridge/internal/batch"
)

// MaxBatch is the largest number of messages in one request.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
const MaxBatch = 10

const maxBatchBytes = 1 << 20 // of one request

// pollTime, in seconds, is how long a receive waits for a first message. With a wait SQS asks all
// its servers, so an empty answer means an empty queue.
const pollTime = 1

// ErrRefused means that SQS will never accept an entry, however often it is sent. Every other error
// may be temporary.
var ErrRefused = errors.New("queue: SQS refuses the message")

// errUnconfirmed is the result of an entry that SQS reported neither as successful nor as failed.
var errUnconfirmed = errors.New("SQS did not confirm it")

// A Message is a message as received.
type Message struct {
	ID         string
	Receipt    string // of this receive
	Body       string
	Attributes map[string]string // set by the sender; those with text values
	System     map[string]string // set by SQS, such as "ApproximateReceiveCount"
}

// The system attributes that [Queue.Send] keeps.
const (
	systemTrace = "AWSTraceHeader" // X-Ray header
	systemGroup = "MessageGroupId" // tenant of a fair queue
)

// Trace returns the message's X-Ray header; "" means none.
func (m Message) Trace() string { return m.System[systemTrace] }

// Receive returns up to [MaxBatch] messages and hides them from other receivers for a time, in
// whole seconds. No messages means that none is visible.
func (q *Queue) Receive(ctx context.Context, hide time.Duration) ([]Message, error) {
	output, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &q.url, MaxNumberOfMessages: MaxBatch, WaitTimeSeconds: pollTime, VisibilityTimeout: int32(hide / time.Second),
		MessageAttributeNames:       []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	})
	if err != nil {
		return nil, fmt.Errorf("receive from %s: %w", q.url, err)
	}
	messages := make([]Message, 0, len(output.Messages))
	for _, m := range output.Messages {
		attributes := make(map[string]string, len(m.MessageAttributes))
		for name, value := range m.MessageAttributes {
			attributes[name] = aws.ToString(value.StringValue)
		}
		messages = append(messages, Message{
			aws.ToString(m.MessageId), aws.ToString(m.ReceiptHandle), aws.ToString(m.Body), attributes, m.Attributes,
		})
	}
	return messages, nil
}

// Send puts copies of messages into the queue, with body, X-Ray header and group but without other
// attributes. It returns one result for each message: nil means that SQS has stored the copy, and
// [ErrRefused] that it never will.
func (q *Queue) Send(ctx context.Context, messages []Message) []error {
	var results []error
	for _, part := range batch.Pack(messages, MaxBatch, maxBatchBytes, func(m Message) int { return len(m.Body) }) {
		input := &sqs.SendMessageBatchInput{QueueUrl: &q.url}
		for i, m := range part {
			input.Entries = append(input.Entries, m.entry(strconv.Itoa(i)))
		}
		output, err := q.client.SendMessageBatch(ctx, input)
		if err != nil {
			results = append(results, slices.Repeat([]error{fmt.Errorf("send to %s: %w", q.url, err)}, len(part))...)
			continue
		}
		done := make([]string, 0, len(part))
		for _, entry := range output.Successful {
			done = append(done, aws.ToString(entry.Id))
		}
		results = append(results, entryResults(len(part), done, output.Failed)...)
	}
	return results
}

func (m Message) entry(id string) types.SendMessageBatchRequestEntry {
	e := types.SendMessageBatchRequestEntry{Id: &id, MessageBody: &m.Body}
	if group := m.System[systemGroup]; group != "" {
		e.MessageGroupId = &group
	}
	if trace := m.Trace(); trace != "" {
		e.MessageSystemAttributes = map[string]types.MessageSystemAttributeValue{
			systemTrace: {DataType: aws.String("String"), StringValue: &trace},
		}
	}
	return e
}

// Delete deletes received messages, at most [MaxBatch], by their receipts and returns one result
// for each.
func (q *Queue) Delete(ctx context.Context, receipts []string) []error {
	input := &sqs.DeleteMessageBatchInput{QueueUrl: &q.url}
	for i, receipt := range receipts {
		input.Entries = append(input.Entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &receipt})
	}
	output, err := q.client.DeleteMessageBatch(ctx, input)
	if err != nil {
		return slices.Repeat([]error{fmt.Errorf("delete from %s: %w", q.url, err)}, len(receipts))
	}
	done := make([]string, 0, len(receipts))
	for _, entry := range output.Successful {
		done = append(done, aws.ToString(entry.Id))
	}
	return entryResults(len(receipts), done, output.Failed)
}

// Reveal makes received messages, at most [MaxBatch], visible again at once. A message for which
// that fails becomes visible when its timeout ends, so the results of single messages do not
// matter.
func (q *Queue) Reveal(ctx context.Context, receipts []string) error {
	input := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &q.url}
	for i, receipt := range receipts {
		input.Entries = append(input.Entries, types.ChangeMessageVisibilityBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &receipt})
	}
	if _, err := q.client.ChangeMessageVisibilityBatch(ctx, input); err != nil {
		return fmt.Errorf("make messages of %s visible again: %w", q.url, err)
	}
	return nil
}

// Count returns the approximate number of messages that are visible, and of those that are hidden
// because somebody has received them.
func (q *Queue) Count(ctx context.Context) (visible, hidden int, err error) {
	const visibleName, hiddenName = types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible
	output, err := q.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &q.url, AttributeNames: []types.QueueAttributeName{visibleName, hiddenName},
	})
	if err == nil {
		visible, err = strconv.Atoi(output.Attributes[string(visibleName)])
	}
	if err == nil {
		hidden, err = strconv.Atoi(output.Attributes[string(hiddenName)])
	}
	if err != nil {
		return 0, 0, fmt.Errorf("count messages of %s: %w", q.url, err)
	}
	return visible, hidden, nil
}

// entryResults reads the answer to a batch request whose n entries have their index as id.
func entryResults(n int, done []string, failed []types.BatchResultErrorEntry) []error {
	results := slices.Repeat([]error{errUnconfirmed}, n)
	set := func(id string, result error) {
		if i, err := strconv.Atoi(id); err == nil && i >= 0 && i < n {
			results[i] = result
		}
	}
	for _, id := range done {
		set(id, nil)
	}
	for _, entry := range failed {
		err := fmt.Errorf("SQS: %s: %s", aws.ToString(entry.Code), aws.ToString(entry.Message))
		if entry.SenderFault {
			err = fmt.Errorf("%w: %w", ErrRefused, err)
		}
		set(aws.ToString(entry.Id), err)
	}
	return results
}
