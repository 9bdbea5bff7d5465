package main

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// report is a full event as the rule delivers it.
const report = `{"version":"0","id":"e","source":"stripe.event","detail-type":"v1.billing.meter.error_report_triggered",
"time":"2026-01-02T03:04:06Z","resources":["mtr_1"],"detail":{"id":"evt_1","object":"v2.core.event","type":"v1.billing.meter.error_report_triggered",
"created":"2026-01-02T03:04:05Z","livemode":false,"related_object":{"id":"mtr_1","type":"billing.meter","url":"/v1/billing/meters/mtr_1"},
"data":{"developer_message_summary":"There is 1 invalid event","validation_start":"2026-01-02T03:03:50Z","validation_end":"2026-01-02T03:04:00Z",
"reason":{"error_count":3,"error_types":[{"code":"no_meter","error_count":3,"sample_errors":[]}]}}}}`

func handle(t *testing.T, log *slog.Logger, event string) error {
	t.Helper()
	handler, err := newHandler(log)
	if err != nil {
		t.Fatal(err)
	}
	return handler(t.Context(), []byte(event))
}

func TestAlertNamesMeterAndCode(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := handle(t, slog.New(slog.NewTextHandler(&out, nil)), report); err != nil {
		t.Fatal(err)
	}
	if want := `event_id=evt_1 meter=mtr_1 code=no_meter usage_events=3`; !strings.Contains(out.String(), want) {
		t.Errorf("log = %q, want it to contain %q", out.String(), want)
	}
}

func TestMissingMeterIsLogged(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	missing := strings.ReplaceAll(report, "v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found")
	missing = strings.Replace(missing, `{"id":"mtr_1","type":"billing.meter","url":"/v1/billing/meters/mtr_1"}`, "null", 1)
	if err := handle(t, slog.New(slog.NewTextHandler(&out, nil)), missing); err != nil {
		t.Fatal(err)
	}
	if want := `event_id=evt_1 meter="" code=no_meter usage_events=3`; !strings.Contains(out.String(), want) {
		t.Errorf("log = %q, want it to contain %q", out.String(), want)
	}
}

func TestOtherTypeIsAnError(t *testing.T) {
	t.Parallel()
	other := strings.Replace(report, `"type":"v1.billing.meter.error_report_triggered"`, `"type":"v2.core.event_destination.ping"`, 1)
	if err := handle(t, slog.New(slog.DiscardHandler), other); !errors.Is(err, v2events.ErrKind) {
		t.Errorf("handle = %v, want ErrKind", err)
	}
}
