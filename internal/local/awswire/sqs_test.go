package awswire_test

import (
	"errors"
	"maps"
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

	"github.com/meterbridge/meterbridge/internal/local/awswire"
	"github.com/meterbridge/meterbridge/internal/local/clock"
	"github.com/meterbridge/meterbridge/internal/local/queue"
)

const (
	fetchURL = "http://127.0.0.1:8787/000000000000/fetch"
	fetchARN = "arn:aws:sqs:us-east-1:000000000000:fetch"
	deadARN  = "arn:aws:sqs:us-east-1:000000000000:dead"
)

// newQueue returns the queue "fetch", whose dead-letter queue is "dead", and a client for both.
func newQueue(t *testing.T) (*queue.Queue, *sqs.Client) {
	t.Helper()
	c := clock.New(1)
	dead := queue.New(queue.Config{Name: "dead", ARN: deadARN, URL: "http://127.0.0.1:8787/000000000000/dead"}, c)
	q := queue.New(queue.Config{
		Name: "fetch", ARN: fetchARN, URL: fetchURL, VisibilityTimeout: 5 * time.Minute, DeadLetter: dead, MaxReceiveCount: 10,
	}, c)
	return q, sqs.NewFromConfig(awsConfig(serve(t, awswire.Backends{Queues: []*queue.Queue{q, dead}})))
}

// receive takes one message with everything SQS tells about it.
func receive(t *testing.T, c *sqs.Client) types.Message {
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

func TestMessageOverTheWire(t *testing.T) {
	t.Parallel()
	q, client := newQueue(t)
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
	got := receive(t, client)
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
	if got := q.Stats(); got != (queue.Stats{}) {
		t.Errorf("queue after the delete: %+v, want it empty", got)
	}
}

func TestReceiveFilters(t *testing.T) {
	t.Parallel()
	q, client := newQueue(t)
	attribute := queue.Attribute{DataType: "String", StringValue: "v"}
	attributes := map[string]queue.Attribute{"mb.reason": attribute, "mb.status": attribute, "other": attribute}
	if _, err := q.Send(queue.Message{Body: "a", Attributes: attributes}); err != nil {
		t.Fatalf("Send: %v", err)
	}
	for _, tt := range []struct {
		filter, want []string
	}{
		{nil, nil},
		{[]string{"none"}, nil},
		{[]string{"other"}, []string{"other"}},
		{[]string{"mb.*"}, []string{"mb.reason", "mb.status"}},
		{[]string{".*"}, []string{"mb.reason", "mb.status", "other"}},
		{[]string{"All"}, []string{"mb.reason", "mb.status", "other"}},
	} {
		out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
			QueueUrl: aws.String(fetchURL), MessageAttributeNames: tt.filter,
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{"SenderId"},
		})
		if err != nil || len(out.Messages) != 1 {
			t.Fatalf("ReceiveMessage(%q) = %+v, %v; want one message", tt.filter, out, err)
		}
		m := out.Messages[0]
		if got := slices.Sorted(maps.Keys(m.MessageAttributes)); !slices.Equal(got, tt.want) {
			t.Errorf("filter %q selected %q, want %q", tt.filter, got, tt.want)
		}
		if (m.MD5OfMessageAttributes == nil) != (tt.want == nil) {
			t.Errorf("filter %q: digest %v, want one exactly when attributes are returned", tt.filter, aws.ToString(m.MD5OfMessageAttributes))
		}
		if got := slices.Collect(maps.Keys(m.Attributes)); !slices.Equal(got, []string{"SenderId"}) {
			t.Errorf("system attributes %q, want only SenderId", got)
		}
		if err := q.ChangeVisibility(aws.ToString(m.ReceiptHandle), 0); err != nil {
			t.Fatalf("ChangeVisibility: %v", err)
		}
	}
}

func TestChangeMessageVisibility(t *testing.T) {
	t.Parallel()
	q, client := newQueue(t)
	if _, err := q.Send(queue.Message{Body: "a"}); err != nil {
		t.Fatalf("Send: %v", err)
	}
	receipt := receive(t, client).ReceiptHandle
	change := func(receipt *string, seconds int32) error {
		_, err := client.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{
			QueueUrl: aws.String(fetchURL), ReceiptHandle: receipt, VisibilityTimeout: seconds,
		})
		return err
	}
	wantCode(t, change(receipt, 43201), "InvalidParameterValue")
	if err := change(aws.String("bogus"), 0); !errors.As(err, new(*types.ReceiptHandleIsInvalid)) {
		t.Errorf("with a bogus receipt: %v, want ReceiptHandleIsInvalid", err)
	}
	if err := change(receipt, 0); err != nil {
		t.Errorf("to 0: %v", err)
	}
	if got := q.Stats(); got != (queue.Stats{Visible: 1}) {
		t.Errorf("queue: %+v, want the message visible at once", got)
	}
	if err := change(receipt, 30); !errors.As(err, new(*types.MessageNotInflight)) {
		t.Errorf("of a visible message: %v, want MessageNotInflight", err)
	}
}

