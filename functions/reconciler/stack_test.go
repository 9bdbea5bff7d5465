package reconciler

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/meterbridge/meterbridge/internal/awstest"
	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/dynamodb"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/internal/telemetry"
)

// Each of these would show where it must not be.
const (
	testKey = "rk_test_marker_key"
	newKey  = "rk_test_marker_new_key"
	liveKey = "rk_live_marker_key"
)

var start = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return start.Add(-d) }

// stored is an entry as it arrives at EventBridge.
type stored struct {
	EventBusName, Source, DetailType, Detail string
	Resources                                []string
}

// stack is the reconciler as it is wired in Lambda, with a ledger, a bus and a Stripe behind it.
type stack struct {
	reconciler *Handler
	parts      Parts
	ledger     *ledger.Ledger
	stripe     *stripe.Sandbox
	items      *dynamodb.Table

	mu     sync.Mutex
	out    bytes.Buffer
	now    time.Time
	secret string
	refuse map[string]string // PutEvents error codes, by event id
	accept []string          // keys that Stripe knows; nil is all
	bus    []stored
	lists  []string // path and query of each request to Stripe, with the key's mode and context
}

func newStack(t *testing.T, env map[string]string) *stack {
	t.Helper()
	items, err := dynamodb.NewTable(dynamodb.Config{Name: "ledger", Hash: dynamodb.Key{Name: "id", Type: dynamodb.String}})
	if err != nil {
		t.Fatal(err)
	}
	s := &stack{now: start, secret: testKey, items: items, refuse: map[string]string{}}
	s.stripe = stripe.New(&stripe.Options{Now: s.clock})
	server := httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(server.Close)
	service := awstest.Config(t, map[string]awstest.Operation{
		"secretsmanager.GetSecretValue": s.getSecretValue,
		"AWSEvents.PutEvents":           s.putEvents,
		"DynamoDB_20120810.GetItem":     s.getItem,
		"DynamoDB_20120810.UpdateItem":  s.updateItem,
	})
	all := map[string]string{
		"EVENT_BUS_NAME": "bus", "API_KEY_SECRET_ID": "key", "LEDGER_TABLE": "ledger", "RECONCILE_TYPES": "t",
		"STRIPE_API_BASE": server.URL, "STRIPE_RATE_LIMIT": "0",
	}
	for name, value := range env {
		all[name] = value
	}
	c, err := config.LoadReconciler(func(name string) (string, bool) { v, ok := all[name]; return v, ok })
	if err != nil {
		t.Fatal(err)
	}
	s.ledger = ledger.New(awsdynamodb.NewFromConfig(service), "ledger", &ledger.Options{Now: s.clock})
	s.parts = Parts{
		Config: c, Ledger: s.ledger, Bus: bus.New(eventbridge.NewFromConfig(service), "bus", nil), Now: s.clock,
		Keyring: secret.New(secretsmanager.NewFromConfig(service), "key", BuildClients(c, http.DefaultTransport), &secret.Options{Now: s.clock}),
		Log:     telemetry.NewLogger(&s.out, c.LogLevel),
		Metrics: telemetry.NewMetrics(&s.out, "bus", "reconciler", c.LogLevel, s.clock),
	}
	s.reconciler = New(s.parts)
	return s
}

func (s *stack) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *stack) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *stack) answer(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	s.lists = append(s.lists, fmt.Sprintf("%s %q %s", modeOfText(key), r.Header.Get("Stripe-Context"), r.URL.Query().Get("types[0]")))
	known := s.accept == nil || slices.Contains(s.accept, key)
	s.mu.Unlock()
	if !known {
		w.WriteHeader(401)
		return
	}
	s.stripe.ServeHTTP(w, r)
}

func modeOfText(key string) string { return strings.Split(key, "_")[1] }

func (s *stack) getSecretValue(input []byte) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.secret == "" || strings.Contains(string(input), "AWSPREVIOUS") {
		return nil, &awstest.Error{Status: 400, Code: "ResourceNotFoundException", Message: "no such value"}
	}
	return map[string]string{"SecretString": s.secret}, nil
}

func (s *stack) putEvents(input []byte) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var request struct{ Entries []stored }
	if err := json.Unmarshal(input, &request); err != nil {
		return nil, err
	}
	results := make([]map[string]string, len(request.Entries))
	for i, entry := range request.Entries {
		if code := s.refuse[idOf(entry)]; code != "" {
			results[i] = map[string]string{"ErrorCode": code}
			continue
		}
		s.bus = append(s.bus, entry)
		results[i] = map[string]string{"EventId": "id"}
	}
	return map[string]any{"Entries": results}, nil
}

func idOf(entry stored) string {
	var detail struct{ ID string }
	_ = json.Unmarshal([]byte(entry.Detail), &detail) // an entry without an id is found by the test that counts
	return detail.ID
}

func (s *stack) getItem(input []byte) (any, error) {
	var request dynamodb.GetInput
	if err := json.Unmarshal(input, &request); err != nil {
		return nil, err
	}
	return s.items.Get(request)
}

func (s *stack) updateItem(input []byte) (any, error) {
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

// happened puts an event of the account into Stripe's list, and nowhere else.
func (s *stack) happened(t *testing.T, id string, created time.Time) {
	t.Helper()
	s.happenedAs(t, id, created, "t", "", false)
}

func (s *stack) happenedAs(t *testing.T, id string, created time.Time, eventType, context string, live bool) {
	t.Helper()
	err := s.stripe.AddEvent(fmt.Appendf(nil, `{"id":%q,"object":"v2.core.event","type":%q,"created":%q,"livemode":%v,"context":%q,`+
		`"related_object":{"id":"mtr_1","type":"billing.meter","url":"/v1/billing/meters/mtr_1"},"data":{"text":"marker_data"}}`,
		id, eventType, created.Format(time.RFC3339), live, context))
	if err != nil {
		t.Fatal(err)
	}
}

// claimed has a delivery take an event.
func (s *stack) claimed(t *testing.T, id string, lease time.Time) ledger.Claim {
	t.Helper()
	claim, err := s.ledger.Claim(t.Context(), ledger.Event{ID: id}, "message", lease)
	if err != nil {
		t.Fatal(err)
	}
	return claim
}

func (s *stack) settled(t *testing.T, id string, settlement ledger.Settlement) {
	t.Helper()
	if err := s.ledger.Settle(t.Context(), s.claimed(t, id, start.Add(time.Minute)), settlement); err != nil {
		t.Fatal(err)
	}
}

// brought returns the ids of what came to the bus since the last time, in order.
func (s *stack) brought() []string {
	ids := []string{}
	s.set(func() {
		for _, entry := range s.bus {
			ids = append(ids, idOf(entry))
		}
		s.bus = nil
	})
	slices.Sort(ids)
	return ids
}

// told returns the log lines and the metric lines since the last time, and checks that they do not
// show what they must not.
func (s *stack) told(t *testing.T) (logs, metrics []map[string]any) {
	t.Helper()
	if strings.Contains(s.out.String(), "marker_") {
		t.Errorf("output holds a marker:\n%s", s.out.String())
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
	s.out.Reset()
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
