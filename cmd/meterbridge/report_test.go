package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/internal/ledger"
)

// refuse adds a report to Stripe's list. The sample's identifier and message are hostile.
func (d *deployed) refuse(n int, data string) (id string) {
	d.Helper()
	id = fmt.Sprintf("evt_test_%020d", n)
	full := fmt.Sprintf(`{"id":%q,"object":"v2.core.event","type":"v1.billing.meter.error_report_triggered","created":%q,"livemode":false,"context":null,"reason":null,`+
		`"related_object":{"id":"mtr_test_%d","type":"billing.meter","url":"/v1/billing/meters/mtr_test_%d"},"data":%s,"changes":null}`,
		id, time.Now().Add(-time.Hour-time.Duration(n)*time.Second).UTC().Format("2006-01-02T15:04:05.000Z"), n%2, n%2, data)
	if err := d.sandbox.AddEvent(json.RawMessage(full)); err != nil {
		d.Fatal(err)
	}
	return id
}

const errorReport = `{"developer_message_summary":"There is 1 invalid event","reason":{"error_count":2,"error_types":[{"code":"archived_meter","error_count":2,` +
	`"sample_errors":[{"error_message":"\u001b[31mred\u202e","request":{"identifier":"id\u0007\n1"}}]}]},"validation_start":"2026-11-26T08:00:00.000Z","validation_end":"2026-11-26T08:00:10.000Z"}`

var reader = command{env: []string{"STRIPE_API_KEY=" + readKey}}

func TestReportCommand(t *testing.T) {
	t.Parallel()
	d := newDeployed(t)
	if status, out, errs := d.run(reader, "report"); status != 0 || !strings.Contains(out, "0 usage events refused, in 0 reports.") {
		t.Errorf("nothing refused: exit status %d\n%s%s", status, out, errs)
	}
	const reports = 250 // several pages
	for n := range reports {
		d.refuse(n, errorReport)
	}
	status, out, errs := d.run(reader, "report", "--samples", "1")
	if status != 1 || !strings.Contains(errs, "500 usage events refused") {
		t.Errorf("exit status %d\n%s%s", status, out, errs)
	}
	for _, want := range []string{
		"archived_meter  250 usage events in 125 reports", "meter    mtr_test_0", "seen     2026-11-26 08:00:00 to 2026-11-26 08:00:10 UTC",
		"id? 1  ?[31mred?", "docs/meter-errors.md#archived_meter", "500 usage events refused, in 250 reports.",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
	if strings.ContainsAny(out, "\x1b\x07\u202e") {
		t.Errorf("the output has control characters: %q", out)
	}
	status, out, _ = d.run(reader, "report", "--json")
	var result refusedUsage
	if err := json.Unmarshal([]byte(out), &result); err != nil || status != 1 || result.Partial || result.Usage != 500 || len(result.Lines) != 2 || len(result.Lines[0].Samples) != 1 {
		t.Errorf("exit status %d (%v)\n%s", status, err, out)
	}
	for _, wrong := range [][]string{{"--since", "31d"}, {"--since", "x"}, {"--since", "1h", "--until", "2h"}, {"--samples", "-1"}} {
		if status, out, errs := d.run(reader, append([]string{"report"}, wrong...)...); status != 2 {
			t.Errorf("%v: exit status %d\n%s%s", wrong, status, out, errs)
		}
	}
	if status, out, errs := d.run(command{}, "report"); status != 2 || !strings.Contains(errs, "no answer") {
		t.Errorf("without a key: exit status %d\n%s%s", status, out, errs)
	}
}

// TestReportThatBreaksOff: what was read is shown, and said to be incomplete.
func TestReportThatBreaksOff(t *testing.T) {
	t.Parallel()
	d := newDeployed(t)
	for n := range 250 {
		d.refuse(n, errorReport)
	}
	var lists atomic.Int64
	answer := func(status int, times int64) {
		lists.Store(0)
		d.onCall(func(w http.ResponseWriter, call string, serve func(http.ResponseWriter)) {
			if n := lists.Add(1); call == "GET /v2/core/events" && n > 1 && n <= 1+times {
				w.WriteHeader(status)
				return
			}
			serve(w)
		})
	}
	answer(http.StatusServiceUnavailable, 100)
	status, out, errs := d.run(reader, "report")
	if status != 2 || !strings.Contains(out, "INCOMPLETE: 200 usage events refused, in 100 reports.") || !strings.Contains(errs, "the report is incomplete") {
		t.Errorf("exit status %d\n%s%s", status, out, errs)
	}
	answer(http.StatusServiceUnavailable, 1)
	if status, out, errs := d.run(reader, "report"); status != 1 || !strings.Contains(out, "\n500 usage events refused") {
		t.Errorf("a fault that passes: exit status %d\n%s%s", status, out, errs)
	}
	answer(http.StatusForbidden, 100)
	if status, out, errs := d.run(reader, "report", "--json"); status != 2 || !strings.Contains(out, `"partial":true`) || !strings.Contains(errs, "may read events") {
		t.Errorf("a key that is changed meanwhile: exit status %d\n%s%s", status, out, errs)
	}
}

func TestReportOfAStack(t *testing.T) {
	t.Parallel()
	d := newDeployed(t)
	d.storeKey(readKey)
	carried, missing := d.refuse(1, errorReport), d.refuse(2, `{"reason":{"error_count":"x"}}`)
	claim, err := d.ledger.Claim(t.Context(), ledger.Event{ID: carried}, "message", time.Now().Add(time.Minute))
	if err == nil {
		err = d.ledger.Settle(t.Context(), claim, ledger.Settlement{Phase: ledger.Emitted})
	}
	if err != nil {
		t.Fatal(err)
	}
	status, out, errs := d.run(command{}, "report", "--stack", "meterbridge")
	if status != 1 || !strings.Contains(out, "missing    "+missing) || strings.Contains(out, carried) || !strings.Contains(out, "unreadable "+missing) ||
		!strings.Contains(out, "The bus has not carried 1 report") || !strings.Contains(errs, "1 report could not be read") {
		t.Errorf("exit status %d\n%s%s", status, out, errs)
	}
}
