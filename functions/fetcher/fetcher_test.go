package fetcher

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	awsbus "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/queue"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/internal/telemetry"
	"github.com/meterbridge/meterbridge/internal/testbed"
)

// The bed fails a test whose logs contain one of these.
const (
	apiKey  = "rk_test_marker_key"
	newKey  = "rk_test_marker_new_key"
	liveKey = "rk_live_marker_key"
)

const meterType = testbed.MeterType

var (
	start = testbed.Start
	thin  = testbed.Thin
	full  = testbed.Full
)

// bed is a Handler with emulated AWS and Stripe.
type bed struct {
	*testbed.Bed
	handler *Handler
	ledger  *ledger.Ledger
}

// newBed returns a bed in which a handler answers for Stripe. Its clock advances each time it is
// read.
func newBed(t testing.TB, stripe http.HandlerFunc) bed {
	t.Helper()
	b := testbed.New(t, &testbed.Options{Tick: time.Millisecond})
	b.Answer(stripe)
	b.PutSecret(t, testbed.APIKey, apiKey)
	metrics := b.Metrics("fetcher")
	clients := BuildClients(config.Fetcher{StripeAPIBase: "https://stripe.test"}, b.HTTP)
	keyring := secret.New(secretsmanager.NewFromConfig(b.AWS), testbed.APIKey, clients, &secret.Options{
		Now: b.Now, OnStale: metrics.OnError(b.Log(), telemetry.SecretStale, "", "API key is stale"),
	})
	if _, err := keyring.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	book := ledger.New(dynamodb.NewFromConfig(b.AWS), testbed.LedgerName, &ledger.Options{Now: b.Now})
	messages := awssqs.NewFromConfig(b.AWS)
	return bed{b, New(Parts{
		Keyring: keyring, Bus: bus.New(awsbus.NewFromConfig(b.AWS), testbed.BusName, nil), Ledger: book,
		Queue: queue.New(messages, b.Queue.Config().URL), DeadLetters: queue.New(messages, b.DeadLetters.Config().URL),
		Now: b.Now, Random: func() float64 { return 0 }, Log: b.Log(), Metrics: metrics,
	}), book}
}

// record returns an SQS record with a thin event as a rule of the bus delivers it.
func record(messageID, detail string) events.SQSMessage {
	return message(messageID, testbed.Delivered("stripe.thin", "t", detail))
}

func message(messageID, body string) events.SQSMessage {
	return events.SQSMessage{
		MessageId: messageID, ReceiptHandle: "receipt of " + messageID, Body: body,
		Attributes: map[string]string{"ApproximateReceiveCount": "1"},
	}
}

func received(times int, m events.SQSMessage) events.SQSMessage {
	m.Attributes["ApproximateReceiveCount"] = fmt.Sprint(times)
	return m
}

// run handles a batch of records, which the queue has in flight, and returns the message ids that
// are reported as failed.
func (b bed) run(t *testing.T, records ...events.SQSMessage) []string {
	t.Helper()
	for i := range records {
		if _, err := b.Queue.Send(sqs.Message{Body: "in flight"}); err != nil {
			t.Fatal(err)
		}
		records[i].ReceiptHandle = b.Queue.Receive(t.Context(), 1, 0, time.Hour)[0].Receipt
	}
	response, err := b.handler.Handle(t.Context(), events.SQSEvent{Records: records})
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{}
	for _, failure := range response.BatchItemFailures {
		ids = append(ids, failure.ItemIdentifier)
	}
	return ids
}

// deferral is a request to defer a message.
type deferral struct {
	QueueUrl, ReceiptHandle string
	VisibilityTimeout       int
}

func (b bed) deferred(t *testing.T) []deferral {
	t.Helper()
	return testbed.Calls[deferral](t, b.Bed, "ChangeMessageVisibility")
}

// wantParked checks that one message was parked, with a body and a reason.
func (b bed) wantParked(t *testing.T, body, reason string) {
	t.Helper()
	parked := b.Letters(t)
	if len(parked) != 1 || parked[0].Body != body || parked[0].Attributes["reason"] != reason {
		t.Errorf("parked %v, want the record %s with reason %s", parked, body, reason)
	}
}

