package sqs_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sdktest"
	emulated "github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
)

func TestReceiveFilters(t *testing.T) {
	t.Parallel()
	q, client := newService(t)
	attribute := emulated.Attribute{DataType: "String", StringValue: "v"}
	attributes := map[string]emulated.Attribute{"mb.reason": attribute, "mb.status": attribute, "other": attribute}
	if _, err := q.Send(emulated.Message{Body: "a", Attributes: attributes}); err != nil {
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
	q, client := newService(t)
	if _, err := q.Send(emulated.Message{Body: "a"}); err != nil {
		t.Fatalf("Send: %v", err)
	}
	receipt := receiveOne(t, client).ReceiptHandle
	change := func(receipt *string, seconds int32) error {
		_, err := client.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{
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
	if got := q.Stats(); got != (emulated.Stats{Visible: 1}) {
		t.Errorf("queue: %+v, want the message visible at once", got)
	}
	if err := change(receipt, 30); !errors.As(err, new(*types.MessageNotInflight)) {
		t.Errorf("of a visible message: %v, want MessageNotInflight", err)
	}
}

func TestReceiveMessageRefuses(t *testing.T) {
	t.Parallel()
	_, client := newService(t)
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
			sdktest.WantCode(t, err, "InvalidParameterValue")
		})
	}
}
