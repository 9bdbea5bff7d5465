package sqs_test

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sdktest"
	emulated "github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
)

const (
	fetchURL = "http://127.0.0.1:8787/000000000000/fetch"
	fetchARN = "arn:aws:sqs:us-east-1:000000000000:fetch"
	deadARN  = "arn:aws:sqs:us-east-1:000000000000:dead"
)

// newService returns the queue "fetch", whose dead-letter queue is "dead", and a client for both.
func newService(t *testing.T) (*emulated.Queue, *sqs.Client) {
	t.Helper()
	service := emulated.New(nil, &emulated.Options{Endpoint: "http://127.0.0.1:8787"})
	dead := service.AddQueue(emulated.Config{Name: "dead"})
	q := service.AddQueue(emulated.Config{Name: "fetch", VisibilityTimeout: 5 * time.Minute, DeadLetter: dead, MaxReceiveCount: 10})
	return q, sqs.NewFromConfig(sdktest.Config(sdktest.Serve(t, awsjson.New(nil, service.Operations()))))
}

// receiveOne receives one message with all of its attributes.
func receiveOne(t *testing.T, c *sqs.Client) types.Message {
	t.Helper()
	out, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(fetchURL), WaitTimeSeconds: 20,
		MessageAttributeNames: []string{"All"}, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"},
	})
	if err != nil {
		t.Fatalf("ReceiveMessage: %v", err)
	}
	if len(out.Messages) != 1 {
		t.Fatalf("ReceiveMessage returned %d messages, want 1", len(out.Messages))
	}
	return out.Messages[0]
}

func TestMessageSurvivesTheSDK(t *testing.T) {
	t.Parallel()
	q, client := newService(t)
	in := &sqs.SendMessageInput{
		QueueUrl: aws.String(fetchURL), MessageBody: aws.String("héllo <&>"), MessageGroupId: aws.String("acct_1"),
		MessageAttributes: map[string]types.MessageAttributeValue{
			"reason": {DataType: aws.String("String"), StringValue: aws.String("not_found")},
			"blob":   {DataType: aws.String("Binary"), BinaryValue: []byte{0, 255}},
		},
		MessageSystemAttributes: map[string]types.MessageSystemAttributeValue{
			"AWSTraceHeader": {DataType: aws.String("String"), StringValue: aws.String("Root=1-0-0")},
		},
	}
	sent, err := client.SendMessage(t.Context(), in)
	if err != nil {
		t.Fatalf("SendMessage: %v", err)
	}
	got := receiveOne(t, client)
	want := types.Message{
		MessageId: sent.MessageId, Body: in.MessageBody, MD5OfBody: sent.MD5OfMessageBody, MD5OfMessageAttributes: sent.MD5OfMessageAttributes,
		MessageAttributes: in.MessageAttributes, ReceiptHandle: got.ReceiptHandle,
		Attributes: map[string]string{
			"ApproximateReceiveCount": "1", "SenderId": "AIDAMETERBRIDGELOCAL", "MessageGroupId": "acct_1", "AWSTraceHeader": "Root=1-0-0",
			"SentTimestamp":                    got.Attributes["SentTimestamp"],
			"ApproximateFirstReceiveTimestamp": got.Attributes["ApproximateFirstReceiveTimestamp"],
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(types.Message{}, types.MessageAttributeValue{})); diff != "" {
		t.Errorf("received message (-want +got):\n%s", diff)
	}
	if aws.ToString(sent.MD5OfMessageAttributes) == "" || aws.ToString(sent.MD5OfMessageSystemAttributes) == "" {
		t.Errorf("output %+v, want both digests", sent)
	}
	if _, err := client.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: aws.String(fetchURL), ReceiptHandle: got.ReceiptHandle}); err != nil {
		t.Fatalf("DeleteMessage: %v", err)
	}
	if got := q.Stats(); got != (emulated.Stats{}) {
		t.Errorf("queue after the delete: %+v, want it empty", got)
	}
}

