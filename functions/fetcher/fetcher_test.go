package fetcher

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/awstest"
	"github.com/meterbridge/meterbridge/internal/bus"
)

func TestBatch(t *testing.T) {
	t.Parallel()
	s := newStack(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "evt_limited") {
			w.WriteHeader(429)
			return
		}
		known(w, r)
	})
	native := record("native", thin("evt_native", meterType))
	native.Body = strings.Replace(native.Body, "stripe.thin", "aws.partner/stripe.com/ed_1", 1)
	native.Attributes["AWSTraceHeader"] = "Root=1-2"
	malformed := record("malformed", `{"id":"evt_odd","type":"odd"}`)
	got := s.run(t, record("own", thin("evt_own", meterType)), malformed, native, record("limited", thin("evt_limited", meterType)))
	if diff := cmp.Diff([]string{"limited"}, got); diff != "" {
		t.Errorf("failed items: -want +got:\n%s", diff)
	}
	wantBus := []busEvent{
		{"bus", "stripe.event", meterType, full("evt_own", meterType), "", []string{"mtr_1"}},
		{"bus", "stripe.event", meterType, full("evt_native", meterType), "Root=1-2", []string{"mtr_1"}},
		{"bus", "stripe.failure", "odd", `{"event_id":"evt_odd","type":"odd","context":"","reason":"malformed","status":0,"attempts":1,` +
			`"first_seen":"2026-11-22T08:00:00Z","last_error":"record is not an EventBridge event with a thin event in it: stripe event: wrong kind of object: \"object\" member is not \"v2.core.event\""}`, "", nil},
	}
	if diff := cmp.Diff(wantBus, s.published); diff != "" {
		t.Errorf("bus: -want +got:\n%s", diff)
	}
	wantDeferred := []visibility{{"https://sqs.test/1/fetch", "receipt of limited", 30}}
	if diff := cmp.Diff(wantDeferred, s.deferred); diff != "" {
		t.Errorf("deferred: -want +got:\n%s", diff)
	}
	if len(s.parked) != 1 || s.parked[0].QueueUrl != "https://sqs.test/1/dead" || s.parked[0].MessageBody != malformed.Body {
		t.Errorf("parked %v, want the malformed record, unchanged", s.parked)
	}
	logs, metrics := s.told(t)
	if len(logs) != 4 {
		t.Errorf("%d log lines, want one for each record: %v", len(logs), logs)
	}
	for name, want := range map[string]float64{"Emitted": 2, "Parked": 1, "Deferred": 1, "StripeRateLimited": 1, "StripeAuthError": 0} {
		if got := metric(metrics, name, ""); got != want {
			t.Errorf("metric %s = %v, want %v", name, got, want)
		}
	}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	s := newStack(t, known)
	s.run(t, record("m", thin("evt_1", meterType)))
	want := []request{{"/v2/core/events/evt_1", apiKey, "acct_1/acct_2", "2026-09-30.endive", "event=evt_1"}}
	if diff := cmp.Diff(want, s.requests); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWhatStripeAnswers(t *testing.T) {
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
		{name: "no JSON", status: 200, body: "<html>", receives: 9, outcome: deferred, reason: "unavailable", delay: 3600},
		{name: "another object", status: 200, body: `{"object":"list"}`, outcome: deferred, reason: "no_event", delay: 30},
		{name: "another object to the end", status: 200, body: `{"object":"list"}`, receives: 5, outcome: parked, reason: "no_event"},
		{name: "another id", status: 200, body: full("evt_2", meterType), outcome: parked, reason: "mismatch"},
		{name: "another type", status: 200, body: full("evt_1", other), outcome: parked, reason: "mismatch"},
		{name: "meter event without data", status: 200, body: noData, outcome: parked, reason: "invalid_data"},
		{name: "meter event with odd data", status: 200, body: strings.Replace(full("evt_1", meterType), `"error_count":1`, `"error_count":"many"`, 1), outcome: parked, reason: "invalid_data"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t, answers(tt.status, tt.body))
			if tt.eventType == "" {
				tt.eventType = meterType
			}
			s.tried(t, "evt_1", tt.receives-1)
			failures := s.run(t, received(max(tt.receives, 1), record("m", thin("evt_1", tt.eventType))))
			logs, metrics := s.told(t)
			if logs[0]["outcome"] != string(tt.outcome) || tt.reason != "" && logs[0]["reason"] != tt.reason {
				t.Errorf("log %v, want outcome %s, reason %s", logs[0], tt.outcome, tt.reason)
			}
			if (len(failures) == 1) != (tt.outcome == deferred) || len(s.requests) != 1 {
				t.Errorf("failed items %v after %d requests", failures, len(s.requests))
			}
			if auth := metric(metrics, "StripeAuthError", ""); (auth == 1) != (tt.reason == "auth") {
				t.Errorf("metric StripeAuthError = %v", auth)
			}
			switch tt.outcome {
			case emitted:
				if len(s.published) != 1 || s.published[0].Detail != tt.body || s.published[0].DetailType != tt.eventType {
					t.Errorf("bus has %v, want the event as fetched", s.published)
				}
			case deferred:
				if len(s.deferred) != 1 || s.deferred[0].VisibilityTimeout != tt.delay || len(s.published) != 0 {
					t.Errorf("deferred %v with %v on the bus, want a delay of %d s and an empty bus", s.deferred, s.published, tt.delay)
				}
			case parked:
				s.wantParked(t, tt.reason, tt.status)
			}
		})
	}
}

