package redrive

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Limits of SQS's batch calls.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
const (
	maxBatch      = 10
	maxBatchBytes = 1 << 20
)

// pollTime is how many seconds a receive waits for a first message. Any wait makes SQS ask all its servers, so that an empty
// answer means an empty queue.
const pollTime = 1

// errUnconfirmed is the result of an entry that SQS neither reported as done nor as failed.
var errUnconfirmed = errors.New("SQS did not confirm it")

// A queue is an SQS queue seen by somebody who empties or fills it.
type queue struct {
	client *sqs.Client
	url    string
}

// receive hides up to ten messages for a time and returns them; none means that nothing is visible.
func (q queue) receive(ctx context.Context, hide time.Duration) ([]*Letter, error) {
	output, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &q.url, MaxNumberOfMessages: maxBatch, WaitTimeSeconds: pollTime, VisibilityTimeout: int32(hide / time.Second),
		MessageAttributeNames:       []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	})
	if err != nil {
		return nil, fmt.Errorf("receive from %s: %w", q.url, err)
	}
	letters := make([]*Letter, 0, len(output.Messages))
	for _, message := range output.Messages {
		letters = append(letters, read(message))
	}
	return letters, nil
}

// send puts the bodies of letters into the queue and returns one result for each: nil means that SQS has it, and
// [errOwnFault] that it never will.
func (q queue) send(ctx context.Context, letters []*Letter) []error {
	var results []error
	for _, pack := range packed(letters) {
		input := &sqs.SendMessageBatchInput{QueueUrl: &q.url}
		for i, l := range pack {
			input.Entries = append(input.Entries, l.entry(strconv.Itoa(i)))
		}
		output, err := q.client.SendMessageBatch(ctx, input)
		if err != nil {
			results = append(results, all(len(pack), fmt.Errorf("send to %s: %w", q.url, err))...)
			continue
		}
		done := make([]string, 0, len(pack))
		for _, entry := range output.Successful {
			done = append(done, aws.ToString(entry.Id))
		}
		results = append(results, outcomes(len(pack), done, output.Failed)...)
	}
	return results
}

// packed cuts letters into batches that hold to both limits.
func packed(letters []*Letter) [][]*Letter {
	var packs [][]*Letter
	start, size := 0, 0
	for i, l := range letters {
		if i > start && (i-start == maxBatch || size+len(l.body) > maxBatchBytes) {
			packs = append(packs, letters[start:i])
			start, size = i, 0
		}
		size += len(l.body)
	}
	if start < len(letters) {
		packs = append(packs, letters[start:])
	}
	return packs
}

func (l *Letter) entry(id string) types.SendMessageBatchRequestEntry {
	e := types.SendMessageBatchRequestEntry{Id: &id, MessageBody: &l.body}
	if l.group != "" {
		e.MessageGroupId = &l.group
	}
	if l.trace != "" {
		e.MessageSystemAttributes = map[string]types.MessageSystemAttributeValue{
			"AWSTraceHeader": {DataType: aws.String("String"), StringValue: &l.trace},
		}
	}
	return e
}

// remove deletes received letters and returns one result for each.
func (q queue) remove(ctx context.Context, letters []*Letter) []error {
	input := &sqs.DeleteMessageBatchInput{QueueUrl: &q.url}
	for i, l := range letters {
		input.Entries = append(input.Entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &l.receipt})
	}
	output, err := q.client.DeleteMessageBatch(ctx, input)
	if err != nil {
		return all(len(letters), fmt.Errorf("delete from %s: %w", q.url, err))
	}
	done := make([]string, 0, len(letters))
	for _, entry := range output.Successful {
		done = append(done, aws.ToString(entry.Id))
	}
	return outcomes(len(letters), done, output.Failed)
}

// reveal makes received messages, at most ten, visible again at once. One that SQS keeps hidden shows up by itself when
// its time is over, so the results of the entries do not matter.
func (q queue) reveal(ctx context.Context, receipts []string) error {
	input := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &q.url}
	for i, receipt := range receipts {
		input.Entries = append(input.Entries, types.ChangeMessageVisibilityBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &receipt})
	}
	if _, err := q.client.ChangeMessageVisibilityBatch(ctx, input); err != nil {
		return fmt.Errorf("make messages of %s visible again: %w", q.url, err)
	}
	return nil
}

// pending returns about how many messages a receiver could get.
func (q queue) pending(ctx context.Context) (int, error) {
	const name = types.QueueAttributeNameApproximateNumberOfMessages
	output, err := q.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &q.url, AttributeNames: []types.QueueAttributeName{name},
	})
	if err != nil {
		return 0, fmt.Errorf("count messages of %s: %w", q.url, err)
	}
	return strconv.Atoi(output.Attributes[string(name)])
}

// outcomes reads the answer to a batch call of n entries that are named by their index.
func outcomes(n int, done []string, failed []types.BatchResultErrorEntry) []error {
	results := all(n, errUnconfirmed)
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
			err = fmt.Errorf("%w: %w", errOwnFault, err)
		}
		set(aws.ToString(entry.Id), err)
	}
	return results
}

func all(n int, err error) []error {
	results := make([]error, n)
	for i := range results {
		results[i] = err
	}
	return results
}
