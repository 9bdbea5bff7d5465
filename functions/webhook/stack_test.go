package webhook

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/meterbridge/meterbridge/internal/awstest"
	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/lambdahttp"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/internal/telemetry"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// Each of these would show in a log that it must not reach.
const (
	signingSecret = stripesig.Secret("whsec_marker_secret")
	rolledSecret  = stripesig.Secret("whsec_marker_rolled")
	bodyMarker    = "marker_body"
)

const thinBody = `{"id":"evt_test_1", "object":"v2.core.event", "type":"v1.billing.meter.error_report_triggered",` +
	` "created":"2024-08-28T20:54:12.051Z", "livemode":false, "new_member":"marker_body é",` +
	` "related_object":{"id":"mtr_1","type":"billing.meter","url":"/v1/billing/meters/mtr_1"}}` + "\n"

var start = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// storedEvent is an entry as it arrives at EventBridge.
type storedEvent struct {
	EventBusName, Source, DetailType, Detail, TraceHeader string
	Resources                                             []string
}

// stack is the webhook as it is wired in Lambda, with AWS behind it played by a test server.
type stack struct {
	handler lambda.Handler

	mu                sync.Mutex
	out               bytes.Buffer
	now               time.Time
	current, previous string // the signing secret's versions
	secretDown        bool
	looks             int // at the current version
	refusals          []string
	stored            []storedEvent
}

func newStack(t testing.TB) *stack {
	t.Helper()
	s := &stack{now: start, current: string(signingSecret)}
	service := awstest.Config(t, map[string]awstest.Operation{
		"secretsmanager.GetSecretValue": s.getSecretValue,
		"AWSEvents.PutEvents":           s.putEvents,
	})
	log := telemetry.NewLogger(&s.out, slog.LevelInfo)
	metrics := telemetry.NewMetrics(&s.out, "bus", "webhook", slog.LevelInfo, s.clock)
	verifiers := secret.New(secretsmanager.NewFromConfig(service), "signing", BuildVerifier(5*time.Minute, s.clock), &secret.Options{
		Now: s.clock, OnStale: metrics.OnError(log, telemetry.SecretStale, "signing secret is stale"),
	})
	if _, err := verifiers.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	h := New(Parts{Verifiers: verifiers, Bus: bus.New(eventbridge.NewFromConfig(service), "bus", nil), Log: log, Metrics: metrics})
	s.handler = lambda.NewHandler(lambdahttp.Handler(h.Handle))
	return s
}

func (s *stack) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *stack) set(change func(*stack)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *stack) getSecretValue(input []byte) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var request struct{ SecretId, VersionStage string }
	if err := json.Unmarshal(input, &request); err != nil {
		return nil, err
	}
	value := s.previous
	if request.VersionStage == "AWSCURRENT" {
		s.looks++
		value = s.current
	}
	switch {
	case s.secretDown:
		return nil, &awstest.Error{Status: 500, Code: "InternalServiceError"}
	case request.SecretId != "signing" || value == "":
		return nil, &awstest.Error{Status: 400, Code: "ResourceNotFoundException", Message: "no such value"}
	}
	return map[string]string{"SecretString": value}, nil
}

// putEvents refuses, with the next of the refusals if there is one, and what EventBridge refuses.
func (s *stack) putEvents(input []byte) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var request struct{ Entries []storedEvent }
	if err := json.Unmarshal(input, &request); err != nil {
		return nil, err
	}
	result := map[string]string{"EventId": "id"}
	switch {
	case len(s.refusals) > 0:
		result = map[string]string{"ErrorCode": s.refusals[0]}
		s.refusals = s.refusals[1:]
	case len(request.Entries[0].DetailType) > 128:
		result = map[string]string{"ErrorCode": "InvalidArgument"}
	default:
		s.stored = append(s.stored, request.Entries...)
	}
	return map[string]any{"Entries": []any{result}}, nil
}

// delivery is an HTTP API event. Its signature, unless a test sets another, is genuine.
func delivery(body string) events.APIGatewayV2HTTPRequest {
	var e events.APIGatewayV2HTTPRequest
	e.Body = body
	e.RequestContext.HTTP.Method = "POST"
	e.Headers = map[string]string{"stripe-signature": signingSecret.Sign([]byte(body), start)}
	return e
}

func signedWith(header, body string) events.APIGatewayV2HTTPRequest {
	e := delivery(body)
	e.Headers["stripe-signature"] = header
	return e
}

func encoded(e events.APIGatewayV2HTTPRequest) events.APIGatewayV2HTTPRequest {
	e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(e.Body)), true
	return e
}

// deliver returns the status and the code of the answer.
func (s *stack) deliver(t *testing.T, event any) (int, string) {
	t.Helper()
	payload, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.handler.Invoke(t.Context(), payload)
	if err != nil {
		t.Fatal(err)
	}
	var response events.APIGatewayV2HTTPResponse
	var body struct{ Code string }
	if err := json.Unmarshal(out, &response); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(response.Body), &body); err != nil {
		t.Fatalf("answer %q: %v", response.Body, err)
	}
	return response.StatusCode, body.Code
}

// told returns the log lines and the metric lines so far, and checks that neither shows what it
// must not.
func (s *stack) told(t *testing.T) (logs, metrics []map[string]any) {
	t.Helper()
	for _, marker := range []string{"marker_", "t=17", "v1=", "whsec"} {
		if strings.Contains(s.out.String(), marker) {
			t.Errorf("output holds %q:\n%s", marker, s.out.String())
		}
	}
	for line := range strings.Lines(s.out.String()) {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		if object["_aws"] == nil {
			logs = append(logs, object)
		} else {
			metrics = append(metrics, object)
		}
	}
	return logs, metrics
}
