package webhook

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	awsbus "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge"
	"github.com/meterbridge/meterbridge/internal/lambdahttp"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/internal/telemetry"
	"github.com/meterbridge/meterbridge/internal/testbed"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// The bed fails a test whose logs contain one of these.
const (
	signingSecret = stripesig.Secret("whsec_marker_secret_0123456789abcdef")
	rolledSecret  = stripesig.Secret("whsec_marker_rolled_0123456789abcdef")
)

const thinBody = `{"id":"evt_test_1", "object":"v2.core.event", "type":"v1.billing.meter.error_report_triggered",` +
	` "created":"2024-08-28T20:54:12.051Z", "livemode":false, "new_member":"marker_body é",` +
	` "related_object":{"id":"mtr_1","type":"billing.meter","url":"/v1/billing/meters/mtr_1"}}` + "\n"

var start = testbed.Start

// webhook is a Handler on a bed, as Lambda invokes it.
type webhook struct {
	*testbed.Bed
	handler lambda.Handler
}

func newWebhook(t testing.TB) webhook {
	t.Helper()
	b := testbed.New(t, nil)
	b.PutSecret(t, testbed.SigningSecret, string(signingSecret))
	metrics := b.Metrics("webhook")
	unusable := metrics.OnError(b.Log(), telemetry.SecretUnusable, "signing_secret", "signing secret is unusable")
	c := config.Webhook{SignatureTolerance: stripesig.DefaultTolerance, PreviousSecretFor: 24 * time.Hour}
	verifiers := secret.New(secretsmanager.NewFromConfig(b.AWS), testbed.SigningSecret, BuildVerifier(c, b.Now, unusable),
		&secret.Options{Now: b.Now, OnStale: metrics.OnError(b.Log(), telemetry.SecretStale, "", "signing secret is stale"), OnUnusable: unusable})
	if _, err := verifiers.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	h := New(Parts{
		Verifiers: verifiers, Bus: bus.New(awsbus.NewFromConfig(b.AWS), testbed.BusName, nil), Now: b.Now, Log: b.Log(), Metrics: metrics,
	})
	return webhook{b, lambda.NewHandler(h)}
}

// delivery returns an HTTP API event with a genuine signature.
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

// sameBytes compares details as strings: cmp would compare a megabyte byte by byte.
var sameBytes = cmp.Comparer(func(a, b json.RawMessage) bool { return bytes.Equal(a, b) })