// known is a Stripe handler that has every event of the meter type.
func known(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, full(path.Base(r.URL.Path), meterType))
}

// answers is a Stripe handler that always gives one answer.
func answers(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestEachRecordOfABatchGetsItsOwnOutcome(t *testing.T) {
	t.Parallel()
	b := newBed(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "evt_limited") {
			w.WriteHeader(429)
			return
		}
		known(w, r)
	})
	native := record("native", thin("evt_native", meterType))
	native.Body = testbed.Delivered("aws.partner/stripe.com/ed_1", "t", thin("evt_native", meterType))
	native.Attributes["AWSTraceHeader"] = "Root=1-2"
	malformed := record("malformed", `{"id":"evt_odd","type":"odd"}`)
	limited := []events.SQSMessage{record("own", thin("evt_own", meterType)), malformed, native, record("limited", thin("evt_limited", meterType))}
	got := b.run(t, limited...)
	if diff := cmp.Diff([]string{"limited"}, got); diff != "" {
		t.Errorf("failed items: -want +got:\n%s", diff)
	}
	entry := func(source, eventType, detail, trace string, resources ...string) eventbridge.Entry {
		return eventbridge.Entry{
			Bus: testbed.BusName, Source: source, DetailType: eventType, Detail: []byte(detail), TraceHeader: trace, Resources: resources,
		}
	}
	wantBus := []eventbridge.Entry{
		entry("stripe.event", meterType, full("evt_own", meterType), "", "mtr_1"),
		entry("stripe.event", meterType, full("evt_native", meterType), "Root=1-2", "mtr_1"),
		entry("stripe.failure", "odd", `{"event_id":"evt_odd","type":"odd","context":"","reason":"malformed","status":0,"attempts":1,`+
			`"first_seen":"2026-11-22T08:00:00Z","last_error":"record is not an EventBridge event with a thin event in it: stripe event: wrong kind of object: \"object\" member is not \"v2.core.event\""}`, ""),
	}
	if diff := cmp.Diff(wantBus, b.Events()); diff != "" {
		t.Errorf("bus: -want +got:\n%s", diff)
	}
	wantDeferred := []deferral{{b.Queue.Config().URL, limited[3].ReceiptHandle, 30}}
	if diff := cmp.Diff(wantDeferred, b.deferred(t)); diff != "" {
		t.Errorf("deferred: -want +got:\n%s", diff)
	}
	b.wantParked(t, malformed.Body, "malformed")
	logs, metrics := b.Output(t)
	if len(logs) != 4 {
		t.Errorf("%d log lines, want one for each record: %v", len(logs), logs)
	}
	for name, want := range map[string]float64{"Emitted": 2, "Parked": 1, "Deferred": 1, "StripeRateLimited": 1, "StripeAuthError": 0} {
		if got := metrics.Sum(name, ""); got != want {
			t.Errorf("metric %s = %v, want %v", name, got, want)
		}
	}
}

