package sqs

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
)

// outgoing contains the members common to SendMessage and an entry of SendMessageBatch.
type outgoing struct {
	MessageBody                                string
	DelaySeconds                               *int
	MessageAttributes, MessageSystemAttributes map[string]Attribute
	MessageGroupId, MessageDeduplicationId     string
}

type sendMessageInput struct {
	onQueue
	outgoing
}

func sendMessage(_ context.Context, q *Queue, in sendMessageInput) (any, error) {
	return send(q, "", in.outgoing)
}

type sendEntry struct {
	batchEntry
	outgoing
}

func sendMessageBatch(_ context.Context, q *Queue, in batchOf[sendEntry]) (any, error) {
	size := 0
	for _, e := range in.Entries {
		size += e.message().Size()
	}
	if size > MaxMessageSize {
		return nil, &awsjson.Error{Code: "BatchRequestTooLong", Message: fmt.Sprintf("Batch requests cannot be longer than 1048576 bytes. You have sent %d bytes.", size)}
	}
	return batch(in.Entries, func(e sendEntry) (any, error) { return send(q, e.Id, e.outgoing) })
}

// send stores one message and returns its entry in the output.
func send(q *Queue, id string, in outgoing) (any, error) {
	delay, err := secondsParameter("DelaySeconds", in.DelaySeconds, Default, MaxDelay)
	if err == nil {
		err = in.validate()
	}
	if err != nil {
		return nil, err
	}
	stored, err := q.SendAfter(in.message(), delay)
	if err != nil {
		return nil, queueError(err)
	}
	return struct {
		Id                           string `json:",omitempty"`
		MessageId, MD5OfMessageBody  string
		MD5OfMessageAttributes       string `json:",omitempty"`
		MD5OfMessageSystemAttributes string `json:",omitempty"`
	}{id, stored.ID, stored.BodyMD5(), AttributesMD5(stored.Attributes), AttributesMD5(in.MessageSystemAttributes)}, nil
}

// validate checks the parameters that are not passed to the queue.
func (in outgoing) validate() error {
	switch {
	case in.MessageBody == "":
		return &awsjson.Error{Code: "MissingParameter", Message: "The request must contain the parameter MessageBody."}
	case in.MessageDeduplicationId != "":
		return invalidParameter("The request includes a parameter that is not valid for this queue type: MessageDeduplicationId.")
	}
	for name, a := range in.MessageSystemAttributes {
		if name != "AWSTraceHeader" || a.DataType != "String" {
			return invalidParameter("Message system attribute name '" + name + "' is invalid: only AWSTraceHeader, a String, can be sent.")
		}
	}
	return nil
}

func (in outgoing) message() Message {
	return Message{
		Body: in.MessageBody, Attributes: in.MessageAttributes,
		GroupID: in.MessageGroupId, TraceHeader: in.MessageSystemAttributes["AWSTraceHeader"].StringValue,
	}
}

// secondsParameter returns an optional number of seconds, or otherwise if it is absent.
func secondsParameter(name string, value *int, otherwise, most time.Duration) (time.Duration, error) {
	if value == nil {
		return otherwise, nil
	}
	if *value < 0 || *value > int(most/time.Second) {
		return 0, invalidParameter(fmt.Sprintf("Value %d for parameter %s is invalid. Reason: Must be between 0 and %d, if provided.", *value, name, int(most/time.Second)))
	}
	return time.Duration(*value) * time.Second, nil
}

// maxBatch is the maximum number of entries in a batch call.
const maxBatch = 10

var batchEntryID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// batchOf is the input of a batch call.
type batchOf[E any] struct {
	onQueue
	Entries []E
}

// batchEntry contains the members common to all entries. It is also the answer to an entry without
// output.
type batchEntry struct{ Id string }

func (e batchEntry) id() string { return e.Id }

type batchFailure struct {
	Id, Code, Message string
	SenderFault       bool
}

