package awsjson_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	emulatedevents "github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sdktest"
	emulatedsecrets "github.com/meterbridge/meterbridge/internal/emulator/aws/secretsmanager"
	emulatedsqs "github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
)

// warnings collects the warnings of a handler. It is safe for concurrent use.
type warnings struct {
	mu    sync.Mutex
	lines []string
}

func (w *warnings) add(line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, line)
}

func (w *warnings) want(t *testing.T, part string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.ContainsFunc(w.lines, func(line string) bool { return strings.Contains(line, part) }) {
		t.Errorf("warnings %q, want one with %q", w.lines, part)
	}
}

func TestUnknownOperationsAreRefusedByName(t *testing.T) {
	t.Parallel()
	warned := &warnings{}
	url := sdktest.Serve(t, awsjson.New(&awsjson.Options{Warn: warned.add}, emulatedevents.New(nil, nil).Operations(), emulatedsqs.New(nil, nil).Operations()))

	_, err := sqs.NewFromConfig(sdktest.Config(url)).CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("q")})
	sdktest.WantCode(t, err, "UnknownOperationException")
	warned.want(t, `"AmazonSQS.CreateQueue" is not implemented`)

	_, err = eventbridge.NewFromConfig(sdktest.Config(url)).ListRules(t.Context(), &eventbridge.ListRulesInput{})
	sdktest.WantCode(t, err, "UnknownOperationException")
	warned.want(t, `"AWSEvents.ListRules" is not implemented`)

	_, err = secretsmanager.NewFromConfig(sdktest.Config(url)).GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("s")})
	sdktest.WantCode(t, err, "UnknownOperationException")
}

func TestMalformedRequestsAreRefused(t *testing.T) {
	t.Parallel()
	url := sdktest.Serve(t, awsjson.New(nil, emulatedevents.New(nil, nil).Operations()))
	const target = "AWSEvents.PutEvents"
	for _, tt := range []struct {
		name, target, body string
		header             []string
		status             int
		want               string
	}{
		{"no target", "", "{}", nil, 400, "UnknownOperationException"},
		{"half a target", "AWSEvents", "{}", nil, 400, "UnknownOperationException"},
		{"no body", target, "", nil, 400, "SerializationException"},
		{"not JSON", target, "{", nil, 400, "SerializationException"},
		{"wrong type", target, `{"Entries":1}`, nil, 400, "SerializationException"},
		{"more than one value", target, `{"Entries":[]} {}`, nil, 400, "SerializationException"},
		{"member not supported", target, `{"EndpointId":"x"}`, nil, 400, "ValidationException"},
		{"compressed", target, "{}", []string{"Content-Encoding", "gzip"}, 400, "SerializationException"},
		{"largest body", target, pad(8 << 20), nil, 400, "ValidationException"},
		{"too large", target, pad(8<<20 + 1), nil, 413, "RequestEntityTooLargeException"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			status, body, header := sdktest.Post(t, url, tt.target, tt.body, tt.header...)
			if status != tt.status || header.Get("X-Amzn-Errortype") != tt.want || !strings.Contains(body, `"__type":"`+tt.want) {
				t.Errorf("answer %d %s %s, want %d %s", status, header.Get("X-Amzn-Errortype"), body, tt.status, tt.want)
			}
			if header.Get("X-Amzn-Requestid") == "" {
				t.Error("answer has no request id")
			}
		})
	}
}

// pad returns a request of n bytes with no entries.
func pad(n int) string {
	const text = `{"Entries":[]}`
	return text + strings.Repeat(" ", n-len(text))
}

func TestMarshalEscapesOnlyWhatJSONNeeds(t *testing.T) {
	t.Parallel()
	if got := string(awsjson.Marshal(map[string]any{"a": "<&>é\n"})); got != `{"a":"<&>é\n"}` {
		t.Errorf("Marshal = %s, want no escapes for HTML", got)
	}
	if got := awsjson.Marshal(json.RawMessage("not JSON")); got != nil {
		t.Errorf("Marshal of what is not JSON = %s, want nil", got)
	}
}

func TestUnsupportedMemberIsRefusedWithAWarning(t *testing.T) {
	t.Parallel()
	warned := &warnings{}
	url := sdktest.Serve(t, awsjson.New(&awsjson.Options{Warn: warned.add}, emulatedevents.New(nil, nil).Operations()))
	sdktest.Post(t, url, "AWSEvents.PutEvents", `{"Entries":[],"EndpointId":"global"}`)
	warned.want(t, `AWSEvents.PutEvents: request member "EndpointId" is not supported`)
}

// TestInterceptReplacesOrLosesAnswers: an error in the service's format, and an answer that is lost
// after the operation was executed.
func TestInterceptReplacesOrLosesAnswers(t *testing.T) {
	t.Parallel()
	queues := emulatedsqs.New(nil, nil)
	q := queues.AddQueue(emulatedsqs.Config{Name: "q"})
	url := sdktest.Serve(t, awsjson.New(&awsjson.Options{
		Intercept: func(call awsjson.Call, next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch call.Service + "." + call.Operation {
				case "secretsmanager.GetSecretValue":
					call.Fail(w, &awsjson.Error{Status: http.StatusInternalServerError, Code: "InternalServiceError", Message: "injected"})
				case "sqs.SendMessage":
					next.ServeHTTP(httptest.NewRecorder(), r)
					panic(http.ErrAbortHandler)
				default:
					next.ServeHTTP(w, r)
				}
			})
		},
	}, queues.Operations(), emulatedsecrets.New(nil).Operations()))
	_, err := secretsmanager.NewFromConfig(sdktest.Config(url)).GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("s")})
	sdktest.WantCode(t, err, "InternalServiceError")

	_, err = sqs.NewFromConfig(sdktest.Config(url)).SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: aws.String(q.Config().URL), MessageBody: aws.String("a")})
	if !errors.Is(err, io.EOF) {
		t.Errorf("SendMessage whose answer was lost = %v, want %v", err, io.EOF)
	}
	if got := q.Stats(); got != (emulatedsqs.Stats{Visible: 1}) {
		t.Errorf("queue after the lost answer: %+v, want the message stored", got)
	}
	if _, err := sqs.NewFromConfig(sdktest.Config(url)).PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: aws.String(q.Config().URL)}); err != nil {
		t.Errorf("PurgeQueue, which is not intercepted: %v", err)
	}
}
