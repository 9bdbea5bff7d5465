package sqs

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
)

const (
	maxReceive = 10
	maxWait    = 20 * time.Second
)

type receiveMessageInput struct {
	onQueue
	MaxNumberOfMessages                         *int
	VisibilityTimeout, WaitTimeSeconds          *int
	AttributeNames, MessageSystemAttributeNames []string // two names of one filter, the first deprecated
	MessageAttributeNames                       []string
}

type receiveMessageOutput struct {
	Messages []receivedMessage `json:",omitempty"`
}

type receivedMessage struct {
	MessageId, ReceiptHandle, Body, MD5OfBody string
	Attributes                                map[string]string           `json:",omitempty"`
	MessageAttributes                         map[string]messageAttribute `json:",omitempty"`
	MD5OfMessageAttributes                    string                      `json:",omitempty"`
}

func receiveMessage(ctx context.Context, q *Queue, in receiveMessageInput) (any, error) {
	limit := 1
	if in.MaxNumberOfMessages != nil {
		limit = *in.MaxNumberOfMessages
	}
	if limit < 1 || limit > maxReceive {
		return nil, invalidParameter(fmt.Sprintf("Value %d for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.", limit))
	}
	wait, waitErr := secondsParameter("WaitTimeSeconds", in.WaitTimeSeconds, q.Config().ReceiveWait, maxWait)
	visibility, visibilityErr := secondsParameter("VisibilityTimeout", in.VisibilityTimeout, Default, MaxVisibility)
	if err := cmp.Or(waitErr, visibilityErr); err != nil {
		return nil, err
	}
	out := receiveMessageOutput{}
	for _, m := range q.Receive(ctx, limit, wait, visibility) {
		out.Messages = append(out.Messages, in.view(m))
	}
	return out, nil
}

// view returns the message with the attributes the caller asked for; the digest covers those and no others.
func (in receiveMessageInput) view(m Message) receivedMessage {
	out := receivedMessage{
		MessageId: m.ID, ReceiptHandle: m.Receipt, Body: m.Body, MD5OfBody: m.BodyMD5(),
		Attributes: map[string]string{}, MessageAttributes: map[string]messageAttribute{},
	}
	for name, value := range m.SystemAttributes() {
		if selected(name, in.AttributeNames) || selected(name, in.MessageSystemAttributeNames) {
			out.Attributes[name] = value
		}
	}
	for name, a := range m.Attributes {
		if selected(name, in.MessageAttributeNames) {
			out.MessageAttributes[name] = messageAttribute(a)
		}
	}
	out.MD5OfMessageAttributes = AttributesMD5(attributes(out.MessageAttributes))
	return out
}

// selected reports whether a filter asks for name: by All, by the name itself, or by a prefix before ".*".
func selected(name string, filter []string) bool {
	return slices.ContainsFunc(filter, func(want string) bool {
		prefix, isPrefix := strings.CutSuffix(want, ".*")
		return want == "All" || want == name || isPrefix && strings.HasPrefix(name, prefix)
	})
}

type deleteMessageInput struct {
	onQueue
	ReceiptHandle string
}

func deleteMessage(_ context.Context, q *Queue, in deleteMessageInput) (any, error) {
	return nil, queueError(q.Delete(in.ReceiptHandle))
}

type deleteMessageBatchInput struct {
	onQueue
	Entries []deleteEntry
}

type deleteEntry struct{ Id, ReceiptHandle string }

func (e deleteEntry) id() string { return e.Id }

func deleteMessageBatch(_ context.Context, q *Queue, in deleteMessageBatchInput) (any, error) {
	return batch(in.Entries, func(e deleteEntry) (any, error) {
		return batchSuccess{e.Id}, queueError(q.Delete(e.ReceiptHandle))
	})
}

// visibilityChange is what ChangeMessageVisibility and an entry of its batch have in common.
type visibilityChange struct {
	ReceiptHandle     string
	VisibilityTimeout *int
}

func (c visibilityChange) apply(q *Queue) error {
	if c.VisibilityTimeout == nil {
		return &awsjson.Error{Code: "MissingParameter", Message: "The request must contain the parameter VisibilityTimeout."}
	}
	timeout, err := secondsParameter("VisibilityTimeout", c.VisibilityTimeout, 0, MaxVisibility)
	if err != nil {
		return err
	}
	return queueError(q.ChangeVisibility(c.ReceiptHandle, timeout))
}

type changeMessageVisibilityInput struct {
	onQueue
	visibilityChange
}

func changeMessageVisibility(_ context.Context, q *Queue, in changeMessageVisibilityInput) (any, error) {
	return nil, in.apply(q)
}

type changeMessageVisibilityBatchInput struct {
	onQueue
	Entries []visibilityEntry
}

type visibilityEntry struct {
	Id string
	visibilityChange
}

func (e visibilityEntry) id() string { return e.Id }

func changeMessageVisibilityBatch(_ context.Context, q *Queue, in changeMessageVisibilityBatchInput) (any, error) {
	return batch(in.Entries, func(e visibilityEntry) (any, error) {
		return batchSuccess{e.Id}, e.apply(q)
	})
}
