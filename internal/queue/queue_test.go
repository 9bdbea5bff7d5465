package queue_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/awstest"
	"github.com/meterbridge/meterbridge/internal/queue"
)

const (
	fetchURL = "https://sqs.test/000000000000/fetch"
	deadURL  = "https://sqs.test/000000000000/dead"
)

// record returns a queue whose calls of one operation are decoded into a value.
func record(t *testing.T, url, target string, into any) *queue.Queue {
	t.Helper()
	config := awstest.Config(t, map[string]awstest.Operation{target: func(input []byte) (any, error) {
		return struct{}{}, json.Unmarshal(input, into)
	}})
	return queue.New(sqs.NewFromConfig(config), url)
}

func TestDeferHidesForWholeSeconds(t *testing.T) {
	t.Parallel()
	var sent struct {
		QueueUrl, ReceiptHandle string
		VisibilityTimeout       int
	}
	want := sent
	want.QueueUrl, want.ReceiptHandle, want.VisibilityTimeout = fetchURL, "receipt", 90
	q := record(t, fetchURL, "AmazonSQS.ChangeMessageVisibility", &sent)
	if err := q.Defer(t.Context(), "receipt", 90*time.Second+900*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

type attribute struct{ DataType, StringValue string }

type message struct {
	QueueUrl, MessageBody string
	MessageAttributes     map[string]attribute
}

func TestParkKeepsTheBodyAndMakesAttributesAcceptable(t *testing.T) {
	t.Parallel()
	var sent message
	q := record(t, deadURL, "AmazonSQS.SendMessage", &sent)
	const body = "{ \"detail\": {\"id\":\"evt_1\"} }\n"
	err := q.Park(t.Context(), body, map[string]string{
		"reason": "unsafe", "context": "", "event_id": "evt\x00\n\uffff../\xff", "last_error": strings.Repeat("ü", 1000),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := message{deadURL, body, map[string]attribute{
		"reason":     {"String", "unsafe"},
		"event_id":   {"String", "evt\ufffd\ufffd\ufffd../"},
		"last_error": {"String", strings.Repeat("ü", 256)},
	}}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestErrorsAreTheSDKs(t *testing.T) {
	t.Parallel()
	denied := &awstest.Error{Status: 403, Code: "AccessDenied", Message: "not you"}
	operation := func([]byte) (any, error) { return nil, denied }
	config := awstest.Config(t, map[string]awstest.Operation{
		"AmazonSQS.ChangeMessageVisibility": operation, "AmazonSQS.SendMessage": operation,
	})
	q := queue.New(sqs.NewFromConfig(config), fetchURL)
	for name, err := range map[string]error{
		"Defer": q.Defer(t.Context(), "receipt", time.Second), "Park": q.Park(t.Context(), "{}", nil),
	} {
		if api, ok := errors.AsType[smithy.APIError](err); !ok || api.ErrorCode() != denied.Code {
			t.Errorf("%s: %v, want %v", name, err, denied)
		}
	}
}
