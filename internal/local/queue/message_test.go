package queue_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/local/clock"
	"github.com/meterbridge/meterbridge/internal/local/queue"
)

func text(value string) queue.Attribute {
	return queue.Attribute{DataType: "String", StringValue: value}
}

func TestSendRefuses(t *testing.T) {
	t.Parallel()
	many := map[string]queue.Attribute{}
	for i := range 11 {
		many[fmt.Sprint("a", i)] = text("v")
	}
	for _, tt := range []struct {
		name string
		in   queue.Message
		want error
	}{
		{"empty body", queue.Message{}, queue.ErrContents},
		{"control character", queue.Message{Body: "a\x00"}, queue.ErrContents},
		{"noncharacter", queue.Message{Body: "\uFFFE"}, queue.ErrContents},
		{"not UTF-8", queue.Message{Body: "\xff"}, queue.ErrContents},
		{"tab, line feed, return", queue.Message{Body: "\t\n\r"}, nil},
		{"largest body", queue.Message{Body: strings.Repeat("a", queue.MaxMessageSize)}, nil},
		{"one byte more", queue.Message{Body: strings.Repeat("a", queue.MaxMessageSize+1)}, queue.ErrTooLarge},
		{"attributes count", queue.Message{Body: strings.Repeat("a", queue.MaxMessageSize), Attributes: one("k", text("v"))}, queue.ErrTooLarge},
		{"eleven attributes", queue.Message{Body: "a", Attributes: many}, queue.ErrAttribute},
		{"reserved name", queue.Message{Body: "a", Attributes: one("AWS.x", text("v"))}, queue.ErrAttribute},
		{"dot at the end", queue.Message{Body: "a", Attributes: one("x.", text("v"))}, queue.ErrAttribute},
		{"long name", queue.Message{Body: "a", Attributes: one(strings.Repeat("x", 257), text("v"))}, queue.ErrAttribute},
		{"unknown type", queue.Message{Body: "a", Attributes: one("k", queue.Attribute{DataType: "Float", StringValue: "1"})}, queue.ErrAttribute},
		{"custom type", queue.Message{Body: "a", Attributes: one("k", queue.Attribute{DataType: "Number.float", StringValue: "-1.5e3"})}, nil},
		{"not a number", queue.Message{Body: "a", Attributes: one("k", queue.Attribute{DataType: "Number", StringValue: "0x10"})}, queue.ErrAttribute},
		{"empty value", queue.Message{Body: "a", Attributes: one("k", text(""))}, queue.ErrAttribute},
		{"binary without bytes", queue.Message{Body: "a", Attributes: one("k", queue.Attribute{DataType: "Binary", StringValue: "v"})}, queue.ErrAttribute},
		{"refused character in a value", queue.Message{Body: "a", Attributes: one("k", text("\x01"))}, queue.ErrAttribute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := queue.New(queue.Config{}, clock.New(1)).Send(tt.in); !errors.Is(err, tt.want) {
				t.Errorf("Send = %v, want %v", err, tt.want)
			}
		})
	}
}

func one(name string, a queue.Attribute) map[string]queue.Attribute {
	return map[string]queue.Attribute{name: a}
}

// TestDigests compares with digests that Python's hashlib computed from the byte layout in the SQS guide.
func TestDigests(t *testing.T) {
	t.Parallel()
	attributes := map[string]queue.Attribute{
		"reason":   text("not_found"),
		"attempts": {DataType: "Number", StringValue: "3"},
		"blob":     {DataType: "Binary", BinaryValue: []byte{0, 1, 255}},
	}
	if got, want := queue.AttributesMD5(attributes), "0b9f5dd9eb6a09124f80bde6f6c2d97e"; got != want {
		t.Errorf("AttributesMD5 = %s, want %s", got, want)
	}
	if got := queue.AttributesMD5(nil); got != "" {
		t.Errorf("AttributesMD5 of none = %q, want the empty string", got)
	}
	if got, want := (queue.Message{Body: "hello"}).BodyMD5(), "5d41402abc4b2a76b9719d911017c592"; got != want {
		t.Errorf("BodyMD5 = %s, want %s", got, want)
	}
}

func TestSystemAttributes(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1_700_000_000_123)
	fresh := queue.Message{Sent: at}.SystemAttributes()
	want := map[string]string{"SenderId": "AIDAMETERBRIDGELOCAL", "SentTimestamp": "1700000000123", "ApproximateReceiveCount": "0"}
	if diff := cmp.Diff(want, fresh); diff != "" {
		t.Errorf("of a fresh message (-want +got):\n%s", diff)
	}
	old := queue.Message{Sent: at, FirstReceived: at.Add(time.Second), ReceiveCount: 2, GroupID: "g", TraceHeader: "t", DeadLetterSource: "arn"}
	want = map[string]string{
		"SenderId": "AIDAMETERBRIDGELOCAL", "SentTimestamp": "1700000000123", "ApproximateReceiveCount": "2",
		"ApproximateFirstReceiveTimestamp": "1700000001123", "MessageGroupId": "g", "AWSTraceHeader": "t", "DeadLetterQueueSourceArn": "arn",
	}
	if diff := cmp.Diff(want, old.SystemAttributes()); diff != "" {
		t.Errorf("of a redriven message (-want +got):\n%s", diff)
	}
}

func BenchmarkSendReceiveDelete(b *testing.B) {
	q := queue.New(queue.Config{Name: "fetch"}, clock.New(1))
	for i := range 10_000 { // a backlog, so that the schedule has its depth
		if _, err := q.SendAfter(queue.Message{Body: fmt.Sprint(i)}, queue.MaxDelay); err != nil {
			b.Fatal(err)
		}
	}
	m := queue.Message{Body: strings.Repeat("a", 1000)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := q.Send(m); err != nil {
			b.Fatal(err)
		}
		for _, got := range q.Receive(b.Context(), 10, 0, queue.Default) {
			if err := q.Delete(got.Receipt); err != nil {
				b.Fatal(err)
			}
		}
	}
}
