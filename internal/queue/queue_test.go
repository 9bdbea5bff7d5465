package queue_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	emulated "github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
	"github.com/meterbridge/meterbridge/internal/queue"
	"github.com/meterbridge/meterbridge/internal/testbed"
)

func TestDeferHidesForWholeSeconds(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, nil)
	if _, err := b.Queue.Send(emulated.Message{Body: "body"}); err != nil {
		t.Fatal(err)
	}
	receipt := b.Queue.Receive(t.Context(), 1, 0, emulated.Default)[0].Receipt
	q := queue.New(sqs.NewFromConfig(b.AWS), b.Queue.Config().URL)
	if err := q.Defer(t.Context(), receipt, 90*time.Second+900*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	type input struct {
		QueueUrl, ReceiptHandle string
		VisibilityTimeout       int
	}
	want := []input{{b.Queue.Config().URL, receipt, 90}}
	if diff := cmp.Diff(want, testbed.Calls[input](t, b, "ChangeMessageVisibility")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestParkKeepsTheBodyAndMakesAttributesAcceptable(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, nil)
	const body = "{ \"detail\": {\"id\":\"evt_1\"} }\n"
	err := queue.New(sqs.NewFromConfig(b.AWS), b.DeadLetters.Config().URL).Park(t.Context(), body, map[string]string{
		"reason": "unsafe", "context": "", "event_id": "evt\x00\n\uffff../\xff", "last_error": strings.Repeat("ü", 1000),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []testbed.Letter{{Body: body, Attributes: map[string]string{
		"reason": "unsafe", "event_id": "evt\ufffd\ufffd\ufffd../", "last_error": strings.Repeat("ü", 256),
	}}}
	if diff := cmp.Diff(want, b.Letters(t)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if stored := b.DeadLetters.Stats(); stored.Visible != 1 {
		t.Errorf("dead letters %+v, want one that SQS accepted", stored)
	}
}

func TestErrorsWrapTheSDKs(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, nil)
	denied := &awsjson.Error{Status: http.StatusForbidden, Code: "AccessDenied", Message: "not you"}
	b.Fail("sqs", denied)
	q := queue.New(sqs.NewFromConfig(b.AWS), b.Queue.Config().URL)
	for name, err := range map[string]error{
		"Defer": q.Defer(t.Context(), "receipt", time.Second), "Park": q.Park(t.Context(), "{}", nil),
	} {
		if api, ok := errors.AsType[smithy.APIError](err); !ok || api.ErrorCode() != denied.Code {
			t.Errorf("%s: %v, want %v", name, err, denied)
		}
	}
}
