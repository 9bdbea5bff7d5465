package guarantees_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
)

// TestEventIDIsEmittedOnce attacks guarantee 4 with deliveries that Stripe repeats because an answer was
// lost.
func TestEventIDIsEmittedOnce(t *testing.T) {
	t.Parallel()
	h := newHarness(t, setup{})
	const id = "evt_test_again"
	sample := h.sample("error_report_triggered", id)
	for range 3 {
		if status := h.deliverSigned(sample.Thin); status != http.StatusOK {
			t.Errorf("answered %d, want 200", status)
		}
	}
	h.await("the full event", func() bool { return len(h.put(full)[id]) > 0 })
	h.deliverSigned(sample.Thin)
	h.waitIdle()
	if got := h.put(full)[id]; len(got) != 1 {
		t.Errorf("emitted %d times, want once", len(got))
	}
	if got := h.put(thin)[id]; len(got) != 4 {
		t.Errorf("put on the bus %d times, want once for each delivery", len(got))
	}
}

// TestMissedDeliveriesAreFound attacks guarantee 6: an event that Stripe lists and never delivered
// is emitted in full, and one that was delivered is not emitted again.
func TestMissedDeliveriesAreFound(t *testing.T) {
	t.Parallel()
	h := newHarness(t, setup{})
	hourAgo := time.Now().Add(-time.Hour)
	ids := []string{"evt_test_missed", "evt_test_delivered"}
	var last stripe.Sample
	for _, id := range ids {
		last = stripe.Samples()[0].Renew(id, hourAgo)
		if err := h.sandbox.AddEvent(last.Full); err != nil {
			t.Fatal(err)
		}
	}
	if status := h.deliverSigned(last.Thin); status != http.StatusOK {
		t.Fatalf("answered %d, want 200", status)
	}
	h.waitIdle()
	if got := h.stack.RunSchedules(); len(got) != 1 {
		t.Fatalf("schedules %v, want the reconciler's", got)
	}
	h.waitIdle()
	for _, id := range ids {
		if got := h.put(full)[id]; len(got) != 1 {
			t.Errorf("%s was emitted %d times, want once\n%s", id, len(got), h.Text(activity.Logged))
		}
		if got := h.put(thin)[id]; len(got) != 1 {
			t.Errorf("%s was put on the bus %d times, want once", id, len(got))
		}
	}
}

// TestDisabledRuleLosesNothing attacks guarantee 6 for longer than the reconciler compares an event:
// the rule is disabled and enabled with the calls of the runbook.
func TestDisabledRuleLosesNothing(t *testing.T) {
	t.Parallel()
	h := newHarness(t, setup{})
	env := h.stack.Environment()
	client := eventbridge.New(eventbridge.Options{
		Region: env["AWS_REGION"], BaseEndpoint: aws.String(env["AWS_ENDPOINT_URL"]),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: env["AWS_ACCESS_KEY_ID"], SecretAccessKey: env["AWS_SECRET_ACCESS_KEY"]}, nil
		}),
	})
	bus, rule := aws.String("meterbridge"), aws.String("meterbridge-FetchRule")
	if _, err := client.DisableRule(t.Context(), &eventbridge.DisableRuleInput{EventBusName: bus, Name: rule}); err != nil {
		t.Fatal(err)
	}
	const id = "evt_test_unfetched"
	sample := stripe.Samples()[0].Renew(id, time.Now().Add(-time.Hour))
	if err := h.sandbox.AddEvent(sample.Full); err != nil {
		t.Fatal(err)
	}
	if status := h.deliverSigned(sample.Thin); status != http.StatusOK {
		t.Fatalf("answered %d, want 200", status)
	}
	run := func() {
		h.stack.RunSchedules()
		h.waitIdle()
	}
	for range 4 { // an hour
		run()
	}
	if got := len(h.put(full)[id]); got != 0 {
		t.Fatalf("emitted %d times while the rule was disabled", got)
	}
	if text := h.Text(activity.Logged); !strings.Contains(text, `"Unfetched":1`) || !strings.Contains(text, "on the bus and not fetched") {
		t.Errorf("neither metric nor line about the event:\n%s", text)
	}
	if _, err := client.EnableRule(t.Context(), &eventbridge.EnableRuleInput{EventBusName: bus, Name: rule}); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		run()
	}
	if got := len(h.put(full)[id]); got != 1 {
		t.Errorf("emitted %d times within an hour after the rule was enabled, want once\n%s", got, h.Text(activity.Logged))
	}
	if got := len(h.put(thin)[id]); got > 6 {
		t.Errorf("put on the bus %d times in two hours, want a few", got)
	}
}
