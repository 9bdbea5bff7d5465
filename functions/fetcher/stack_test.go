package fetcher

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/meterbridge/meterbridge/internal/awstest"
	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/dynamodb"
	"github.com/meterbridge/meterbridge/internal/ledger"
	sqsqueue "github.com/meterbridge/meterbridge/internal/queue"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/internal/telemetry"
)

// Each of these would show where it must not be.
const (
	apiKey   = "rk_test_marker_key"
	newKey   = "rk_test_marker_new_key"
	liveKey  = "rk_live_marker_key"
	fullMark = "marker_full"
)

const meterType = "v1.billing.meter.error_report_triggered"

var start = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// busEvent is an entry as it arrives at EventBridge.
type busEvent struct {
	EventBusName, Source, DetailType, Detail, TraceHeader string
	Resources                                             []string
}

// deadLetter is a message as it arrives at the dead-letter queue.
type deadLetter struct {
	QueueUrl, MessageBody string
	MessageAttributes     map[string]struct{ DataType, StringValue string }
}

// visibility is a request to put a message off.
type visibility struct {
	QueueUrl, ReceiptHandle string
	VisibilityTimeout       int
}

// request is what Stripe is asked.
type request struct{ Path, Key, Context, Version, Trigger string }

// stack is the fetcher as it is wired in Lambda, with AWS and Stripe behind it played by test
// servers.
type stack struct {
	fetcher *Handler
	ledger  *ledger.Ledger

	mu       sync.Mutex
	out      bytes.Buffer
	now      time.Time
	secret   string
	looks    int
	refuse   map[string]string // PutEvents error codes, by detail type
	sqsError *awstest.Error    // for every call of SQS
	stripe   http.HandlerFunc

	items       *dynamodb.Table
	ledgerError *awstest.Error // for every call of DynamoDB

	published []busEvent
	requests  []request
	parked    []deadLetter
	deferred  []visibility
}

func newStack(t testing.TB, stripe http.HandlerFunc) *stack {
	t.Helper()
	items, err := dynamodb.NewTable(dynamodb.Config{Name: "ledger", Hash: dynamodb.Key{Name: "id", Type: dynamodb.String}})
	if err != nil {
		t.Fatal(err)
	}
	s := &stack{now: start, secret: apiKey, stripe: stripe, refuse: map[string]string{}, items: items}
	server := httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(server.Close)
	service := awstest.Config(t, map[string]awstest.Operation{
		"secretsmanager.GetSecretValue":     s.getSecretValue,
		"AWSEvents.PutEvents":               s.putEvents,
		"AmazonSQS.SendMessage":             s.sendMessage,
		"AmazonSQS.ChangeMessageVisibility": s.changeVisibility,
		"DynamoDB_20120810.UpdateItem":      s.updateItem,
	})
	log := telemetry.NewLogger(&s.out, slog.LevelInfo)
	metrics := telemetry.NewMetrics(&s.out, "bus", "fetcher", slog.LevelInfo, s.clock)
	clients := BuildClients(config.Fetcher{StripeAPIBase: server.URL}, NewTransport())
	keyring := secret.New(secretsmanager.NewFromConfig(service), "key", clients, &secret.Options{
		Now: s.clock, OnStale: metrics.OnError(log, telemetry.SecretStale, "API key is stale"),
	})
	if _, err := keyring.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.ledger = ledger.New(awsdynamodb.NewFromConfig(service), "ledger", &ledger.Options{Now: s.clock})
	s.fetcher = New(Parts{
		Keyring: keyring, Bus: bus.New(eventbridge.NewFromConfig(service), "bus", nil), Ledger: s.ledger,
		Queue: sqsqueue.New(sqs.NewFromConfig(service), "https://sqs.test/1/fetch"), DeadLetters: sqsqueue.New(sqs.NewFromConfig(service), "https://sqs.test/1/dead"),
		Now: s.clock, Random: func() float64 { return 0 }, Log: log, Metrics: metrics,
	})
	return s
}

// clock moves on whenever it is read, so that everything takes some time.
func (s *stack) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(time.Millisecond)
	return s.now
}

func (s *stack) answer(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, request{
		r.URL.EscapedPath(), strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "),
		r.Header.Get("Stripe-Context"), r.Header.Get("Stripe-Version"), r.Header.Get("Stripe-Request-Trigger"),
	})
	s.mu.Unlock()
	s.stripe(w, r)
}

func (s *stack) getSecretValue(input []byte) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.secret == "" || strings.Contains(string(input), "AWSPREVIOUS") {
		return nil, &awstest.Error{Status: 400, Code: "ResourceNotFoundException", Message: "no such value"}
	}
	s.looks++
	return map[string]string{"SecretString": s.secret}, nil
}