func TestBatchesReportEntryByEntry(t *testing.T) {
	t.Parallel()
	q, client := newQueue(t)
	sent, err := client.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{
		QueueUrl: aws.String(fetchURL), Entries: []types.SendMessageBatchRequestEntry{
			{Id: aws.String("good"), MessageBody: aws.String("a")},
			{Id: aws.String("bad"), MessageBody: aws.String("\x00")},
			{Id: aws.String("late"), MessageBody: aws.String("b"), DelaySeconds: 901},
		},
	})
	if err != nil {
		t.Fatalf("SendMessageBatch: %v", err)
	}
	wantBatch(t, "SendMessageBatch", sent.Failed, "bad InvalidMessageContents", "late InvalidParameterValue")
	if len(sent.Successful) != 1 || aws.ToString(sent.Successful[0].Id) != "good" {
		t.Errorf("successful %+v, want the entry good", sent.Successful)
	}

	receipt := receive(t, client).ReceiptHandle
	changed, err := client.ChangeMessageVisibilityBatch(t.Context(), &sqs.ChangeMessageVisibilityBatchInput{
		QueueUrl: aws.String(fetchURL), Entries: []types.ChangeMessageVisibilityBatchRequestEntry{
			{Id: aws.String("good"), ReceiptHandle: receipt, VisibilityTimeout: 60},
			{Id: aws.String("bad"), ReceiptHandle: aws.String("bogus"), VisibilityTimeout: 60},
		},
	})
	if err != nil {
		t.Fatalf("ChangeMessageVisibilityBatch: %v", err)
	}
	wantBatch(t, "ChangeMessageVisibilityBatch", changed.Failed, "bad ReceiptHandleIsInvalid")

	deleted, err := client.DeleteMessageBatch(t.Context(), &sqs.DeleteMessageBatchInput{
		QueueUrl: aws.String(fetchURL), Entries: []types.DeleteMessageBatchRequestEntry{
			{Id: aws.String("good"), ReceiptHandle: receipt}, {Id: aws.String("bad"), ReceiptHandle: aws.String("bogus")},
		},
	})
	if err != nil {
		t.Fatalf("DeleteMessageBatch: %v", err)
	}
	wantBatch(t, "DeleteMessageBatch", deleted.Failed, "bad ReceiptHandleIsInvalid")
	if got := q.Stats(); got != (queue.Stats{}) {
		t.Errorf("queue: %+v, want it empty", got)
	}
}

// wantBatch compares failed entries with "id code" pairs.
func wantBatch(t *testing.T, operation string, failed []types.BatchResultErrorEntry, want ...string) {
	t.Helper()
	var got []string
	for _, f := range failed {
		if !f.SenderFault {
			t.Errorf("%s: entry %s is not the sender's fault, want it to be", operation, aws.ToString(f.Id))
		}
		got = append(got, aws.ToString(f.Id)+" "+aws.ToString(f.Code))
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s failed %q, want %q", operation, got, want)
	}
}

func TestBatchesAsAWhole(t *testing.T) {
	t.Parallel()
	_, client := newQueue(t)
	// entries returns one entry for each id, with bodies of size bytes.
	entries := func(size int, ids ...string) (out []types.SendMessageBatchRequestEntry) {
		for _, id := range ids {
			out = append(out, types.SendMessageBatchRequestEntry{Id: &id, MessageBody: aws.String(strings.Repeat("a", size))})
		}
		return out
	}
	var eleven []string
	for i := range 11 {
		eleven = append(eleven, strconv.Itoa(i))
	}
	for _, tt := range []struct {
		name    string
		entries []types.SendMessageBatchRequestEntry
		want    any
	}{
		{"empty", []types.SendMessageBatchRequestEntry{}, new(*types.EmptyBatchRequest)},
		{"eleven", entries(1, eleven...), new(*types.TooManyEntriesInBatchRequest)},
		{"same id twice", entries(1, "a", "a"), new(*types.BatchEntryIdsNotDistinct)},
		{"bad id", entries(1, "a b"), new(*types.InvalidBatchEntryId)},
		{"too large together", entries(1<<19+1, "a", "b"), new(*types.BatchRequestTooLong)},
	} {
		_, err := client.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: aws.String(fetchURL), Entries: tt.entries})
		if !errors.As(err, tt.want) {
			t.Errorf("%s: %v, want %T", tt.name, err, tt.want)
		}
	}
	out, err := client.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: aws.String(fetchURL), Entries: entries(1<<19, "a", "b")})
	if err != nil || len(out.Successful) != 2 {
		t.Errorf("exactly 1 MiB together: %+v, %v; want both stored", out, err)
	}
}