// deliver returns the status and the code of the answer.
func (w webhook) deliver(t *testing.T, event any) (int, string) {
	t.Helper()
	payload, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	out, err := w.handler.Invoke(t.Context(), payload)
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

// largest is the size of the largest [padded] body that fits into an entry with its source and
// type.
const largest = 1_000_000 - len("stripe.thin") - len("t")

// padded returns an authentic thin event of n bytes.
func padded(n int) string {
	const head, tail = `{"id":"evt_1","object":"v2.core.event","type":"t","pad":"`, `"}`
	return head + strings.Repeat("x", n-len(head)-len(tail)) + tail
}

func TestRefusedDeliveryStoresNothing(t *testing.T) {
	t.Parallel()
	get := delivery(thinBody)
	get.RequestContext.HTTP.Method = "GET"
	unsigned := delivery(thinBody)
	unsigned.Headers = nil
	undecodable := delivery("{marker_body}")
	undecodable.IsBase64Encoded = true
	genuine := signingSecret.Sign([]byte(thinBody), start)
	tests := []struct {
		name   string
		event  any
		status int
		code   string
		metric string
		reason any
	}{
		{"method", get, 405, "method_not_allowed", "RequestRefused", "method"},
		{"one byte over the size", delivery(padded(maxBody + 1)), 413, "too_large", "RequestRefused", "too_large"},
		{"one byte over, base64", encoded(delivery(padded(maxBody + 1))), 413, "too_large", "RequestRefused", "too_large"},
		{"too large and unsigned", signedWith("", padded(maxBody+1)), 413, "too_large", "RequestRefused", "too_large"},
		{"not base64", undecodable, 400, "bad_encoding", "RequestRefused", "encoding"},
		{"no header", unsigned, 400, "invalid_signature", "SignatureInvalid", "missing"},
		{"garbage header", signedWith("marker_header", thinBody), 400, "invalid_signature", "SignatureInvalid", "malformed"},
		{"only v0", signedWith("t=1,v0=ab", thinBody), 400, "invalid_signature", "SignatureInvalid", "no_signature"},
		{"another secret", signedWith(rolledSecret.Sign([]byte(thinBody), start), thinBody), 400, "invalid_signature", "SignatureInvalid", "mismatch"},
		{"one byte changed", signedWith(genuine, strings.TrimSpace(thinBody)), 400, "invalid_signature", "SignatureInvalid", "mismatch"},
		{"stale", signedWith(signingSecret.Sign([]byte(thinBody), start.Add(-5*time.Minute-time.Second)), thinBody), 400, "invalid_signature", "SignatureInvalid", "expired"},
		{"forged, and not JSON", signedWith(genuine, "{marker_body"), 400, "invalid_signature", "SignatureInvalid", "mismatch"},
		{"empty", delivery(""), 400, "not_an_event", "NotAnEvent", nil},
		{"not JSON", delivery("{marker_body"), 400, "not_an_event", "NotAnEvent", nil},
		{"JSON and more", delivery(thinBody + "{}"), 400, "not_an_event", "NotAnEvent", nil},
		{"null", delivery("null"), 400, "not_an_event", "NotAnEvent", nil},
		{"array", delivery("[" + thinBody + "]"), 400, "not_an_event", "NotAnEvent", nil},
		{"not UTF-8", encoded(delivery(`{"id":"evt_1","object":"v2.core.event","type":"t","x":"` + "\xff" + `"}`)), 400, "not_an_event", "NotAnEvent", nil},
		{"another object", delivery(`{"id":"cus_1","object":"customer","type":"t"}`), 400, "not_an_event", "NotAnEvent", nil},
		{"no object", delivery(`{"id":"evt_1","type":"t"}`), 400, "not_an_event", "NotAnEvent", nil},
		{"another case", delivery(`{"ID":"evt_1","Object":"event","Type":"t"}`), 400, "not_an_event", "NotAnEvent", nil},
		{"no id", delivery(`{"object":"v2.core.event","type":"t"}`), 400, "not_an_event", "NotAnEvent", nil},
		{"no type", delivery(`{"id":"evt_1","object":"event","type":""}`), 400, "not_an_event", "NotAnEvent", nil},
		{"type is not a string", delivery(`{"id":"evt_1","object":"event","type":1}`), 400, "not_an_event", "NotAnEvent", nil},
		{"one byte more than an entry has room for", delivery(padded(largest + 1)), 413, "too_large", "TooLarge", nil},
		{"as large as a body may be", delivery(padded(maxBody)), 413, "too_large", "TooLarge", nil},
		{"signed for after the function's clock", signedWith(signingSecret.Sign([]byte(thinBody), start.Add(5*time.Minute+time.Second)), thinBody), 400, "invalid_signature", "SignatureInvalid", "future"},
		{"signed for years ahead", signedWith(signingSecret.Sign([]byte(thinBody), start.AddDate(3, 0, 0)), thinBody), 400, "invalid_signature", "SignatureInvalid", "future"},
		{"type too long for the bus", delivery(`{"id":"evt_1","object":"event","type":"` + strings.Repeat("t", 129) + `"}`), 503, "not_stored", "NotStored", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWebhook(t)
			if status, code := w.deliver(t, tt.event); status != tt.status || code != tt.code {
				t.Errorf("answer %d %s, want %d %s", status, code, tt.status, tt.code)
			}
			if len(w.Events()) != 0 {
				t.Errorf("the bus has %v", w.Events())
			}
			logs, metrics := w.Output(t)
			if len(logs) != 1 || logs[0]["outcome"] != tt.code || logs[0]["reason"] != tt.reason {
				t.Errorf("log %v, want one line with outcome %s and reason %v", logs, tt.code, tt.reason)
			}
			if len(metrics) != 1 || metrics[0][tt.metric] != 1.0 || metrics[0]["Reason"] != tt.reason {
				t.Errorf("metrics %v, want %s by reason %v", metrics, tt.metric, tt.reason)
			}
		})
	}
}