func TestRequestCarriesKeyContextVersionAndTrigger(t *testing.T) {
	t.Parallel()
	b := newBed(t, known)
	b.run(t, record("m", thin("evt_1", meterType)))
	want := []testbed.Request{{Path: "/v2/core/events/evt_1", Key: apiKey, Context: "acct_1/acct_2", Version: "2026-10-28.endive", Trigger: "event=evt_1"}}
	if diff := cmp.Diff(want, b.Requests()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestStripesAnswerDecidesTheOutcome(t *testing.T) {
	t.Parallel()
	const other = "v2.core.account.updated"
	noData := strings.TrimSuffix(thin("evt_1", meterType), "}") + `,"data":null}`
	tests := []struct {
		name      string
		status    int
		body      string
		eventType string
		receives  int
		outcome   outcome
		reason    string
		delay     int
	}{
		{name: "full event", status: 200, body: full("evt_1", meterType), outcome: emitted},
		{name: "unknown type, no data", status: 200, body: thin("evt_1", other), eventType: other, outcome: emitted},
		{name: "first 404", status: 404, body: `{"error":{"code":"not_found"}}`, outcome: deferred, reason: "not_found", delay: 30},
		{name: "fourth 404", status: 404, receives: 4, outcome: deferred, reason: "not_found", delay: 240},
		{name: "fifth 404", status: 404, receives: 5, outcome: parked, reason: "not_found"},
		{name: "first 400", status: 400, outcome: deferred, reason: "refused", delay: 30},
		{name: "fifth 400", status: 400, receives: 5, outcome: parked, reason: "refused"},
		{name: "401", status: 401, receives: 40, outcome: deferred, reason: "auth", delay: 3600},
		{name: "403", status: 403, receives: 2, outcome: deferred, reason: "auth", delay: 60},
		{name: "409", status: 409, receives: 7, outcome: deferred, reason: "unavailable", delay: 1920},
		{name: "429", status: 429, receives: 8, outcome: deferred, reason: "rate_limited", delay: 3600},
		{name: "500", status: 500, receives: 3, outcome: deferred, reason: "unavailable", delay: 120},
		{name: "502 of a proxy", status: 502, body: "<html>", receives: 49, outcome: deferred, reason: "unavailable", delay: 3600},
		{name: "502 to the end", status: 502, body: "<html>", receives: 50, outcome: parked, reason: "unavailable"},
		{name: "401 to the end", status: 401, receives: 50, outcome: parked, reason: "auth"},
		{name: "not JSON", status: 200, body: "<html>", receives: 9, outcome: deferred, reason: "unavailable", delay: 3600},
		{name: "another object", status: 200, body: `{"object":"list"}`, outcome: deferred, reason: "no_event", delay: 30},
		{name: "another object to the end", status: 200, body: `{"object":"list"}`, receives: 5, outcome: parked, reason: "no_event"},
		{name: "another id", status: 200, body: full("evt_2", meterType), outcome: parked, reason: "mismatch"},
		{name: "another type", status: 200, body: full("evt_1", other), outcome: parked, reason: "mismatch"},
		{name: "meter event without data", status: 200, body: noData, outcome: emitted},
		{name: "meter event with odd data", status: 200, body: strings.Replace(full("evt_1", meterType), `"error_count":1`, `"error_count":"many"`, 1), outcome: emitted},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, answers(tt.status, tt.body))
			if tt.eventType == "" {
				tt.eventType = meterType
			}
			b.tried(t, "evt_1", tt.receives-1)
			failures := b.run(t, received(max(tt.receives, 1), record("m", thin("evt_1", tt.eventType))))
			logs, metrics := b.Output(t)
			if logs[0]["outcome"] != string(tt.outcome) || tt.reason != "" && logs[0]["reason"] != tt.reason {
				t.Errorf("log %v, want outcome %s, reason %s", logs[0], tt.outcome, tt.reason)
			}
			wantTries := []any{nil, nil}
			switch {
			case tt.outcome == deferred && slices.Contains([]string{"not_found", "refused", "no_event"}, tt.reason):
				wantTries = []any{float64(max(tt.receives, 1)), 5.0}
			case tt.outcome == deferred:
				wantTries = []any{float64(max(tt.receives, 1)), 50.0}
			}
			if got := []any{logs[0]["tries"], logs[0]["max_tries"]}; !slices.Equal(got, wantTries) {
				t.Errorf("log %v has tries and their limit %v, want %v", logs[0], got, wantTries)
			}
			if (len(failures) == 1) != (tt.outcome == deferred) || len(b.Requests()) != 1 {
				t.Errorf("failed items %v after %d requests", failures, len(b.Requests()))
			}
			if auth := metrics.Sum("StripeAuthError", ""); (auth == 1) != (tt.reason == "auth") {
				t.Errorf("metric StripeAuthError = %v", auth)
			}
			switch tt.outcome {
			case emitted:
				if got := b.Events(); len(got) != 1 || string(got[0].Detail) != tt.body || got[0].DetailType != tt.eventType {
					t.Errorf("bus has %v, want the event as fetched", got)
				}
			case deferred:
				if got := b.deferred(t); len(got) != 1 || got[0].VisibilityTimeout != tt.delay || len(b.Events()) != 0 {
					t.Errorf("deferred %v with %v on the bus, want a delay of %d s and an empty bus", got, b.Events(), tt.delay)
				}
			case parked:
				b.wantLetterAndAnnouncement(t, tt.reason, tt.status)
			}
		})
	}
}