// batch applies do to each entry. Only a fault of the batch as a whole fails the call.
func batch[E interface{ id() string }](entries []E, do func(E) (any, error)) (any, error) {
	if err := validateBatch(entries); err != nil {
		return nil, err
	}
	out := struct {
		Successful []any
		Failed     []batchFailure
	}{[]any{}, []batchFailure{}}
	for _, entry := range entries {
		success, err := do(entry)
		if err == nil {
			out.Successful = append(out.Successful, success)
			continue
		}
		e := awsjson.AsError(err, &awsjson.Error{Status: http.StatusInternalServerError, Code: "InternalError", Message: err.Error()})
		out.Failed = append(out.Failed, batchFailure{Id: entry.id(), Code: e.Code, Message: e.Message, SenderFault: e.Status < http.StatusInternalServerError})
	}
	return out, nil
}

func validateBatch[E interface{ id() string }](entries []E) error {
	switch n := len(entries); {
	case n == 0:
		return &awsjson.Error{Code: "EmptyBatchRequest", Message: "There should be at least one entry in the request."}
	case n > maxBatch:
		return &awsjson.Error{Code: "TooManyEntriesInBatchRequest", Message: fmt.Sprintf("Maximum number of entries per request are 10. You have sent %d.", n)}
	}
	seen := map[string]bool{}
	for _, entry := range entries {
		id := entry.id()
		switch {
		case !batchEntryID.MatchString(id):
			return &awsjson.Error{Code: "InvalidBatchEntryId", Message: "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long."}
		case seen[id]:
			return &awsjson.Error{Code: "BatchEntryIdsNotDistinct", Message: "Id " + id + " repeated."}
		}
		seen[id] = true
	}
	return nil
}

const (
	maxReceive = 10
	maxWait    = 20 * time.Second
)

type receiveMessageInput struct {
	onQueue
	MaxNumberOfMessages                         *int
	VisibilityTimeout, WaitTimeSeconds          *int
	AttributeNames, MessageSystemAttributeNames []string // two names of one filter; the first is deprecated
	MessageAttributeNames                       []string
}

type receivedMessage struct {
	MessageId, ReceiptHandle, Body, MD5OfBody string
	Attributes                                map[string]string    `json:",omitempty"`
	MessageAttributes                         map[string]Attribute `json:",omitempty"`
	MD5OfMessageAttributes                    string               `json:",omitempty"`
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
	var out struct {
		Messages []receivedMessage `json:",omitempty"`
	}
	for _, m := range q.Receive(ctx, limit, wait, visibility) {
		out.Messages = append(out.Messages, in.view(m))
	}
	return out, nil
}

// view returns the message with the attributes that the caller asked for, and their digest.
func (in receiveMessageInput) view(m Message) receivedMessage {
	out := receivedMessage{
		MessageId: m.ID, ReceiptHandle: m.Receipt, Body: m.Body, MD5OfBody: m.BodyMD5(),
		Attributes: map[string]string{}, MessageAttributes: map[string]Attribute{},
	}
	for name, value := range m.SystemAttributes() {
		if selected(name, in.AttributeNames) || selected(name, in.MessageSystemAttributeNames) {
			out.Attributes[name] = value
		}
	}
	for name, a := range m.Attributes {
		if selected(name, in.MessageAttributeNames) {
			out.MessageAttributes[name] = a
		}
	}
	out.MD5OfMessageAttributes = AttributesMD5(out.MessageAttributes)
	return out
}

// selected reports whether a filter has All, the name itself, or a prefix before ".*".
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

type deleteEntry struct {
	batchEntry
	ReceiptHandle string
}

func (e deleteEntry) apply(q *Queue) error { return queueError(q.Delete(e.ReceiptHandle)) }

// visibilityChange contains the members common to ChangeMessageVisibility and its batch.
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

type visibilityEntry struct {
	batchEntry
	visibilityChange
}