func TestQueuesAreFoundByName(t *testing.T) {
	t.Parallel()
	_, client := newService(t)
	got, err := client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("fetch")})
	if err != nil || aws.ToString(got.QueueUrl) != fetchURL {
		t.Errorf("GetQueueUrl = %+v, %v; want %s", got, err, fetchURL)
	}
	_, err = client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("typo")})
	if !errors.As(err, new(*types.QueueDoesNotExist)) {
		t.Errorf("GetQueueUrl of no queue = %v, want QueueDoesNotExist", err)
	}
	sdktest.WantCode(t, err, "AWS.SimpleQueueService.NonExistentQueue")

	list, err := client.ListQueues(t.Context(), &sqs.ListQueuesInput{QueueNamePrefix: aws.String("f")})
	if err != nil || !slices.Equal(list.QueueUrls, []string{fetchURL}) {
		t.Errorf("ListQueues = %+v, %v; want %s", list, err, fetchURL)
	}
}

// TestQueuesAreFoundByThePathOfTheURL, since a client may use another name of this machine.
func TestQueuesAreFoundByThePathOfTheURL(t *testing.T) {
	t.Parallel()
	_, client := newService(t)
	for url, want := range map[string]any{
		fetchURL:                                nil,
		"http://localhost:1/000000000000/fetch": nil,
		"http://127.0.0.1:8787/1/fetch":         new(*types.QueueDoesNotExist),
		"http://127.0.0.1:8787/000000000000/x":  new(*types.QueueDoesNotExist),
		"fetch":                                 new(*types.InvalidAddress),
		"%":                                     new(*types.InvalidAddress),
	} {
		_, err := client.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: &url})
		if want == nil && err != nil || want != nil && !errors.As(err, want) {
			t.Errorf("PurgeQueue(%q) = %v, want %T", url, err, want)
		}
	}
}

func TestQueueAttributesAreExact(t *testing.T) {
	t.Parallel()
	q, client := newService(t)
	for range 2 {
		if _, err := q.Send(emulated.Message{Body: "a"}); err != nil {
			t.Fatalf("Send: %v", err)
		}
	}
	receiveOne(t, client)
	attributes := func(names ...types.QueueAttributeName) (map[string]string, error) {
		out, err := client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: aws.String(fetchURL), AttributeNames: names})
		if err != nil {
			return nil, err
		}
		return out.Attributes, nil
	}
	created := strconv.FormatInt(q.Created().Unix(), 10)
	all := map[string]string{
		"ApproximateNumberOfMessages": "1", "ApproximateNumberOfMessagesNotVisible": "1", "ApproximateNumberOfMessagesDelayed": "0",
		"CreatedTimestamp": created, "LastModifiedTimestamp": created, "VisibilityTimeout": "300", "DelaySeconds": "0",
		"MessageRetentionPeriod": "345600", "ReceiveMessageWaitTimeSeconds": "0", "MaximumMessageSize": "1048576", "QueueArn": fetchARN,
		"RedrivePolicy": `{"deadLetterTargetArn":"` + deadARN + `","maxReceiveCount":10}`,
	}
	if got, err := attributes("All"); err != nil || !cmp.Equal(all, got) {
		t.Errorf("All: %v; (-want +got):\n%s", err, cmp.Diff(all, got))
	}
	if got, err := attributes("QueueArn"); err != nil || !cmp.Equal(map[string]string{"QueueArn": fetchARN}, got) {
		t.Errorf("QueueArn: %v, %v; want it alone", got, err)
	}
	if _, err := attributes("Policy"); !errors.As(err, new(*types.InvalidAttributeName)) {
		t.Errorf("Policy, which the local stack does not keep: %v, want InvalidAttributeName", err)
	}
}

func TestOperationOnAMissingQueueIsRefused(t *testing.T) {
	t.Parallel()
	url := sdktest.Serve(t, awsjson.New(nil, emulated.New(nil, nil).Operations()))
	for _, operation := range []string{
		"SendMessage", "SendMessageBatch", "ReceiveMessage", "DeleteMessage", "DeleteMessageBatch", "ChangeMessageVisibility",
		"ChangeMessageVisibilityBatch", "GetQueueAttributes", "PurgeQueue",
	} {
		if _, body, _ := sdktest.Post(t, url, "AmazonSQS."+operation, `{}`); !strings.Contains(body, "the parameter QueueUrl") {
			t.Errorf("%s without a queue: %s, want MissingParameter", operation, body)
		}
		const missing = `{"QueueUrl":"http://localhost/000000000000/none"}`
		if _, body, _ := sdktest.Post(t, url, "AmazonSQS."+operation, missing); !strings.Contains(body, "QueueDoesNotExist") {
			t.Errorf("%s of no queue: %s, want QueueDoesNotExist", operation, body)
		}
	}
}