func (s *stack) putEvents(input []byte) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var request struct{ Entries []busEvent }
	if err := json.Unmarshal(input, &request); err != nil {
		return nil, err
	}
	results := make([]map[string]string, len(request.Entries))
	for i, entry := range request.Entries {
		if code := s.refuse[entry.DetailType]; code != "" && entry.Source == bus.SourceEvent || s.refuse[entry.Source] != "" {
			results[i] = map[string]string{"ErrorCode": code + s.refuse[entry.Source]}
			continue
		}
		s.published = append(s.published, entry)
		results[i] = map[string]string{"EventId": "id"}
	}
	return map[string]any{"Entries": results}, nil
}

func (s *stack) sendMessage(input []byte) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sqsError != nil {
		return nil, s.sqsError
	}
	var message deadLetter
	err := json.Unmarshal(input, &message)
	s.parked = append(s.parked, message)
	return map[string]string{"MessageId": "m"}, err
}

func (s *stack) changeVisibility(input []byte) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sqsError != nil {
		return nil, s.sqsError
	}
	var v visibility
	err := json.Unmarshal(input, &v)
	s.deferred = append(s.deferred, v)
	return struct{}{}, err
}

func (s *stack) updateItem(input []byte) (any, error) {
	s.mu.Lock()
	down := s.ledgerError
	s.mu.Unlock()
	if down != nil {
		return nil, down
	}
	var request dynamodb.UpdateInput
	if err := json.Unmarshal(input, &request); err != nil {
		return nil, err
	}
	output, err := s.items.Update(request)
	if refused, ok := errors.AsType[*dynamodb.ConditionError](err); ok {
		return nil, &awstest.Error{Status: 400, Code: "ConditionalCheckFailedException", Item: refused.Item}
	}
	return output, err
}

// thin returns a thin event of a type.
func thin(id, eventType string) string {
	return fmt.Sprintf(`{"id":%q,"object":"v2.core.event","type":%q,"created":"2024-08-28T20:54:12.051Z","livemode":false,`+
		`"context":"acct_1/acct_2","related_object":{"id":"mtr_1","type":"billing.meter","url":"/v1/billing/meters/mtr_1"}}`, id, eventType)
}

// full returns a full event of a type, with data that satisfies the meter schema, and white space
// to be kept.
func full(id, eventType string) string {
	return strings.TrimSuffix(thin(id, eventType), "}") + `, "changes": {}, "data": {"developer_message_summary":"marker_full",` +
		`"validation_start":"2024-08-28T20:54:00Z","validation_end":"2024-08-28T20:54:10Z","reason":{"error_count":1,"error_types":` +
		`[{"code":"new_code","error_count":1,"sample_errors":[{"error_message":"m","request":{"identifier":"i"}}]}]}}}` + "\n"
}

// record returns an SQS record with a thin event as a rule of the bus delivers it.
func record(messageID, detail string) events.SQSMessage {
	return message(messageID, `{"version":"0","id":"e","detail-type":"t","source":"stripe.thin","account":"1","time":"2026-11-22T08:00:00Z",`+
		`"region":"us-east-1","resources":[],"detail":`+detail+`}`)
}

func message(messageID, body string) events.SQSMessage {
	return events.SQSMessage{
		MessageId: messageID, ReceiptHandle: "receipt of " + messageID, Body: body,
		Attributes: map[string]string{"ApproximateReceiveCount": "1", "SentTimestamp": "1700000000000"},
	}
}

func received(times int, m events.SQSMessage) events.SQSMessage {
	m.Attributes["ApproximateReceiveCount"] = fmt.Sprint(times)
	return m
}

// run hands over a batch and returns the message ids that are reported as failed.
func (s *stack) run(t *testing.T, records ...events.SQSMessage) []string {
	t.Helper()
	response, err := s.fetcher.Handle(t.Context(), events.SQSEvent{Records: records})
	if err != nil {
		t.Fatal(err)
	}
	return failed(response)
}

func failed(response events.SQSEventResponse) []string {
	ids := []string{}
	for _, failure := range response.BatchItemFailures {
		ids = append(ids, failure.ItemIdentifier)
	}
	return ids
}

// told returns the log lines and the metric lines, and checks that neither they nor failures on the
// bus show what they must not.
func (s *stack) told(t *testing.T) (logs, metrics []map[string]any) {
	t.Helper()
	shown := s.out.String()
	for _, e := range s.published {
		if e.Source == bus.SourceFailure {
			shown += e.Detail
		}
	}
	if strings.Contains(shown, "marker_") {
		t.Errorf("output holds a marker:\n%s", shown)
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

// metric returns the sum of a metric, for a reason if that is not "".
func metric(metrics []map[string]any, name, reason string) float64 {
	sum := 0.0
	for _, m := range metrics {
		if n, ok := m[name].(float64); ok && (reason == "" || m["Reason"] == reason) {
			sum += n
		}
	}
	return sum
}

// known is a Stripe that knows every event of the meter type.
func known(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, full(r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:], meterType))
}

// answers is a Stripe that gives one answer.
func answers(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}