func TestAuthenticEventIsStoredByteForByte(t *testing.T) {
	t.Parallel()
	rest := events.APIGatewayProxyRequest{
		HTTPMethod: "POST", Body: thinBody, Headers: map[string]string{"STRIPE-Signature": signingSecret.Sign([]byte(thinBody), start)},
	}
	const thinType = "v1.billing.meter.error_report_triggered"
	plain := func(source, eventType, body string, resources ...string) eventbridge.Entry {
		return eventbridge.Entry{Bus: testbed.BusName, Source: source, DetailType: eventType, Detail: json.RawMessage(body), Resources: resources}
	}
	thin := plain("stripe.thin", thinType, thinBody, "mtr_1")
	snapshot := ` { "object":"event", "id":"evt_1", "type":"invoice.paid", "data":{"object":{"id":"in_1","total":1.0}} }`
	bare := func(related string) string {
		return `{"id":"evt_1","object":"v2.core.event","type":"v2.core.account[requirements].updated","related_object":` + related + `}`
	}
	odd := func(related string) eventbridge.Entry {
		return plain("stripe.thin", "v2.core.account[requirements].updated", bare(related))
	}
	tests := []struct {
		name  string
		event any
		want  eventbridge.Entry
	}{
		{"thin", delivery(thinBody), thin},
		{"base64", encoded(delivery(thinBody)), thin},
		{"REST API, other case", rest, thin},
		{"oldest admissible", signedWith(signingSecret.Sign([]byte(thinBody), start.Add(-5*time.Minute)), thinBody), thin},
		{"furthest admissible ahead", signedWith(signingSecret.Sign([]byte(thinBody), start.Add(5*time.Minute)), thinBody), thin},
		{"two signatures while rolling", signedWith(rolledSecret.Sign([]byte(thinBody), start)+","+strings.SplitN(signingSecret.Sign([]byte(thinBody), start), ",", 2)[1], thinBody), thin},
		{"largest", delivery(padded(largest)), plain("stripe.thin", "t", padded(largest))},
		{"snapshot", delivery(snapshot), plain("stripe.snapshot", "invoice.paid", snapshot, "in_1")},
		{"snapshot without data", delivery(`{"object":"event","id":"e","type":"t"}`), plain("stripe.snapshot", "t", `{"object":"event","id":"e","type":"t"}`)},
		{"related object null", delivery(bare("null")), odd("null")},
		{"related object empty", delivery(bare("{}")), odd("{}")},
		{"related object without id", delivery(bare(`{"id":null,"type":"balance"}`)), odd(`{"id":null,"type":"balance"}`)},
		{"related object odd", delivery(bare(`["mtr_1"]`)), odd(`["mtr_1"]`)},
		{"hostile id", delivery(`{"id":"../v1/\u0000","object":"v2.core.event","type":"t"}`), plain("stripe.thin", "t", `{"id":"../v1/\u0000","object":"v2.core.event","type":"t"}`)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWebhook(t)
			if status, code := w.deliver(t, tt.event); status != 200 || code != "stored" {
				t.Errorf("answer %d %s, want 200 stored", status, code)
			}
			if diff := cmp.Diff([]eventbridge.Entry{tt.want}, w.Events(), sameBytes); diff != "" {
				t.Errorf("the bus: -want +got:\n%s", diff)
			}
			logs, metrics := w.Output(t)
			if len(logs) != 1 || logs[0]["event_type"] != tt.want.DetailType || logs[0]["event_id"] == nil {
				t.Errorf("log %v, want one line with id and type %s", logs, tt.want.DetailType)
			}
			if len(metrics) != 1 || metrics[0]["Stored"] != 1.0 {
				t.Errorf("metrics %v, want Stored", metrics)
			}
		})
	}
}

func TestEventThatIsNotStoredIsAnswered503(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"AccessDeniedException", "NotAuthorizedForSourceException", "MalformedDetail", "SomethingNew"} {
		w := newWebhook(t)
		w.RefuseNext(code, testbed.Any)
		if status, answer := w.deliver(t, delivery(thinBody)); status != 503 || answer != "not_stored" {
			t.Errorf("%s: answer %d %s, want 503 not_stored", code, status, answer)
		}
		logs, _ := w.Output(t)
		if logs[0]["event_id"] != "evt_test_1" || !strings.Contains(logs[0]["error"].(string), code) {
			t.Errorf("%s: log %v, want the event's id and the code", code, logs)
		}
		if status, _ := w.deliver(t, delivery(thinBody)); status != 200 || len(w.Events()) != 1 {
			t.Errorf("%s: redelivery answered %d and %d events stored, want 200 and 1", code, status, len(w.Events()))
		}
	}
}

