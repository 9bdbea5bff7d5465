package redrive_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/meterbridge/meterbridge/internal/awstest"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
	"github.com/meterbridge/meterbridge/internal/redrive"
	"github.com/meterbridge/meterbridge/internal/stack"
)

const (
	meterType = "v1.billing.meter.error_report_triggered"
	pingType  = "v2.core.event_destination.ping"
	busName   = "meterbridge"
	region    = "us-east-1"
	account   = "000000000000"
	fetchARN  = "arn:aws:sqs:us-east-1:000000000000:fetch"
	lambdaARN = "arn:aws:lambda:us-east-1:000000000000:function:alerts"
)

// bed is the queues and the bus that letters come from and go to, behind AWS's wire protocol. Time
// passes only in a synctest bubble, where each test runs: the SDK calls the handler without a
// network.
type bed struct {
	queues                *sqs.Service
	fetch, dead, ruleDead *sqs.Queue
	// intercept is set before the first call. It has to be safe for concurrent use.
	intercept func(awsjson.Call, http.Handler) http.Handler

	mu  sync.Mutex
	bus []eventbridge.Entry
	// refuse is the error code for each entry of a detail type.
	refuse map[string]string
}

func newBed() *bed {
	b := &bed{queues: sqs.New(nil, &sqs.Options{Endpoint: "https://sqs.test"}), refuse: map[string]string{}}
	for name, q := range map[string]**sqs.Queue{"fetch": &b.fetch, "dead": &b.dead, "rule-dead": &b.ruleDead} {
		*q = b.queues.AddQueue(sqs.Config{Name: name, Retention: 14 * 24 * time.Hour})
	}
	return b
}

// accept puts an entry on the bus, unless its detail type is refused.
func (s *bed) accept(entry eventbridge.Entry) *awsjson.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if code := s.refuse[entry.DetailType]; code != "" {
		return &awsjson.Error{Code: code, Message: "no"}
	}
	s.bus = append(s.bus, entry)
	return nil
}

// service is an SDK configuration whose calls are answered by the stack.
func (s *bed) service() aws.Config {
	buses := eventbridge.New(nil, nil)
	buses.AddBus(eventbridge.BusConfig{Name: busName, Accept: s.accept})
	return awstest.InProcess(awsjson.New(&awsjson.Options{Intercept: s.intercept}, buses.Operations(), s.queues.Operations()))
}

func (s *bed) addresses() stack.Addresses {
	return stack.Addresses{
		Bus: busName, FetchQueue: s.fetch.Config().URL, DeadLetters: s.dead.Config().URL, RuleDeadLetters: s.ruleDead.Config().URL,
	}
}

func (s *bed) redriver(t *testing.T, opts *redrive.Options) *redrive.Redriver {
	t.Helper()
	r, err := redrive.New(s.service(), s.addresses(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (s *bed) run(t *testing.T, opts *redrive.Options) redrive.Counts {
	t.Helper()
	counts, err := s.redriver(t, opts).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return counts
}

// envelope is a thin event as a rule delivers it. The white space is there to be kept.
func envelope(source, id, eventType string) string {
	return fmt.Sprintf(`{"version":"0","id":"e","detail-type":%q,"source":%q,"account":"1","time":"2026-11-22T08:00:00Z",`+
		`"region":"us-east-1","resources":["mtr_1"],"detail":{ "id":%q,"object":"v2.core.event","type":%q, "context":"acct_1" }}`,
		eventType, source, id, eventType)
}

func thin(id, eventType string) string { return envelope("stripe.thin", id, eventType) }

func attributes(pairs ...string) map[string]sqs.Attribute {
	a := map[string]sqs.Attribute{}
	for i := 0; i < len(pairs); i += 2 {
		a[pairs[i]] = sqs.Attribute{DataType: "String", StringValue: pairs[i+1]}
	}
	return a
}

// park puts a letter where the fetcher would.
func (s *bed) park(t *testing.T, id, eventType, reason string) {
	t.Helper()
	send(t, s.dead, sqs.Message{Body: thin(id, eventType), Attributes: attributes(
		"event_id", id, "type", eventType, "reason", reason, "status", "404", "attempts", "5",
		"first_seen", "2026-11-22T08:00:00Z", "last_error", "no such event",
	)})
}

// undelivered puts a letter where EventBridge would.
func (s *bed) undelivered(t *testing.T, body, target string) {
	t.Helper()
	send(t, s.ruleDead, sqs.Message{Body: body, TraceHeader: "Root=1-2-3", Attributes: attributes(
		"RULE_ARN", "arn:aws:events:us-east-1:000000000000:rule/meterbridge/r", "TARGET_ARN", target,
		"ERROR_CODE", "NO_PERMISSIONS", "ERROR_MESSAGE", "denied", "RETRY_ATTEMPTS", "3",
	)})
}

func send(t *testing.T, q *sqs.Queue, m sqs.Message) {
	t.Helper()
	if _, err := q.Send(m); err != nil {
		t.Fatal(err)
	}
}

// bodies takes everything out of a queue that is visible.
func bodies(t *testing.T, q *sqs.Queue) []string {
	t.Helper()
	var found []string
	for {
		messages := q.Receive(t.Context(), 10, 0, sqs.Default)
		if len(messages) == 0 {
			return found
		}
		for _, m := range messages {
			found = append(found, m.Body)
			if err := q.Delete(m.Receipt); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// fail answers those entries of a batch call with an error that a test chooses, without effect, and
// lets the others through.
func fail(operation string, chosen func(entry string) bool, senderFault bool) func(awsjson.Call, http.Handler) http.Handler {
	return func(c awsjson.Call, next http.Handler) http.Handler {
		if c.Operation != operation {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var request struct {
				QueueUrl string
				Entries  []json.RawMessage
			}
			decode(r.Body, &request)
			var failed []any
			request.Entries = slices.DeleteFunc(request.Entries, func(entry json.RawMessage) bool {
				if !chosen(string(entry)) {
					return false
				}
				var e struct{ Id string }
				decode(bytes.NewReader(entry), &e)
				failed = append(failed, map[string]any{"Id": e.Id, "Code": "InternalError", "Message": "no", "SenderFault": senderFault})
				return true
			})
			answer := map[string]any{}
			if len(request.Entries) > 0 {
				r.Body = io.NopCloser(bytes.NewReader(encode(request)))
				recorder := httptest.NewRecorder()
				next.ServeHTTP(recorder, r)
				decode(recorder.Body, &answer)
			}
			answer["Failed"] = failed
			w.Write(encode(answer))
		})
	}
}

func decode(r io.Reader, into any) {
	if err := json.NewDecoder(r).Decode(into); err != nil {
		panic(err)
	}
}

func encode(v any) []byte {
	encoded, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return encoded
}