func TestSendMessageRefuses(t *testing.T) {
	t.Parallel()
	_, client := newQueue(t)
	for _, tt := range []struct {
		name string
		in   sqs.SendMessageInput
		want string
	}{
		{"empty body", sqs.SendMessageInput{MessageBody: aws.String("")}, "MissingParameter"},
		{"control character", sqs.SendMessageInput{MessageBody: aws.String("\x00")}, "InvalidMessageContents"},
		{"too large", sqs.SendMessageInput{MessageBody: aws.String(strings.Repeat("a", 1<<20+1))}, "InvalidParameterValue"},
		{"delay", sqs.SendMessageInput{MessageBody: aws.String("a"), DelaySeconds: 901}, "InvalidParameterValue"},
		{"deduplication id", sqs.SendMessageInput{MessageBody: aws.String("a"), MessageDeduplicationId: aws.String("d")}, "InvalidParameterValue"},
		{"attribute", sqs.SendMessageInput{MessageBody: aws.String("a"), MessageAttributes: map[string]types.MessageAttributeValue{
			"AWS.x": {DataType: aws.String("String"), StringValue: aws.String("v")},
		}}, "InvalidParameterValue"},
		{"system attribute", sqs.SendMessageInput{MessageBody: aws.String("a"), MessageSystemAttributes: map[string]types.MessageSystemAttributeValue{
			"SenderId": {DataType: aws.String("String"), StringValue: aws.String("v")},
		}}, "InvalidParameterValue"},
		{"list values", sqs.SendMessageInput{MessageBody: aws.String("a"), MessageAttributes: map[string]types.MessageAttributeValue{
			"x": {DataType: aws.String("String"), StringListValues: []string{"v"}},
		}}, "ValidationException"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.in.QueueUrl = aws.String(fetchURL)
			_, err := client.SendMessage(t.Context(), &tt.in)
			wantCode(t, err, tt.want)
		})
	}
}

func TestReceiveMessageRefuses(t *testing.T) {
	t.Parallel()
	_, client := newQueue(t)
	for name, in := range map[string]*sqs.ReceiveMessageInput{
		"too many messages": {MaxNumberOfMessages: 11},
		"negative number":   {MaxNumberOfMessages: -1},
		"wait too long":     {WaitTimeSeconds: 21},
		"hidden too long":   {VisibilityTimeout: 43201},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in.QueueUrl = aws.String(fetchURL)
			_, err := client.ReceiveMessage(t.Context(), in)
			wantCode(t, err, "InvalidParameterValue")
		})
	}
}

func TestQueueNames(t *testing.T) {
	t.Parallel()
	_, client := newQueue(t)
	got, err := client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("fetch")})
	if err != nil || aws.ToString(got.QueueUrl) != fetchURL {
		t.Errorf("GetQueueUrl = %+v, %v; want %s", got, err, fetchURL)
	}
	_, err = client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("typo")})
	if !errors.As(err, new(*types.QueueDoesNotExist)) {
		t.Errorf("GetQueueUrl of no queue = %v, want QueueDoesNotExist", err)
	}
	wantCode(t, err, "AWS.SimpleQueueService.NonExistentQueue")

	list, err := client.ListQueues(t.Context(), &sqs.ListQueuesInput{QueueNamePrefix: aws.String("f")})
	if err != nil || !slices.Equal(list.QueueUrls, []string{fetchURL}) {
		t.Errorf("ListQueues = %+v, %v; want %s", list, err, fetchURL)
	}
}

// TestQueueURLs finds a queue by its URL's path, since a client may know the machine by another name.
func TestQueueURLs(t *testing.T) {
	t.Parallel()
	_, client := newQueue(t)
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

func TestGetQueueAttributes(t *testing.T) {
	t.Parallel()
	q, client := newQueue(t)
	for range 2 {
		if _, err := q.Send(queue.Message{Body: "a"}); err != nil {
			t.Fatalf("Send: %v", err)
		}
	}
	receive(t, client)
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

func TestEveryOperationNeedsItsQueue(t *testing.T) {
	t.Parallel()
	url := serve(t, awswire.Backends{Queues: []*queue.Queue{}})
	for _, operation := range []string{
		"SendMessage", "SendMessageBatch", "ReceiveMessage", "DeleteMessage", "DeleteMessageBatch", "ChangeMessageVisibility",
		"ChangeMessageVisibilityBatch", "GetQueueAttributes", "PurgeQueue",
	} {
		if _, body, _ := post(t, url, "AmazonSQS."+operation, `{}`); !strings.Contains(body, "the parameter QueueUrl") {
			t.Errorf("%s without a queue: %s, want MissingParameter", operation, body)
		}
		const missing = `{"QueueUrl":"http://localhost/000000000000/none"}`
		if _, body, _ := post(t, url, "AmazonSQS."+operation, missing); !strings.Contains(body, "QueueDoesNotExist") {
			t.Errorf("%s of no queue: %s, want QueueDoesNotExist", operation, body)
		}
	}
}