func TestTemporaryRefusalOfTheBusIsRetried(t *testing.T) {
	t.Parallel()
	w := newWebhook(t)
	w.RefuseNext("ThrottlingException", testbed.Any)
	if status, code := w.deliver(t, delivery(thinBody)); status != 200 || len(w.Events()) != 1 {
		t.Errorf("answer %d %s with %d events stored, want 200 with 1", status, code, len(w.Events()))
	}
}

func TestBothSecretsAreAcceptedDuringARotation(t *testing.T) {
	t.Parallel()
	w := newWebhook(t)
	byRolled := signedWith(rolledSecret.Sign([]byte(thinBody), start), thinBody)
	w.PutSecret(t, testbed.SigningSecret, string(rolledSecret))
	w.SetNow(start.Add(31 * time.Second))
	if status, _ := w.deliver(t, delivery(thinBody)); status != 200 || w.SecretReads(t) != 1 {
		t.Errorf("old secret: status %d after %d reads, want 200 after the one at start", status, w.SecretReads(t))
	}
	if status, _ := w.deliver(t, byRolled); status != 200 || w.SecretReads(t) != 2 {
		t.Errorf("new secret: status %d after %d reads, want 200 after a forced one", status, w.SecretReads(t))
	}
	if status, _ := w.deliver(t, delivery(thinBody)); status != 200 {
		t.Errorf("previous secret: status %d, want 200", status)
	}
}

func TestForgeriesRarelyReadTheSecret(t *testing.T) {
	t.Parallel()
	w := newWebhook(t)
	for i := range 50 {
		w.SetNow(start.Add(time.Duration(i) * time.Second))
		if status, code := w.deliver(t, signedWith(rolledSecret.Sign([]byte(thinBody), start), thinBody)); status != 400 {
			t.Errorf("forgery was answered %d %s", status, code)
		}
	}
	if w.SecretReads(t) != 2 {
		t.Errorf("%d reads of the secret in 50 s of forgeries, want 2", w.SecretReads(t))
	}
}

func TestSecretsManagerDownKeepsTheSecret(t *testing.T) {
	t.Parallel()
	w := newWebhook(t)
	w.Fail("secretsmanager", &awsjson.Error{Status: http.StatusInternalServerError, Code: "InternalServiceError"})
	w.SetNow(start.Add(4*time.Minute + 59*time.Second))
	if status, _ := w.deliver(t, delivery(thinBody)); status != 200 {
		t.Errorf("fresh secret: status %d, want 200", status)
	}
	w.SetNow(start.Add(5 * time.Minute))
	if status, _ := w.deliver(t, delivery(thinBody)); status != 200 {
		t.Errorf("stale secret: status %d, want 200", status)
	}
	_, metrics := w.Output(t)
	if len(metrics) != 3 || metrics[1]["SecretStale"] != 1.0 {
		t.Errorf("metrics %v, want SecretStale between two Stored", metrics)
	}
}

// flood sends n forged requests in a second.
func (w webhook) flood(t *testing.T, n int) {
	t.Helper()
	for range n {
		w.deliver(t, signedWith(rolledSecret.Sign([]byte(thinBody), start), thinBody))
	}
}