// wantParked checks the dead letter of evt_1, and its announcement.
func (s *stack) wantParked(t *testing.T, reason string, status int) {
	t.Helper()
	if len(s.parked) != 1 || len(s.published) != 1 || s.published[0].Source != bus.SourceFailure {
		t.Fatalf("parked %v and published %v, want one dead letter and one failure", s.parked, s.published)
	}
	attributes := s.parked[0].MessageAttributes
	for name, want := range map[string]string{"reason": reason, "event_id": "evt_1", "type": meterType, "context": "acct_1/acct_2", "first_seen": "2026-11-22T08:00:00Z"} {
		if attributes[name].StringValue != want {
			t.Errorf("attribute %s = %q, want %q", name, attributes[name].StringValue, want)
		}
	}
	if status == 200 {
		status = 0 // an answer that is no error tells nothing of why
	}
	if got, want := attributes["status"].StringValue, strconv.Itoa(status); got != want {
		t.Errorf("attribute status = %q, want %q", got, want)
	}
	if s.published[0].DetailType != meterType || !strings.Contains(s.published[0].Detail, `"reason":"`+reason+`"`) {
		t.Errorf("announced %v, want %s of type %s", s.published[0], reason, meterType)
	}
}

func TestRecordsThatAreNothingToFetch(t *testing.T) {
	t.Parallel()
	const tail = `,"object":"v2.core.event","type":"t","created":"2024-08-28T20:54:12Z","livemode":false}`
	from := func(source string) events.SQSMessage {
		m := record("m", thin("evt_1", meterType))
		m.Body = strings.Replace(m.Body, "stripe.thin", source, 1)
		return m
	}
	tests := []struct {
		name      string
		message   events.SQSMessage
		reason    string
		announced bool
	}{
		{"empty", message("m", ""), "malformed", false},
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
		{"somebody else's", from("aws.partner/stripe.company/x"), "wrong_source", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t, known)
			if failures := s.run(t, tt.message); len(failures) != 0 {
				t.Errorf("failed items %v, want none: it would come back for ever", failures)
			}
			if len(s.parked) != 1 || s.parked[0].MessageBody != tt.message.Body || s.parked[0].MessageAttributes["reason"].StringValue != tt.reason {
				t.Errorf("parked %v, want the record with reason %s", s.parked, tt.reason)
			}
			if announced := len(s.published) == 1; announced != tt.announced {
				t.Errorf("announced %v, want %v", s.published, tt.announced)
			}
			for _, e := range s.published {
				if n := len(e.DetailType); n == 0 || n > 128 {
					t.Errorf("announced with a detail type of %d characters, which EventBridge refuses", n)
				}
			}
			s.told(t)
		})
	}
}

func TestHostileIDStaysAPathElement(t *testing.T) {
	t.Parallel()
	s := newStack(t, answers(404, ""))
	s.run(t, record("m", thin("../../v1/customers", meterType)), record("n", thin("//evil.test/é?x=1#y", meterType)))
	want := []request{{"/v2/core/events/%2F%2Fevil.test%2F%C3%A9%3Fx%3D1%23y", apiKey, "acct_1/acct_2", "2026-09-30.endive", "event=%2F%2Fevil.test%2F%C3%A9%3Fx%3D1%23y"}}
	if diff := cmp.Diff(want, s.requests); diff != "" {
		t.Errorf("requests: -want +got:\n%s", diff)
	}
	if len(s.parked) != 1 || s.parked[0].MessageAttributes["reason"].StringValue != "unsafe" {
		t.Errorf("parked %v, want the id with dots", s.parked)
	}
}

func TestEntriesFailAlone(t *testing.T) {
	t.Parallel()
	s := newStack(t, func(w http.ResponseWriter, r *http.Request) {
		id := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		_, _ = io.WriteString(w, full(id, id))
	})
	s.refuse = map[string]string{"denied": "AccessDeniedException", "odd": "MalformedDetail"}
	got := s.run(t, record("1", thin("fine", "fine")), record("2", thin("denied", "denied")), record("3", thin("odd", "odd")), record("4", thin("good", "good")))
	if diff := cmp.Diff([]string{"2"}, got); diff != "" {
		t.Errorf("failed items: -want +got:\n%s", diff)
	}
	var sources []string
	for _, e := range s.published {
		sources = append(sources, e.Source+" "+e.DetailType)
	}
	if diff := cmp.Diff([]string{"stripe.event fine", "stripe.event good", "stripe.failure odd"}, sources); diff != "" {
		t.Errorf("bus: -want +got:\n%s", diff)
	}
	if len(s.parked) != 1 || s.parked[0].MessageAttributes["reason"].StringValue != "not_carried" {
		t.Errorf("parked %v, want the odd one as not_carried", s.parked)
	}
}

