package guarantees_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// TestThinEventIsEmittedInFull checks the main path for each type that has a sample.
func TestThinEventIsEmittedInFull(t *testing.T) {
	t.Parallel()
	h := newHarness(t, setup{})
	ids := map[string]string{
		"error_report_triggered": "evt_test_report", "no_meter_found": "evt_test_no_meter", "ping": "evt_test_ping",
	}
	for name, id := range ids {
		if status := h.deliverSigned(h.sample(name, id).Thin); status != http.StatusOK {
			t.Errorf("%s: answered %d, want 200\n%s", name, status, h.Text(activity.Logged))
		}
	}
	h.waitIdle()
	for name, id := range ids {
		details := h.put(full)[id]
		if len(details) != 1 {
			t.Errorf("%s: %d full events, want 1\n%s", name, len(details), h.Text(activity.Logged))
			continue
		}
		if _, err := v2events.ParseEvent(details[0]); err != nil {
			t.Errorf("%s: the full event does not parse: %v", name, err)
		}
	}
}

// TestBinaryBodyIsVerified: API Gateway encodes bodies of binary types in base64, and the signature
// is over the bytes.
func TestBinaryBodyIsVerified(t *testing.T) {
	t.Parallel()
	h := newHarness(t, setup{})
	body := h.sample("ping", "evt_test_binary").Thin
	status, answer := h.post(body, http.Header{
		"Content-Type": {"application/octet-stream"}, "stripe-SIGNATURE": {signingSecret.Sign(body, time.Now())},
	})
	if status != http.StatusOK {
		t.Errorf("answered %d %s, want 200\n%s", status, answer, h.Text(activity.Logged))
	}
	if status := h.deliverSigned(append(body, make([]byte, 1_000_000)...)); status != http.StatusRequestEntityTooLarge {
		t.Errorf("a body over 1,000,000 bytes: answered %d, want 413", status)
	}
}

// TestRuleAddsTypesToFetch: a rule with the queue as its target is enough to fetch another type.
func TestRuleAddsTypesToFetch(t *testing.T) {
	t.Parallel()
	const rule = `
  AccountRule:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !GetAtt EventBus.Name
      EventPattern: {source: [stripe.thin], detail-type: [{prefix: v2.core.account}]}
      Targets: [{Id: FetchQueue, Arn: !GetAtt FetchQueue.Arn}]
`
	h := newHarness(t, setup{change: func(o *aws.Options) { o.Template = withResources(t, rule) }})
	for id, eventType := range map[string]string{"evt_test_wanted": "v2.core.account[requirements].updated", "evt_test_other": "v1.customer.created"} {
		body := fmt.Appendf(nil, `{"id":%q,"object":"v2.core.event","type":%q,"created":%q,"livemode":false}`, id, eventType, time.Now().UTC().Format(time.RFC3339))
		if err := h.sandbox.Learn(body); err != nil {
			t.Fatal(err)
		}
		if status := h.deliverSigned(body); status != http.StatusOK {
			t.Errorf("%s: answered %d, want 200", id, status)
		}
	}
	h.waitIdle()
	if got := h.put(full); len(got) != 1 || len(got["evt_test_wanted"]) != 1 {
		t.Errorf("full events %v, want evt_test_wanted only\n%s", got, h.Text(activity.Logged))
	}
}

// TestUnknownEventIsParked attacks guarantee 3: after a few 404s from Stripe the event is parked
// and announced. By the stack's clock, which skips all waits, that takes minutes.
func TestUnknownEventIsParked(t *testing.T) {
	t.Parallel()
	h := newHarness(t, setup{})
	h.deliverSigned([]byte(`{"id":"evt_missing_1","object":"v2.core.event","type":"v2.core.event_destination.ping","created":"2026-01-02T03:04:05Z","livemode":false}`))
	h.waitIdle()
	parked, stored := h.Steps(activity.Parked), h.Steps(activity.Put)
	if len(parked) != 1 || parked[0].Name != "DeadLetters" || parked[0].EventID != "evt_missing_1" {
		t.Fatalf("parked = %+v, want evt_missing_1 in DeadLetters\n%s", parked, h.Text(activity.Logged))
	}
	if took := parked[0].Time.Sub(stored[0].Time); took < 5*time.Minute {
		t.Errorf("parked %v after it was stored by the stack's clock, want the minutes that all its waits add up to", took)
	}
	if got := h.put("stripe.failure")["evt_missing_1"]; len(got) != 1 {
		t.Errorf("%d stripe.failure events, want 1: %s", len(got), got)
	}
}

// TestMissingSecretFailsAtStart, before any request is accepted.
func TestMissingSecretFailsAtStart(t *testing.T) {
	t.Parallel()
	h := &harness{t: t}
	_, err := aws.Open(t.Context(), &aws.Options{
		Template: filepath.Join(root(t), "template.yaml"), Listen: "127.0.0.1:0", BuildDir: t.TempDir(),
		Observer: &h.History,
	})
	if err == nil || !strings.Contains(h.Text(activity.Logged), "secret") {
		t.Errorf("Open = %v, want an error, and a log that mentions the secret:\n%s", err, h.Text(activity.Logged))
	}
}