// wantLetterAndAnnouncement checks the dead letter of evt_1 and the announcement of it.
func (b bed) wantLetterAndAnnouncement(t *testing.T, reason string, status int) {
	t.Helper()
	parked, published := b.Letters(t), b.Events()
	if len(parked) != 1 || len(published) != 1 || published[0].Source != bus.SourceFailure {
		t.Fatalf("parked %v and published %v, want one dead letter and one failure", parked, published)
	}
	attributes := parked[0].Attributes
	for name, want := range map[string]string{"reason": reason, "event_id": "evt_1", "type": meterType, "context": "acct_1/acct_2", "first_seen": "2026-11-22T08:00:00Z"} {
		if attributes[name] != want {
			t.Errorf("attribute %s = %q, want %q", name, attributes[name], want)
		}
	}
	if status == 200 {
		status = 0 // an answer that is not an error has no explanation to record
	}
	if got, want := attributes["status"], strconv.Itoa(status); got != want {
		t.Errorf("attribute status = %q, want %q", got, want)
	}
	if published[0].DetailType != meterType || !strings.Contains(string(published[0].Detail), `"reason":"`+reason+`"`) {
		t.Errorf("announced %v, want %s of type %s", published[0], reason, meterType)
	}
}

func TestRecordThatCannotBeFetchedIsParked(t *testing.T) {
	t.Parallel()
	const tail = `,"object":"v2.core.event","type":"t","created":"2024-08-28T20:54:12Z","livemode":false}`
	from := func(source string) events.SQSMessage {
		return message("m", testbed.Delivered(source, "t", thin("evt_1", meterType)))
	}
	tests := []struct {
		name      string
		message   events.SQSMessage
		reason    string
		announced bool
	}{
		{"shortest", message("m", " "), "malformed", false},
		{"text", message("m", "marker_text"), "malformed", false},
		{"array", message("m", "[]"), "malformed", false},
		{"no created", record("m", `{"id":"evt_1","object":"v2.core.event","type":"t","livemode":false}`), "malformed", true},
		{"own failure in a thin envelope", record("m", `{"event_id":"evt_1","type":"t","reason":"malformed"}`), "malformed", false},
		{"no source", message("m", "{}"), "wrong_source", false},
		{"no detail", message("m", `{"source":"stripe.thin"}`), "malformed", false},
		{"detail is text", record("m", `"marker_detail"`), "malformed", false},
		{"snapshot", record("m", `{"id":"evt_1","object":"event","type":"t"}`), "malformed", true},
		{"no id", record("m", `{"object":"v2.core.event"`+tail[strings.Index(tail, `,"type"`):]), "malformed", false},
		{"dots", record("m", `{"id":".."`+tail), "unsafe", true},
		{"control character", record("m", `{"id":"evt_\u0000\n"`+tail), "unsafe", true},
		{"context breaks the header", record("m", `{"id":"evt_1","context":"a\r\nAuthorization: b"`+tail), "unsafe", true},
		{"type of 300 characters", record("m", thin("evt_1", strings.Repeat("t", 300))), "mismatch", true},
		{"own event", from("stripe.event"), "wrong_source", false},
		{"own failure", from("stripe.failure"), "wrong_source", false},
		{"snapshot source", from("stripe.snapshot"), "wrong_source", false},
		{"another partner", from("aws.partner/stripe.company/x"), "wrong_source", false},
		{"event without an envelope", message("m", thin("evt_1", meterType)), "wrong_source", false},
		{"CloudEvents", message("m", `{"specversion":"1.0","source":"stripe.thin","data":`+thin("evt_1", meterType)+`}`), "wrong_source", false},
		{"two details", message("m", `{"source":"stripe.thin","detail":{},"detail":`+thin("evt_1", meterType)+`}`), "malformed", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, known)
			if failures := b.run(t, tt.message); len(failures) != 0 {
				t.Errorf("failed items %v, want none: it would be redelivered forever", failures)
			}
			b.wantParked(t, tt.message.Body, tt.reason)
			if announced := len(b.Events()) == 1; announced != tt.announced {
				t.Errorf("announced %v, want %v", b.Events(), tt.announced)
			}
			for _, e := range b.Events() {
				if n := len(e.DetailType); n == 0 || n > 128 {
					t.Errorf("announced with a detail type of %d characters, which EventBridge refuses", n)
				}
			}
			b.Output(t)
		})
	}
}