// A flood of forgeries is counted to the last one, with few lines: those of a flood's start and one
// a minute. Another reason has lines of its own, so that a flood does not hide it.
func TestFloodIsCountedWithFewLines(t *testing.T) {
	t.Parallel()
	w := newWebhook(t)
	w.flood(t, 1000)
	logs, metrics := w.Output(t)
	if len(logs) != 10 || len(metrics) != 10 || metrics.Sum("SignatureInvalid", "mismatch") != 10 {
		t.Errorf("the start of a flood of 1000: %d log lines and %d with metrics, want 10 that are both", len(logs), len(metrics))
	}
	unsigned := delivery(thinBody)
	unsigned.Headers = nil
	unsigned.RequestContext.HTTP.SourceIP = "192.0.2.1"
	w.deliver(t, unsigned)
	logs, _ = w.Output(t)
	if len(logs) != 1 || logs[0]["reason"] != "missing" || logs[0]["source_ip"] != "192.0.2.1" || logs[0]["requests"] != 1.0 {
		t.Errorf("log %v, want one line with the reason missing and the sender's address", logs)
	}
	for minute := 1; minute <= 3; minute++ {
		w.SetNow(start.Add(time.Duration(minute) * time.Minute))
		w.flood(t, 1000)
		logs, metrics := w.Output(t)
		want := 1000.0 // those of the minute before, but for its line, and this one
		if minute == 1 {
			want = 991
		}
		if len(logs) != 1 || metrics.Sum("SignatureInvalid", "mismatch") != want || logs[0]["requests"] != want {
			t.Errorf("minute %d: log %v and metrics %v, want one line that counts %v", minute, logs, metrics, want)
		}
	}
	w.SetNow(start.Add(4 * time.Minute))
	if status, _ := w.deliver(t, delivery(thinBody)); status != 200 {
		t.Errorf("a delivery after the flood was answered %d, want 200", status)
	}
	logs, metrics = w.Output(t)
	if len(logs) != 1 || logs[0]["outcome"] != "stored" || logs[0]["Reason"] != nil || metrics.Sum("SignatureInvalid", "mismatch") != 999 || metrics.Sum("Stored", "") != 1 {
		t.Errorf("log %v and metrics %v, want the line of the delivery and the rest of the flood", logs, metrics)
	}
}

// Nothing is decoded of a request whose header cannot be Stripe's: this body is not base64.
func TestHeaderIsCheckedBeforeTheBodyIsDecoded(t *testing.T) {
	t.Parallel()
	for header, reason := range map[string]string{
		"": "missing", "t=1": "no_signature", "v1=ab": "malformed", strings.Repeat("v1=ab,", 2000): "malformed", strings.Repeat("v1=ab,", 40) + "t=1": "malformed",
	} {
		w := newWebhook(t)
		event := signedWith(header, "not base64")
		event.IsBase64Encoded = true
		status, code := w.deliver(t, event)
		logs, _ := w.Output(t)
		if status != 400 || code != "invalid_signature" || len(logs) != 1 || logs[0]["reason"] != reason {
			t.Errorf("header of %d bytes: answer %d %s with log %v, want 400 invalid_signature with reason %s", len(header), status, code, logs, reason)
		}
	}
}

func TestEventThatIsNotHTTPIsAnError(t *testing.T) {
	t.Parallel()
	w := newWebhook(t)
	for _, payload := range []any{events.SQSEvent{Records: []events.SQSMessage{{}}}, json.RawMessage(thinBody), nil} {
		raw, err := json.Marshal(payload)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := w.handler.Invoke(t.Context(), raw); !errors.Is(err, lambdahttp.ErrShape) {
			t.Errorf("Invoke(%s) = %s, %v, want %v", raw, out, err, lambdahttp.ErrShape)
		}
	}
}

func TestTraceHeaderIsPassedOn(t *testing.T) {
	t.Parallel()
	w := newWebhook(t)
	payload, err := json.Marshal(delivery(thinBody))
	if err != nil {
		t.Fatal(err)
	}
	var key any = "x-amzn-trace-id" // as aws-lambda-go sets it
	//lint:ignore SA1029 the key is aws-lambda-go's
	if _, err := w.handler.Invoke(context.WithValue(t.Context(), key, "Root=1-2"), payload); err != nil {
		t.Fatal(err)
	}
	if len(w.Events()) != 1 || w.Events()[0].TraceHeader != "Root=1-2" {
		t.Errorf("stored %v, want trace header Root=1-2", w.Events())
	}
}

// TestCrashPoints: the table in docs/reliability.md has a row for each of the webhook's calls.
func TestCrashPoints(t *testing.T) {
	t.Parallel()
	for after, stored := range []int{1, 2} {
		w := newWebhook(t)
		crashing := w.Crash(after, nil)
		_, _ = w.deliver(t, delivery(thinBody)) // an answer that does not reach Stripe
		if diff := cmp.Diff(testbed.CrashPoints(t, "../../docs/reliability.md", "webhook: stored"), crashing.Calls()); after > 0 && diff != "" {
			t.Errorf("calls in the table of crash points (-) and of the code (+):\n%s", diff)
		}
		w.Crash(-1, nil)
		if status, _ := w.deliver(t, delivery(thinBody)); status != 200 || len(w.Events()) != stored {
			t.Errorf("crash after %d calls: status %d and %d events on the bus, want 200 and %d", after, status, len(w.Events()), stored)
		}
	}
}
