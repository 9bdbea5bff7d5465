package main

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/meterbridge/meterbridge/functions/reconciler"
	"github.com/meterbridge/meterbridge/internal/testbed"
)

func TestMissingEventReachesTheBus(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, nil)
	if err := b.Stripe.AddEvent([]byte(`{"id":"evt_1","object":"v2.core.event","type":"t","created":"2026-11-22T08:00:00Z","livemode":false}`)); err != nil {
		t.Fatal(err)
	}
	h, err := wire(b.Env(t, nil), b.AWS, b.Out(), b.Now) // there is no key yet
	if err != nil {
		t.Fatal(err)
	}
	b.PutSecret(t, testbed.APIKey, "rk_test_marker")
	report, err := h.Handle(t.Context(), reconciler.Request{})
	if ids := b.TakeIDs(); err != nil || report.Missing != 1 || !slices.Equal(ids, []string{"evt_1"}) || len(b.Ledger.Items()) != 1 {
		t.Errorf("handle = %+v, %v with %v on the bus, want evt_1 and a checkpoint", report, err, ids)
	}
	if logs, metrics := b.Output(t); len(logs) != 2 || metrics.Sum("Missing", "") != 1 {
		t.Errorf("log %v and metrics %v, want lines for the event and its stream", logs, metrics)
	}
}

func TestStartReportsEveryFaultOfTheConfiguration(t *testing.T) {
	t.Parallel()
	_, err := wire(func(string) (string, bool) { return "", false }, aws.Config{}, io.Discard, time.Now)
	for _, fault := range []string{"EVENT_BUS_NAME", "API_KEY_SECRET_ID", "LEDGER_TABLE", "RECONCILE_TYPES"} {
		if err == nil || !strings.Contains(err.Error(), fault+" is missing") {
			t.Errorf("error does not name %s: %v", fault, err)
		}
	}
}
