package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	emulated "github.com/meterbridge/meterbridge/internal/emulator/aws/dynamodb"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/testbed"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

const webhookSecret = "whsec_operator"

// cloud is an emulated deployed stack: AWS and Stripe over HTTP, and a webhook.
type cloud struct {
	aws, stripe, webhook *httptest.Server
	service              aws.Config
	fetch, dead, rule    *sqs.Queue
	sandbox              *stripe.Sandbox
	verifier             *stripesig.Verifier

	mu        sync.Mutex
	bus       []string // source, type and id of each event
	delivered []string // id of each delivery that the webhook accepted
}

// cloudKey is the key of the cloud among a script's values.
type cloudKey struct{}

// newCloud starts a cloud. It calls before, unless that is nil, before each call of AWS.
func newCloud(t testing.TB, before func(operation string)) *cloud {
	t.Helper()
	c := &cloud{sandbox: stripe.New(&stripe.Options{APIKeys: []string{"sk_test_1"}})}
	queues, tables, buses := sqs.New(nil, nil), emulated.New(nil), eventbridge.New(nil, nil)
	c.fetch, c.dead, c.rule = queues.AddQueue(sqs.Config{Name: "fetch"}), queues.AddQueue(sqs.Config{Name: "dead"}), queues.AddQueue(sqs.Config{Name: "rule-dead"})
	buses.AddBus(eventbridge.BusConfig{Name: "meterbridge", Accept: c.accept})
	_, tableErr := tables.AddTable(emulated.Config{Name: "ledger", Hash: emulated.Key{Name: "id", Type: emulated.String}})
	verifier, verifierErr := stripesig.NewVerifier([]stripesig.Secret{webhookSecret}, nil)
	if err := errors.Join(tableErr, verifierErr); err != nil {
		t.Fatal(err)
	}
	c.verifier = verifier
	handler := awsjson.New(&awsjson.Options{
		Intercept: func(call awsjson.Call, next http.Handler) http.Handler {
			if before != nil {
				before(call.Operation)
			}
			return next
		},
	}, buses.Operations(), queues.Operations(), tables.Operations())
	c.service = testbed.InProcess(handler)
	c.aws, c.stripe, c.webhook = httptest.NewServer(handler), httptest.NewServer(c.sandbox), httptest.NewServer(http.HandlerFunc(c.receive))
	return c
}

func arn(queueName string) string { return "arn:aws:sqs:us-east-1:000000000000:" + queueName }

func (c *cloud) close() {
	c.aws.Close()
	c.stripe.Close()
	c.webhook.Close()
}

func (c *cloud) environment() map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL": c.aws.URL, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"STRIPE_API_BASE": c.stripe.URL, "WEBHOOK": c.webhook.URL,
	}
}

// outputs returns the stack's outputs as the SAM CLI prints them.
func (c *cloud) outputs() []byte {
	return fmt.Appendf(nil, `[{"OutputKey":"EventBusName","OutputValue":"meterbridge"},{"OutputKey":"FetchQueueUrl","OutputValue":%q},`+
		`{"OutputKey":"DeadLettersUrl","OutputValue":%q},{"OutputKey":"RuleDeadLettersUrl","OutputValue":%q},{"OutputKey":"LedgerTableName","OutputValue":"ledger"}]`,
		c.fetch.Config().URL, c.dead.Config().URL, c.rule.Config().URL)
}

