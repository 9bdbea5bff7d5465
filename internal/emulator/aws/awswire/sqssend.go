package awswire

import (
	"context"
	"fmt"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
)

// messageAttribute is an attribute on the wire. The list members exist in AWS's model, where they are refused too.
type messageAttribute struct {
	DataType    string
	StringValue string `json:",omitempty"`
	BinaryValue []byte `json:",omitempty"`
}

// outgoing is what SendMessage and an entry of SendMessageBatch have in common.
type outgoing struct {
	MessageBody                                string
	DelaySeconds                               *int
	MessageAttributes, MessageSystemAttributes map[string]messageAttribute
	MessageGroupId, MessageDeduplicationId     string
}

type sendMessageInput struct {
	QueueUrl string
	outgoing
}

type sendMessageOutput struct {
	Id                           string `json:",omitempty"`
	MessageId, MD5OfMessageBody  string
	MD5OfMessageAttributes       string `json:",omitempty"`
	MD5OfMessageSystemAttributes string `json:",omitempty"`
}

func (s queueService) sendMessage(_ context.Context, in sendMessageInput) (any, error) {
	q, err := s.byURL(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return send(q, "", in.outgoing)
}

type sendMessageBatchInput struct {
	QueueUrl string
	Entries  []sendEntry
}

type sendEntry struct {
	Id string
	outgoing
}

func (e sendEntry) id() string { return e.Id }

func (s queueService) sendMessageBatch(_ context.Context, in sendMessageBatchInput) (any, error) {
	q, err := s.byURL(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	size := 0
	for _, e := range in.Entries {
		size += e.message().Size()
	}
	if size > sqs.MaxMessageSize {
		return nil, &Error{Code: "BatchRequestTooLong", Message: fmt.Sprintf("Batch requests cannot be longer than 1048576 bytes. You have sent %d bytes.", size)}
	}
	return batch(in.Entries, func(e sendEntry) (any, error) { return send(q, e.Id, e.outgoing) })
}

// send stores one message and returns its entry of the output.
func send(q *sqs.Queue, id string, in outgoing) (any, error) {
	delay, err := in.delay()
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
	return sendMessageOutput{
		Id: id, MessageId: stored.ID, MD5OfMessageBody: stored.BodyMD5(), MD5OfMessageAttributes: sqs.AttributesMD5(stored.Attributes),
		MD5OfMessageSystemAttributes: sqs.AttributesMD5(attributes(in.MessageSystemAttributes)),
	}, nil
}

// validate checks what the queue itself does not see.
func (in outgoing) validate() error {
	switch {
	case in.MessageBody == "":
		return &Error{Code: "MissingParameter", Message: "The request must contain the parameter MessageBody."}
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

func (in outgoing) delay() (time.Duration, error) {
	return secondsParameter("DelaySeconds", in.DelaySeconds, sqs.Default, sqs.MaxDelay)
}

func (in outgoing) message() sqs.Message {
	return sqs.Message{
		Body: in.MessageBody, Attributes: attributes(in.MessageAttributes),
		GroupID: in.MessageGroupId, TraceHeader: in.MessageSystemAttributes["AWSTraceHeader"].StringValue,
	}
}

func attributes(wire map[string]messageAttribute) map[string]sqs.Attribute {
	out := make(map[string]sqs.Attribute, len(wire))
	for name, a := range wire {
		out[name] = sqs.Attribute(a)
	}
	return out
}

// secondsParameter returns an optional number of seconds, or otherwise when it is not given.
func secondsParameter(name string, value *int, otherwise, most time.Duration) (time.Duration, error) {
	if value == nil {
		return otherwise, nil
	}
	if *value < 0 || *value > int(most/time.Second) {
		return 0, invalidParameter(fmt.Sprintf("Value %d for parameter %s is invalid. Reason: Must be between 0 and %d, if provided.", *value, name, int(most/time.Second)))
	}
	return time.Duration(*value) * time.Second, nil
}
