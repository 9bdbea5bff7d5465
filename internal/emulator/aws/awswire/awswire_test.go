package awswire_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awswire"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/clock"
	emulated "github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
)

// warnings collects what the handler reports. It is safe for concurrent use.
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

func serve(t *testing.T, b awswire.Backends) (url string) {
	t.Helper()
	server := httptest.NewServer(awswire.New(b))
	t.Cleanup(server.Close)
	return server.URL
}

// awsConfig is what all SDK clients share. One attempt only: a test wants to see the answer, not the retry.
func awsConfig(url string) aws.Config {
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: &url, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
}

// wantCode fails the test unless err is an API error with that code.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if api := (smithy.APIError)(nil); !errors.As(err, &api) || api.ErrorCode() != code {
		t.Errorf("error %v, want the code %s", err, code)
	}
}

func post(t *testing.T, url, target, body string, header ...string) (status int, answer string, h http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Amz-Target", target)
	for pair := range slices.Chunk(header, 2) {
		req.Header.Set(pair[0], pair[1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(raw), resp.Header
}

func TestUnknownOperations(t *testing.T) {
	t.Parallel()
	warned := &warnings{}
	url := serve(t, awswire.Backends{Events: &recorder{}, Queues: []*emulated.Queue{}, Warn: warned.add})

	_, err := sqs.NewFromConfig(awsConfig(url)).CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("q")})
	wantCode(t, err, "UnknownOperationException")
	warned.want(t, `"AmazonSQS.CreateQueue" is not implemented`)

	_, err = eventbridge.NewFromConfig(awsConfig(url)).ListRules(t.Context(), &eventbridge.ListRulesInput{})
	wantCode(t, err, "UnknownOperationException")
	warned.want(t, `"AWSEvents.ListRules" is not implemented`)

	_, err = secretsmanager.NewFromConfig(awsConfig(url)).GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("s")})
	wantCode(t, err, "UnknownOperationException")
}

func TestRequestsThatAreNotCalls(t *testing.T) {
	t.Parallel()
	url := serve(t, awswire.Backends{Events: &recorder{}})
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
			status, body, header := post(t, url, tt.target, tt.body, tt.header...)
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

func TestUnsupportedMemberIsWarnedOf(t *testing.T) {
	t.Parallel()
	warned := &warnings{}
	url := serve(t, awswire.Backends{Events: &recorder{}, Warn: warned.add})
	post(t, url, "AWSEvents.PutEvents", `{"Entries":[],"EndpointId":"global"}`)
	warned.want(t, `AWSEvents.PutEvents: request member "EndpointId" is not supported`)
}

// TestIntercept shows the faults that the hook is for: an error in the service's own form, and an answer lost after the work was done.
func TestIntercept(t *testing.T) {
	t.Parallel()
	c := clock.New(1)
	q := emulated.New(emulated.Config{Name: "q", URL: "http://localhost/000000000000/q"}, c)
	store := awswire.NewSecrets(c.Now)
	url := serve(t, awswire.Backends{
		Queues: []*emulated.Queue{q}, Secrets: store,
		Intercept: func(call awswire.Call, next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch call.Service + "." + call.Operation {
				case "secretsmanager.GetSecretValue":
					call.Fail(w, &awswire.Error{Status: http.StatusInternalServerError, Code: "InternalServiceError", Message: "injected"})
				case "sqs.SendMessage":
					next.ServeHTTP(httptest.NewRecorder(), r)
					panic(http.ErrAbortHandler)
				default:
					next.ServeHTTP(w, r)
				}
			})
		},
	})
	_, err := secretsmanager.NewFromConfig(awsConfig(url)).GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("s")})
	wantCode(t, err, "InternalServiceError")

	_, err = sqs.NewFromConfig(awsConfig(url)).SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: aws.String(q.Config().URL), MessageBody: aws.String("a")})
	if !errors.Is(err, io.EOF) {
		t.Errorf("SendMessage whose answer was lost = %v, want %v", err, io.EOF)
	}
	if got := q.Stats(); got != (emulated.Stats{Visible: 1}) {
		t.Errorf("queue after the lost answer: %+v, want the message stored", got)
	}
	if _, err := sqs.NewFromConfig(awsConfig(url)).PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: aws.String(q.Config().URL)}); err != nil {
		t.Errorf("PurgeQueue, which is not intercepted: %v", err)
	}
}

// recorder is an event bus that keeps what it is given and fails entries whose source it is told to.
type recorder struct {
	failing string

	mu      sync.Mutex
	entries []awswire.Entry
}

func (r *recorder) HasBus(name string) bool { return name == "default" || name == "meterbridge" }

func (r *recorder) PutEvents(_ context.Context, entries []awswire.Entry) []awswire.Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	results := make([]awswire.Result, len(entries))
	for i, e := range entries {
		if e.Source == r.failing {
			results[i] = awswire.Result{ErrorCode: "ThrottlingException", ErrorMessage: "Rate exceeded"}
			continue
		}
		r.entries = append(r.entries, e)
		results[i] = awswire.Result{EventID: "11111111-2222-4333-8444-555555555555"}
	}
	return results
}