// accept puts an event on the bus, unless its type is refused.type.
func (c *cloud) accept(entry eventbridge.Entry) *awsjson.Error {
	if entry.DetailType == "refused.type" {
		return &awsjson.Error{Code: "InvalidArgument", Message: "no"}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bus = append(c.bus, fmt.Sprint(entry.Source, " ", entry.DetailType, " ", idIn(entry.Detail)))
	return nil
}

func idIn(event []byte) string {
	var e struct{ ID string }
	if json.Unmarshal(event, &e) != nil {
		return "(not an event)"
	}
	return e.ID
}

// receive answers as the webhook does.
func (c *cloud) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if _, refused := c.verifier.Verify(body, r.Header.Get(stripesig.Header)); err != nil || refused != nil {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"code":"refused"}`)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.delivered = append(c.delivered, idIn(body))
	fmt.Fprint(w, `{"code":"stored"}`)
}

// TestOperatorScripts runs scripts of the commands that work on a deployed stack.
func TestOperatorScripts(t *testing.T) {
	t.Parallel()
	command := func(do func(c *cloud, ts *testscript.TestScript, args []string)) func(*testscript.TestScript, bool, []string) {
		return func(ts *testscript.TestScript, _ bool, args []string) { do(ts.Value(cloudKey{}).(*cloud), ts, args) }
	}
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "operator"),
		Setup: func(e *testscript.Env) error {
			c := newCloud(t, nil)
			e.Defer(c.close)
			e.Values[cloudKey{}] = c
			for name, value := range c.environment() {
				e.Setenv(name, value)
			}
			return os.WriteFile(filepath.Join(e.WorkDir, "outputs.json"), c.outputs(), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"park":        command((*cloud).park),
			"backlog":     command((*cloud).backlog),
			"undelivered": command((*cloud).undelivered),
			"happened":    command((*cloud).happened),
			"known":       command((*cloud).known),
			"places":      command((*cloud).places),
			"delivered":   command((*cloud).deliveries),
		},
	})
}

func envelope(id, eventType string) string {
	return fmt.Sprintf(`{"source":"stripe.thin","detail-type":%q,"time":"2026-11-22T08:00:00Z","detail":{"id":%q,"type":%q}}`, eventType, id, eventType)
}

// send puts a message into a queue, with attributes given as pairs of name and value.
func send(ts *testscript.TestScript, q *sqs.Queue, body string, pairs ...string) {
	attributes := map[string]sqs.Attribute{}
	for pair := range slices.Chunk(pairs, 2) {
		attributes[pair[0]] = sqs.Attribute{DataType: "String", StringValue: pair[1]}
	}
	_, err := q.Send(sqs.Message{Body: body, Attributes: attributes})
	ts.Check(err)
}

// park ID TYPE REASON parks an event as the fetcher does.
func (c *cloud) park(ts *testscript.TestScript, args []string) {
	send(ts, c.dead, envelope(args[0], args[1]), "reason", args[2], "attempts", "5", "last_error", "why")
}

// backlog N parks N events.
func (c *cloud) backlog(ts *testscript.TestScript, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	for i := range n {
		c.park(ts, []string{fmt.Sprintf("evt_backlog_%d", i), "v2.core.event_destination.ping", "not_found"})
	}
}

// undelivered ID TYPE TARGET puts an event into the rules' dead letters as EventBridge does.
func (c *cloud) undelivered(ts *testscript.TestScript, args []string) {
	send(ts, c.rule, envelope(args[0], args[1]), "RULE_ARN", "r", "TARGET_ARN", arn(args[2]), "ERROR_CODE", "NO_PERMISSIONS")
}

// happened ID TYPE AGO [CONTEXT] adds an event at Stripe.
func (c *cloud) happened(ts *testscript.TestScript, args []string) {
	ago, err := time.ParseDuration(args[2])
	ts.Check(err)
	event := map[string]any{
		"id": args[0], "object": "v2.core.event", "type": args[1], "livemode": false, "context": nil, "data": map[string]any{},
		"created": time.Now().Add(-ago).UTC().Format(time.RFC3339Nano),
	}
	if len(args) > 3 {
		event["context"] = args[3]
	}
	full, err := json.Marshal(event)
	ts.Check(err)
	ts.Check(c.sandbox.AddEvent(full))
}

// known ID records in the ledger that the event was emitted.
func (c *cloud) known(ts *testscript.TestScript, args []string) {
	l := ledger.New(dynamodb.NewFromConfig(c.service), "ledger", nil)
	claim, err := l.Claim(context.Background(), ledger.Event{ID: args[0]}, "delivery", time.Now().Add(time.Minute))
	ts.Check(err)
	ts.Check(l.Settle(context.Background(), claim, ledger.Settlement{Phase: ledger.Emitted}))
}

// places prints the ids in each queue, the number of hidden messages, and the events on the bus.
func (c *cloud) places(ts *testscript.TestScript, _ []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, q := range []*sqs.Queue{c.fetch, c.dead, c.rule} {
		var ids []string
		for {
			messages := q.Receive(context.Background(), 10, 0, time.Minute)
			if len(messages) == 0 {
				break
			}
			for _, m := range messages {
				var e struct{ Detail json.RawMessage }
				ts.Check(json.Unmarshal([]byte(m.Body), &e))
				ids = append(ids, idIn(e.Detail))
				defer func() { ts.Check(q.ChangeVisibility(m.Receipt, 0)) }()
			}
		}
		slices.Sort(ids)
		fmt.Fprintln(ts.Stdout(), strings.Join(append([]string{q.Config().Name + ":"}, ids...), " "))
		if hidden := q.Stats().InFlight - len(ids); hidden > 0 {
			fmt.Fprintln(ts.Stdout(), q.Config().Name+" hides", hidden)
		}
	}
	slices.Sort(c.bus)
	for _, event := range c.bus {
		fmt.Fprintln(ts.Stdout(), "bus:", event)
	}
}

// deliveries prints the ids that the webhook accepted, in order.
func (c *cloud) deliveries(ts *testscript.TestScript, _ []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintln(ts.Stdout(), strings.Join(c.delivered, " "))
}