func TestHostileIDStaysAPathElement(t *testing.T) {
	t.Parallel()
	b := newBed(t, answers(404, ""))
	b.run(t, record("m", thin("../../v1/customers", meterType)), record("n", thin("//evil.test/é?x=1#y", meterType)))
	want := []testbed.Request{{
		Path: "/v2/core/events/%2F%2Fevil.test%2F%C3%A9%3Fx%3D1%23y", Key: apiKey, Context: "acct_1/acct_2", Version: "2026-10-28.endive",
		Trigger: "event=%2F%2Fevil.test%2F%C3%A9%3Fx%3D1%23y",
	}}
	if diff := cmp.Diff(want, b.Requests()); diff != "" {
		t.Errorf("requests: -want +got:\n%s", diff)
	}
	b.wantParked(t, testbed.Delivered("stripe.thin", "t", thin("../../v1/customers", meterType)), "unsafe")
}

func TestFailedEntryDoesNotFailTheOthers(t *testing.T) {
	t.Parallel()
	b := newBed(t, func(w http.ResponseWriter, r *http.Request) {
		id := path.Base(r.URL.Path)
		_, _ = io.WriteString(w, full(id, id))
	})
	b.Refuse("AccessDeniedException", testbed.EventID("denied"))
	b.Refuse("MalformedDetail", testbed.EventID("odd"))
	got := b.run(t, record("1", thin("fine", "fine")), record("2", thin("denied", "denied")), record("3", thin("odd", "odd")), record("4", thin("good", "good")))
	if diff := cmp.Diff([]string{"2"}, got); diff != "" {
		t.Errorf("failed items: -want +got:\n%s", diff)
	}
	var sources []string
	for _, e := range b.Events() {
		sources = append(sources, e.Source+" "+e.DetailType)
	}
	if diff := cmp.Diff([]string{"stripe.event fine", "stripe.event good", "stripe.failure odd"}, sources); diff != "" {
		t.Errorf("bus: -want +got:\n%s", diff)
	}
	b.wantParked(t, testbed.Delivered("stripe.thin", "t", thin("odd", "odd")), "not_carried")
}

func TestBigEventIsParkedAlone(t *testing.T) {
	t.Parallel()
	b := newBed(t, func(w http.ResponseWriter, r *http.Request) {
		id := path.Base(r.URL.Path)
		pad := map[bool]int{true: 1 << 20, false: 1}[id == "evt_big"]
		_, _ = io.WriteString(w, strings.TrimSuffix(thin(id, "t"), "}")+`,"data":{"pad":"`+strings.Repeat("x", pad)+`"}}`)
	})
	if got := b.run(t, record("1", thin("evt_1", "t")), record("2", thin("evt_big", "t"))); len(got) != 0 {
		t.Errorf("failed items %v, want none", got)
	}
	b.wantParked(t, testbed.Delivered("stripe.thin", "t", thin("evt_big", "t")), "too_large")
	if got := b.Events(); len(got) != 2 {
		t.Errorf("published %d, want the small event and the big one's failure", len(got))
	}
}

func TestRecordIsDeferredIfParkingFails(t *testing.T) {
	t.Parallel()
	b := newBed(t, known)
	b.Fail("sqs", &awsjson.Error{Status: http.StatusForbidden, Code: "AccessDenied"})
	if diff := cmp.Diff([]string{"m"}, b.run(t, message("m", "{"), record("n", thin("evt_1", meterType)))); diff != "" {
		t.Errorf("failed items: -want +got:\n%s", diff)
	}
	if got := b.Events(); len(got) != 1 || got[0].Source != bus.SourceEvent {
		t.Errorf("bus has %v, want the good event and no announcement of a record that is not parked", got)
	}
	_, metrics := b.Output(t)
	if metrics.Sum("Deferred", "not_parked") != 1 || metrics.Sum("SideEffectFailed", "defer") != 1 {
		t.Errorf("metrics %v, want one Deferred by not_parked and one SideEffectFailed by defer", metrics)
	}
}

