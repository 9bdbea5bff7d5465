package sqs_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/clock"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
)

func text(value string) sqs.Attribute {
	return sqs.Attribute{DataType: "String", StringValue: value}
}

func TestInvalidMessagesAreRefused(t *testing.T) {
	t.Parallel()
	many := map[string]sqs.Attribute{}
	for i := range 11 {
		many[fmt.Sprint("a", i)] = text("v")
	}
	for _, tt := range []struct {
		name string
		in   sqs.Message
		want error
	}{
		{"empty body", sqs.Message{}, sqs.ErrContents},
		{"control character", sqs.Message{Body: "a\x00"}, sqs.ErrContents},
		{"noncharacter", sqs.Message{Body: "\uFFFE"}, sqs.ErrContents},
		{"not UTF-8", sqs.Message{Body: "\xff"}, sqs.ErrContents},
		{"tab, line feed, return", sqs.Message{Body: "\t\n\r"}, nil},
		{"largest body", sqs.Message{Body: strings.Repeat("a", sqs.MaxMessageSize)}, nil},
		{"one byte more", sqs.Message{Body: strings.Repeat("a", sqs.MaxMessageSize+1)}, sqs.ErrTooLarge},
		{"attributes count", sqs.Message{Body: strings.Repeat("a", sqs.MaxMessageSize), Attributes: one("k", text("v"))}, sqs.ErrTooLarge},
		{"eleven attributes", sqs.Message{Body: "a", Attributes: many}, sqs.ErrAttribute},
		{"reserved name", sqs.Message{Body: "a", Attributes: one("AWS.x", text("v"))}, sqs.ErrAttribute},
		{"dot at the end", sqs.Message{Body: "a", Attributes: one("x.", text("v"))}, sqs.ErrAttribute},
		{"long name", sqs.Message{Body: "a", Attributes: one(strings.Repeat("x", 257), text("v"))}, sqs.ErrAttribute},
		{"unknown type", sqs.Message{Body: "a", Attributes: one("k", sqs.Attribute{DataType: "Float", StringValue: "1"})}, sqs.ErrAttribute},
		{"custom type", sqs.Message{Body: "a", Attributes: one("k", sqs.Attribute{DataType: "Number.float", StringValue: "-1.5e3"})}, nil},
		{"not a number", sqs.Message{Body: "a", Attributes: one("k", sqs.Attribute{DataType: "Number", StringValue: "0x10"})}, sqs.ErrAttribute},
		{"empty value", sqs.Message{Body: "a", Attributes: one("k", text(""))}, sqs.ErrAttribute},
		{"binary without bytes", sqs.Message{Body: "a", Attributes: one("k", sqs.Attribute{DataType: "Binary", StringValue: "v"})}, sqs.ErrAttribute},
		{"refused character in a value", sqs.Message{Body: "a", Attributes: one("k", text("\x01"))}, sqs.ErrAttribute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := sqs.NewQueue(sqs.Config{}, clock.New(1)).Send(tt.in); !errors.Is(err, tt.want) {
				t.Errorf("Send = %v, want %v", err, tt.want)
			}
		})
	}
}

func one(name string, a sqs.Attribute) map[string]sqs.Attribute {
	return map[string]sqs.Attribute{name: a}
}

// TestDigestsFollowTheGuide compares with digests that Python's hashlib computed from the byte
// layout in the SQS guide.
func TestDigestsFollowTheGuide(t *testing.T) {
	t.Parallel()
	attributes := map[string]sqs.Attribute{
		"reason":   text("not_found"),
		"attempts": {DataType: "Number", StringValue: "3"},
		"blob":     {DataType: "Binary", BinaryValue: []byte{0, 1, 255}},
	}
	if got, want := sqs.AttributesMD5(attributes), "0b9f5dd9eb6a09124f80bde6f6c2d97e"; got != want {
		t.Errorf("AttributesMD5 = %s, want %s", got, want)
	}
	if got := sqs.AttributesMD5(nil); got != "" {
		t.Errorf("AttributesMD5 of none = %q, want the empty string", got)
	}
	if got, want := (sqs.Message{Body: "hello"}).BodyMD5(), "5d41402abc4b2a76b9719d911017c592"; got != want {
		t.Errorf("BodyMD5 = %s, want %s", got, want)
	}
}

func TestSystemAttributesAreComplete(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1_700_000_000_123)
	fresh := sqs.Message{Sent: at}.SystemAttributes()
	want := map[string]string{"SenderId": "AIDAMETERBRIDGELOCAL", "SentTimestamp": "1700000000123", "ApproximateReceiveCount": "0"}
	if diff := cmp.Diff(want, fresh); diff != "" {
		t.Errorf("of a fresh message (-want +got):\n%s", diff)
	}
	old := sqs.Message{Sent: at, FirstReceived: at.Add(time.Second), ReceiveCount: 2, GroupID: "g", TraceHeader: "t", DeadLetterSource: "arn"}
	want = map[string]string{
		"SenderId": "AIDAMETERBRIDGELOCAL", "SentTimestamp": "1700000000123", "ApproximateReceiveCount": "2",
		"ApproximateFirstReceiveTimestamp": "1700000001123", "MessageGroupId": "g", "AWSTraceHeader": "t", "DeadLetterQueueSourceArn": "arn",
	}
	if diff := cmp.Diff(want, old.SystemAttributes()); diff != "" {
		t.Errorf("of a redriven message (-want +got):\n%s", diff)
	}
}

func BenchmarkSendReceiveDelete(b *testing.B) {
	q := sqs.NewQueue(sqs.Config{Name: "fetch"}, clock.New(1))
	for i := range 10_000 { // a backlog, so that the heap is deep
		if _, err := q.SendAfter(sqs.Message{Body: fmt.Sprint(i)}, sqs.MaxDelay); err != nil {
			b.Fatal(err)
		}
	}
	m := sqs.Message{Body: strings.Repeat("a", 1000)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := q.Send(m); err != nil {
			b.Fatal(err)
		}
		for _, got := range q.Receive(b.Context(), 10, 0, sqs.Default) {
			if err := q.Delete(got.Receipt); err != nil {
				b.Fatal(err)
			}
		}
	}
}