func TestBigEventIsParkedAlone(t *testing.T) {
	t.Parallel()
	s := newStack(t, func(w http.ResponseWriter, r *http.Request) {
		id := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		pad := map[bool]int{true: 1 << 20, false: 1}[id == "evt_big"]
		_, _ = io.WriteString(w, strings.TrimSuffix(thin(id, "t"), "}")+`,"data":{"pad":"`+strings.Repeat("x", pad)+`"}}`)
	})
	if got := s.run(t, record("1", thin("evt_1", "t")), record("2", thin("evt_big", "t"))); len(got) != 0 {
		t.Errorf("failed items %v, want none", got)
	}
	if len(s.published) != 2 || len(s.parked) != 1 || s.parked[0].MessageAttributes["reason"].StringValue != "too_large" {
		t.Errorf("published %d and parked %v, want the small event, the big one's failure and the big one as too_large", len(s.published), s.parked)
	}
}

func TestParkingFails(t *testing.T) {
	t.Parallel()
	s := newStack(t, known)
	s.sqsError = &awstest.Error{Status: 403, Code: "AccessDenied", Message: "not you"}
	if diff := cmp.Diff([]string{"m"}, s.run(t, message("m", "{"), record("n", thin("evt_1", meterType)))); diff != "" {
		t.Errorf("failed items: -want +got:\n%s", diff)
	}
	if len(s.published) != 1 || s.published[0].Source != bus.SourceEvent {
		t.Errorf("bus has %v, want the good event and no announcement of what is not parked", s.published)
	}
	_, metrics := s.told(t)
	if metric(metrics, "Deferred", "not_parked") != 1 || metric(metrics, "SideEffectFailed", "defer") != 1 {
		t.Errorf("metrics %v, want one Deferred by not_parked and one SideEffectFailed by defer", metrics)
	}
}

func TestAnnouncementFails(t *testing.T) {
	t.Parallel()
	s := newStack(t, known)
	s.refuse = map[string]string{"stripe.failure": "AccessDeniedException"}
	if got := s.run(t, record("m", `{"id":"evt_1","type":"t"}`)); len(got) != 0 || len(s.parked) != 1 {
		t.Errorf("failed items %v with %d parked, want none with 1", got, len(s.parked))
	}
	_, metrics := s.told(t)
	if metric(metrics, "SideEffectFailed", "announce") != 1 || metric(metrics, "Parked", "malformed") != 1 {
		t.Errorf("metrics %v, want SideEffectFailed by announce and Parked by malformed", metrics)
	}
}

func TestKeyByMode(t *testing.T) {
	t.Parallel()
	s := newStack(t, known)
	live := strings.Replace(thin("evt_live", meterType), `"livemode":false`, `"livemode":true`, 1)
	s.run(t, record("m", live)) // a plain key serves both modes
	s.mu.Lock()
	s.secret, s.now = `{"live":"`+liveKey+`"}`, start.Add(6*60e9)
	s.mu.Unlock()
	again := strings.Replace(live, "evt_live", "evt_live_2", 1)
	got := s.run(t, record("live", again), record("test", thin("evt_test", meterType)))
	if diff := cmp.Diff([]string{"test"}, got); diff != "" {
		t.Errorf("failed items, for want of a test key: -want +got:\n%s", diff)
	}
	var keys []string
	for _, r := range s.requests {
		keys = append(keys, r.Key)
	}
	if diff := cmp.Diff([]string{apiKey, liveKey}, keys); diff != "" {
		t.Errorf("keys sent: -want +got:\n%s", diff)
	}
	_, metrics := s.told(t)
	if metric(metrics, "StripeAuthError", "") != 1 || metric(metrics, "Deferred", "auth") != 1 {
		t.Errorf("metrics %v, want one StripeAuthError, deferred", metrics)
	}
}

func TestReplacedKey(t *testing.T) {
	t.Parallel()
	s := newStack(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+newKey {
			w.WriteHeader(401)
			return
		}
		known(w, r)
	})
	s.mu.Lock()
	s.secret, s.now = newKey, start.Add(60e9)
	s.mu.Unlock()
	if got := s.run(t, record("m", thin("evt_1", meterType))); len(got) != 1 {
		t.Errorf("failed items %v, want the one whose key was refused", got)
	}
	if got := s.run(t, record("m", thin("evt_1", meterType))); len(got) != 0 || s.looks != 2 {
		t.Errorf("failed items %v after %d looks at the key, want none after 2", got, s.looks)
	}
}

func TestNoBatch(t *testing.T) {
	t.Parallel()
	if _, err := newStack(t, known).fetcher.Handle(t.Context(), events.SQSEvent{}); !errors.Is(err, errNoBatch) {
		t.Errorf("handle of nothing: %v, want %v", err, errNoBatch)
	}
}