// A record is not given up while the bus refuses its announcement, unless the refusal is final or
// the queue would soon delete the message.
func TestRecordIsParkedOnceItIsAnnounced(t *testing.T) {
	t.Parallel()
	old := record("m", `{"id":"evt_1","type":"t"}`)
	old.Attributes["SentTimestamp"] = fmt.Sprint(start.Add(-maxAge).UnixMilli())
	for name, tt := range map[string]struct {
		code   string
		record events.SQSMessage
		parked bool
	}{
		"temporary":                       {"InternalFailure", record("m", `{"id":"evt_1","type":"t"}`), false},
		"an operator can end it":          {"AccessDeniedException", record("m", `{"id":"evt_1","type":"t"}`), false},
		"for good":                        {"InvalidArgument", record("m", `{"id":"evt_1","type":"t"}`), true},
		"for almost as long as SQS keeps": {"AccessDeniedException", old, true},
	} {
		b := newBed(t, known)
		b.Refuse(tt.code, testbed.Source(bus.SourceFailure))
		failed, letters := b.run(t, tt.record), b.Letters(t)
		_, metrics := b.Output(t)
		if parked := len(failed) == 0 && len(letters) == 1 && metrics.Sum("SideEffectFailed", "announce") == 1; parked != tt.parked {
			t.Errorf("%s: failed items %v with letters %v and metrics %v, want parked %v", name, failed, letters, metrics, tt.parked)
		}
		if deferred := len(letters) == 0 && metrics.Sum("Deferred", "not_announced") == 1; deferred == tt.parked {
			t.Errorf("%s: letters %v and metrics %v, want deferred %v", name, letters, metrics, !tt.parked)
		}
		b.Accept()
		tt.record.Attributes["ApproximateReceiveCount"] = "2"
		if !tt.parked {
			if failed := b.run(t, tt.record); len(failed) != 0 || len(b.Letters(t)) != 1 || len(b.Events()) != 1 {
				t.Errorf("%s, then accepted: failed items %v, letters %v, bus %v, want one of each", name, failed, b.Letters(t), b.Events())
			}
		}
	}
}

func TestEventIsFetchedWithTheKeyOfItsMode(t *testing.T) {
	t.Parallel()
	b := newBed(t, known)
	live := strings.Replace(thin("evt_live", meterType), `"livemode":false`, `"livemode":true`, 1)
	b.run(t, record("m", live)) // a plain key serves both modes
	b.PutSecret(t, testbed.APIKey, `{"live":"`+liveKey+`"}`)
	b.SetNow(start.Add(6 * time.Minute))
	again := strings.Replace(live, "evt_live", "evt_live_2", 1)
	got := b.run(t, record("live", again), record("test", thin("evt_test", meterType)))
	if diff := cmp.Diff([]string{"test"}, got); diff != "" {
		t.Errorf("failed items, for want of a test key: -want +got:\n%s", diff)
	}
	var keys []string
	for _, r := range b.Requests() {
		keys = append(keys, r.Key)
	}
	if diff := cmp.Diff([]string{apiKey, liveKey}, keys); diff != "" {
		t.Errorf("keys sent: -want +got:\n%s", diff)
	}
	_, metrics := b.Output(t)
	if metrics.Sum("StripeAuthError", "") != 1 || metrics.Sum("Deferred", "auth") != 1 {
		t.Errorf("metrics %v, want one StripeAuthError, deferred", metrics)
	}
}

func TestReplacedKeyIsReadAfterA401(t *testing.T) {
	t.Parallel()
	b := newBed(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+newKey {
			w.WriteHeader(401)
			return
		}
		known(w, r)
	})
	b.PutSecret(t, testbed.APIKey, newKey)
	b.SetNow(start.Add(time.Minute))
	if got := b.run(t, record("m", thin("evt_1", meterType))); len(got) != 1 {
		t.Errorf("failed items %v, want the one whose key was refused", got)
	}
	if got := b.run(t, record("m", thin("evt_1", meterType))); len(got) != 0 || b.SecretReads(t) != 2 {
		t.Errorf("failed items %v after %d reads of the key, want none after 2", got, b.SecretReads(t))
	}
}

func TestEventWithoutRecordsIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := newBed(t, known).handler.Handle(t.Context(), events.SQSEvent{}); !errors.Is(err, errNoBatch) {
		t.Errorf("handle of nothing: %v, want %v", err, errNoBatch)
	}
}
