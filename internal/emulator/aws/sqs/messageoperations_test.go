package sqs_test

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sdktest"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
)

func TestBatchesReportEntryByEntry(t *testing.T) {
	t.Parallel()
	q, client := newService(t)
	sent, err := client.SendMessageBatch(t.Context(), &sdk.SendMessageBatchInput{
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

	receipt := receiveOne(t, client).ReceiptHandle
	changed, err := client.ChangeMessageVisibilityBatch(t.Context(), &sdk.ChangeMessageVisibilityBatchInput{
		QueueUrl: aws.String(fetchURL), Entries: []types.ChangeMessageVisibilityBatchRequestEntry{
			{Id: aws.String("good"), ReceiptHandle: receipt, VisibilityTimeout: 60},
			{Id: aws.String("bad"), ReceiptHandle: aws.String("bogus"), VisibilityTimeout: 60},
		},
	})
	if err != nil {
		t.Fatalf("ChangeMessageVisibilityBatch: %v", err)
	}
	wantBatch(t, "ChangeMessageVisibilityBatch", changed.Failed, "bad ReceiptHandleIsInvalid")

	deleted, err := client.DeleteMessageBatch(t.Context(), &sdk.DeleteMessageBatchInput{
		QueueUrl: aws.String(fetchURL), Entries: []types.DeleteMessageBatchRequestEntry{
			{Id: aws.String("good"), ReceiptHandle: receipt}, {Id: aws.String("bad"), ReceiptHandle: aws.String("bogus")},
		},
	})
	if err != nil {
		t.Fatalf("DeleteMessageBatch: %v", err)
	}
	wantBatch(t, "DeleteMessageBatch", deleted.Failed, "bad ReceiptHandleIsInvalid")
	if got := q.Stats(); got != (sqs.Stats{}) {
		t.Errorf("queue: %+v, want it empty", got)
	}
}

// wantBatch compares failed entries with pairs of id and code.
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

func TestInvalidBatchIsRefusedAsAWhole(t *testing.T) {
	t.Parallel()
	_, client := newService(t)
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
		_, err := client.SendMessageBatch(t.Context(), &sdk.SendMessageBatchInput{QueueUrl: aws.String(fetchURL), Entries: tt.entries})
		if !errors.As(err, tt.want) {
			t.Errorf("%s: %v, want %T", tt.name, err, tt.want)
		}
	}
	out, err := client.SendMessageBatch(t.Context(), &sdk.SendMessageBatchInput{QueueUrl: aws.String(fetchURL), Entries: entries(1<<19, "a", "b")})
	if err != nil || len(out.Successful) != 2 {
		t.Errorf("exactly 1 MiB together: %+v, %v; want both stored", out, err)
	}
}

func TestInvalidSendMessageIsRefused(t *testing.T) {
	t.Parallel()
	_, client := newService(t)
	for _, tt := range []struct {
		name string
		in   sdk.SendMessageInput
		want string
	}{
		{"empty body", sdk.SendMessageInput{MessageBody: aws.String("")}, "MissingParameter"},
		{"control character", sdk.SendMessageInput{MessageBody: aws.String("\x00")}, "InvalidMessageContents"},
		{"too large", sdk.SendMessageInput{MessageBody: aws.String(strings.Repeat("a", 1<<20+1))}, "InvalidParameterValue"},
		{"delay", sdk.SendMessageInput{MessageBody: aws.String("a"), DelaySeconds: 901}, "InvalidParameterValue"},
		{"deduplication id", sdk.SendMessageInput{MessageBody: aws.String("a"), MessageDeduplicationId: aws.String("d")}, "InvalidParameterValue"},
		{"attribute", sdk.SendMessageInput{MessageBody: aws.String("a"), MessageAttributes: map[string]types.MessageAttributeValue{
			"AWS.x": {DataType: aws.String("String"), StringValue: aws.String("v")},
		}}, "InvalidParameterValue"},
		{"system attribute", sdk.SendMessageInput{MessageBody: aws.String("a"), MessageSystemAttributes: map[string]types.MessageSystemAttributeValue{
			"SenderId": {DataType: aws.String("String"), StringValue: aws.String("v")},
		}}, "InvalidParameterValue"},
		{"list values", sdk.SendMessageInput{MessageBody: aws.String("a"), MessageAttributes: map[string]types.MessageAttributeValue{
			"x": {DataType: aws.String("String"), StringListValues: []string{"v"}},
		}}, "ValidationException"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.in.QueueUrl = aws.String(fetchURL)
			_, err := client.SendMessage(t.Context(), &tt.in)
			sdktest.WantCode(t, err, tt.want)
		})
	}
}

func TestReceiveReturnsTheAttributesAskedFor(t *testing.T) {
	t.Parallel()
	q, client := newService(t)
	attribute := sqs.Attribute{DataType: "String", StringValue: "v"}
	attributes := map[string]sqs.Attribute{"mb.reason": attribute, "mb.status": attribute, "other": attribute}
	if _, err := q.Send(sqs.Message{Body: "a", Attributes: attributes}); err != nil {
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
		out, err := client.ReceiveMessage(t.Context(), &sdk.ReceiveMessageInput{
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

func TestChangeMessageVisibilityThroughTheSDK(t *testing.T) {
	t.Parallel()
	q, client := newService(t)
	if _, err := q.Send(sqs.Message{Body: "a"}); err != nil {
		t.Fatalf("Send: %v", err)
	}
	receipt := receiveOne(t, client).ReceiptHandle
	change := func(receipt *string, seconds int32) error {
		_, err := client.ChangeMessageVisibility(t.Context(), &sdk.ChangeMessageVisibilityInput{
			QueueUrl: aws.String(fetchURL), ReceiptHandle: receipt, VisibilityTimeout: seconds,
		})
		return err
	}
	sdktest.WantCode(t, change(receipt, 43201), "InvalidParameterValue")
	if err := change(aws.String("bogus"), 0); !errors.As(err, new(*types.ReceiptHandleIsInvalid)) {
		t.Errorf("with a bogus receipt: %v, want ReceiptHandleIsInvalid", err)
	}
	if err := change(receipt, 0); err != nil {
		t.Errorf("to 0: %v", err)
	}
	if got := q.Stats(); got != (sqs.Stats{Visible: 1}) {
		t.Errorf("queue: %+v, want the message visible at once", got)
	}
	if err := change(receipt, 30); !errors.As(err, new(*types.MessageNotInflight)) {
		t.Errorf("of a visible message: %v, want MessageNotInflight", err)
	}
}

func TestInvalidReceiveMessageIsRefused(t *testing.T) {
	t.Parallel()
	_, client := newService(t)
	for name, in := range map[string]*sdk.ReceiveMessageInput{
		"too many messages": {MaxNumberOfMessages: 11},
		"negative number":   {MaxNumberOfMessages: -1},
		"wait too long":     {WaitTimeSeconds: 21},
		"hidden too long":   {VisibilityTimeout: 43201},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in.QueueUrl = aws.String(fetchURL)
			_, err := client.ReceiveMessage(t.Context(), in)
			sdktest.WantCode(t, err, "InvalidParameterValue")
		})
	}
}
