package sqs_test

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sdktest"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/target"
)

// queue is a queue of a template, with the ARN of its dead-letter queue or "".
func queue(id, deadLetter string) sam.Resource {
	r := sam.Resource{LogicalID: id, Name: strings.ToLower(id), ARN: target.ARN("sqs", id), Properties: map[string]any{"VisibilityTimeout": "60"}}
	if deadLetter != "" {
		r.Properties["RedrivePolicy"] = map[string]any{"deadLetterTargetArn": target.ARN("sqs", deadLetter), "maxReceiveCount": 1}
	}
	return r
}

// connect connects every queue with its dead-letter queue.
func connect(s *sqs.Service, queues ...sam.Resource) error {
	var failures []error
	for _, r := range queues {
		failures = append(failures, s.Connect(r))
	}
	return errors.Join(failures...)
}

func TestQueuesOfATemplateFindTheirDeadLetterQueues(t *testing.T) {
	t.Parallel()
	directory := target.NewDirectory(nil, nil)
	s := sqs.New(directory, &sqs.Options{Endpoint: "http://localhost"})
	for _, r := range []sam.Resource{queue("First", "Last"), queue("Last", "")} {
		if err := s.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := connect(s, queue("First", "Last"), queue("Last", "")); err != nil {
		t.Fatal(err)
	}
	first, last := s.QueueAt("http://any.host/000000000000/first"), s.QueueAt("http://any.host/000000000000/last")
	if got := first.Config(); got.DeadLetter != last || got.VisibilityTimeout != time.Minute || got.URL != "http://localhost/000000000000/first" {
		t.Errorf("first is %+v, want Last as its dead-letter queue and a minute of visibility timeout", got)
	}
	if found, err := directory.Find(target.ARN("sqs", "First")); err != nil || found != target.Target(first) {
		t.Errorf("the directory has %v, %v; want the queue First", found, err)
	}
}

// TestRedrivePolicyCanBeText, and moves a message after ten receives unless it says otherwise.
func TestRedrivePolicyCanBeText(t *testing.T) {
	t.Parallel()
	for policy, want := range map[string]int{
		`{"deadLetterTargetArn": "` + target.ARN("sqs", "Last") + `"}`:                         10,
		`{"deadLetterTargetArn": "` + target.ARN("sqs", "Last") + `", "maxReceiveCount": "4"}`: 4,
	} {
		s, first := sqs.New(nil, nil), queue("First", "")
		first.Properties["RedrivePolicy"] = policy
		for _, r := range []sam.Resource{first, queue("Last", "")} {
			if err := s.Add(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := connect(s, first); err != nil {
			t.Fatal(err)
		}
		got := s.QueueAt("http://any.host/000000000000/first").Config()
		if got.MaxReceiveCount != want || got.DeadLetter == nil {
			t.Errorf("%s: %d receives, dead-letter queue %v; want %d and Last", policy, got.MaxReceiveCount, got.DeadLetter, want)
		}
	}
	q := queue("First", "")
	q.Properties["RedrivePolicy"] = "not JSON"
	if err := sqs.New(nil, nil).Add(q); err == nil {
		t.Error("a policy that is not JSON is accepted")
	}
}

func TestVisibilityTimeoutOfZeroIsNotTheDefault(t *testing.T) {
	t.Parallel()
	for want, properties := range map[time.Duration]map[string]any{
		0:                {"VisibilityTimeout": 0},
		time.Second:      {"VisibilityTimeout": "1"},
		30 * time.Second: {},
	} {
		s := sqs.New(nil, nil)
		if err := s.Add(sam.Resource{LogicalID: "Q", Name: "q", Properties: properties}); err != nil {
			t.Fatal(err)
		}
		q := s.QueueAt("https://sqs.us-east-1.amazonaws.com/000000000000/q")
		if got := q.Config().VisibilityTimeout; got != want {
			t.Errorf("with %v the visibility timeout is %s, want %s", properties, got, want)
		}
	}
}

func TestImpossibleDeadLetterQueuesAreErrors(t *testing.T) {
	t.Parallel()
	for want, resources := range map[string][]sam.Resource{
		"form a circle":       {queue("A", "B"), queue("B", "C"), queue("C", "A")},
		"not in the template": {queue("A", "B")},
	} {
		s := sqs.New(nil, nil)
		for _, r := range resources {
			if err := s.Add(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := connect(s, resources...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Connect = %v, want an error with %q", err, want)
		}
	}
}

// TestDeadLettersAreReportedAsParked with the most specific reason that they have; messages in
// other queues are not.
func TestDeadLettersAreReportedAsParked(t *testing.T) {
	t.Parallel()
	history := &activity.History{}
	s := sqs.New(target.NewDirectory(nil, history), nil)
	dead := s.AddQueue(sqs.Config{Name: "dead"})
	q := s.AddQueue(sqs.Config{Name: "fetch", DeadLetter: dead, MaxReceiveCount: 1, VisibilityTimeout: time.Nanosecond})
	body := func(id string) []byte { return []byte(`{"detail":{"id":"` + id + `"}}`) }
	for _, send := range []error{
		q.Deliver(body("evt_1"), ""), dead.Deliver(body("evt_2"), ""), dead.Store(body("evt_3"), map[string]string{"reason": "not_found", "ERROR_MESSAGE": "x"}),
		dead.Store(body("evt_4"), map[string]string{"ERROR_MESSAGE": "refused", "TARGET_ARN": target.ARN("sqs", "fetch")}),
	} {
		if send != nil {
			t.Fatal(send)
		}
	}
	q.Receive(t.Context(), 1, 0, sqs.Default)
	for len(history.Steps()) < 4 && t.Context().Err() == nil {
		q.Receive(t.Context(), 1, 0, sqs.Default)
	}
	var parked []string
	for _, step := range history.Steps(activity.Parked) {
		parked = append(parked, step.EventID+": "+step.Text+", for "+step.Target)
	}
	want := []string{"evt_2: no reason given, for ", "evt_3: not_found, for ", "evt_4: refused, for fetch", "evt_1: received once, without success, for fetch"}
	if strings.Join(parked, "\n") != strings.Join(want, "\n") {
		t.Errorf("parked %q, want %q", parked, want)
	}
}

const (
	fetchURL = "http://127.0.0.1:8787/000000000000/fetch"
	fetchARN = "arn:aws:sqs:us-east-1:000000000000:fetch"
	deadARN  = "arn:aws:sqs:us-east-1:000000000000:dead"
)

// newService returns the queue "fetch", whose dead-letter queue is "dead", and a client for both.
func newService(t *testing.T) (*sqs.Queue, *sdk.Client) {
	t.Helper()
	service := sqs.New(nil, &sqs.Options{Endpoint: "http://127.0.0.1:8787"})
	dead := service.AddQueue(sqs.Config{Name: "dead"})
	q := service.AddQueue(sqs.Config{Name: "fetch", VisibilityTimeout: 5 * time.Minute, DeadLetter: dead, MaxReceiveCount: 10})
	return q, sdk.NewFromConfig(sdktest.Config(sdktest.Serve(t, awsjson.New(nil, service.Operations()))))
}

// receiveOne receives one message with all of its attributes.
func receiveOne(t *testing.T, c *sdk.Client) types.Message {
	t.Helper()
	out, err := c.ReceiveMessage(t.Context(), &sdk.ReceiveMessageInput{
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
	in := &sdk.SendMessageInput{
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
	if _, err := client.DeleteMessage(t.Context(), &sdk.DeleteMessageInput{QueueUrl: aws.String(fetchURL), ReceiptHandle: got.ReceiptHandle}); err != nil {
		t.Fatalf("DeleteMessage: %v", err)
	}
	if got := q.Stats(); got != (sqs.Stats{}) {
		t.Errorf("queue after the delete: %+v, want it empty", got)
	}
}

func TestQueuesAreFoundByName(t *testing.T) {
	t.Parallel()
	_, client := newService(t)
	got, err := client.GetQueueUrl(t.Context(), &sdk.GetQueueUrlInput{QueueName: aws.String("fetch")})
	if err != nil || aws.ToString(got.QueueUrl) != fetchURL {
		t.Errorf("GetQueueUrl = %+v, %v; want %s", got, err, fetchURL)
	}
	_, err = client.GetQueueUrl(t.Context(), &sdk.GetQueueUrlInput{QueueName: aws.String("typo")})
	if !errors.As(err, new(*types.QueueDoesNotExist)) {
		t.Errorf("GetQueueUrl of no queue = %v, want QueueDoesNotExist", err)
	}
	sdktest.WantCode(t, err, "AWS.SimpleQueueService.NonExistentQueue")

	list, err := client.ListQueues(t.Context(), &sdk.ListQueuesInput{QueueNamePrefix: aws.String("f")})
	if err != nil || !slices.Equal(list.QueueUrls, []string{fetchURL}) {
		t.Errorf("ListQueues = %+v, %v; want %s", list, err, fetchURL)
	}
}

// TestQueuesAreFoundByThePathOfTheURL, because a client may use another name for this machine.
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
		_, err := client.PurgeQueue(t.Context(), &sdk.PurgeQueueInput{QueueUrl: &url})
		if want == nil && err != nil || want != nil && !errors.As(err, want) {
			t.Errorf("PurgeQueue(%q) = %v, want %T", url, err, want)
		}
	}
}

func TestQueueAttributesAreExact(t *testing.T) {
	t.Parallel()
	q, client := newService(t)
	for range 2 {
		if _, err := q.Send(sqs.Message{Body: "a"}); err != nil {
			t.Fatalf("Send: %v", err)
		}
	}
	receiveOne(t, client)
	attributes := func(names ...types.QueueAttributeName) (map[string]string, error) {
		out, err := client.GetQueueAttributes(t.Context(), &sdk.GetQueueAttributesInput{QueueUrl: aws.String(fetchURL), AttributeNames: names})
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
	url := sdktest.Serve(t, awsjson.New(nil, sqs.New(nil, nil).Operations()))
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
