package report_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/report"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

var start = time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)

// event returns a report of the minute n after start.
func event(t *testing.T, n int, meter, data string) *v2events.Event {
	t.Helper()
	related := "null"
	eventType := v2events.MeterNotFound.Type()
	if meter != "" {
		related, eventType = fmt.Sprintf(`{"id":%q,"type":"billing.meter","url":"/v1/billing/meters/x"}`, meter), v2events.MeterErrorReportTriggered.Type()
	}
	e, err := v2events.ParseEvent(fmt.Appendf(nil, `{"id":"evt_%d","object":"v2.core.event","type":%q,"created":%q,"livemode":false,"related_object":%s,"data":%s}`,
		n, eventType, start.Add(time.Duration(n)*time.Minute).Format(time.RFC3339), related, data))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func reason(total int, types string) string {
	return fmt.Sprintf(`{"developer_message_summary":"s","reason":{"error_count":%d,"error_types":[%s]}}`, total, types)
}

func TestReport(t *testing.T) {
	t.Parallel()
	r := report.Report{Samples: 2}
	sample := func(id string) string {
		return fmt.Sprintf(`{"error_message":"m","request":{"identifier":%q}}`, id)
	}
	for _, e := range []*v2events.Event{
		event(t, 2, "mtr_1", reason(3, `{"code":"archived_meter","error_count":3,"sample_errors":[`+sample("a")+`,`+sample("a")+`,`+sample("b")+`]}`)),
		event(t, 1, "mtr_1", reason(2, `{"code":"archived_meter","error_count":2,"sample_errors":[`+sample("c")+`]}`)),
		event(t, 3, "mtr_2", reason(10, `{"code":"archived_meter","error_count":4,"sample_errors":[]},{"code":"new_code","error_count":5}`)), // one has no code
		event(t, 4, "", `{"reason":{"error_count":1,"error_types":[{"code":"no_meter","error_count":1,"sample_errors":[]}]},"validation_start":"2026-11-01T08:00:00Z","validation_end":"2026-11-01T08:00:10Z"}`),
		event(t, 5, "mtr_1", `{"reason":{"error_count":"many"}}`),
		event(t, 6, "mtr_1", `null`),
	} {
		if err := r.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	at := func(n int) time.Time { return start.Add(time.Duration(n) * time.Minute) }
	want := []*report.Line{
		{Code: "archived_meter", Meter: "mtr_1", Usage: 5, Reports: 2, First: at(1), Last: at(2), Samples: []report.Sample{{Identifier: "a", Message: "m"}, {Identifier: "b", Message: "m"}}, Advice: report.Advice("archived_meter")},
		{Code: "new_code", Meter: "mtr_2", Usage: 5, Reports: 1, First: at(3), Last: at(3), Samples: []report.Sample{}, Advice: report.Advice("new_code")},
		{Code: "archived_meter", Meter: "mtr_2", Usage: 4, Reports: 1, First: at(3), Last: at(3), Samples: []report.Sample{}, Advice: report.Advice("archived_meter")},
		{Code: report.NoCode, Meter: "mtr_2", Usage: 1, Reports: 1, First: at(3), Last: at(3), Samples: []report.Sample{}, Advice: report.Advice(report.NoCode)},
		{Code: "no_meter", Usage: 1, Reports: 1, First: start.Add(-time.Hour), Last: start.Add(-time.Hour + 10*time.Second), Samples: []report.Sample{}, Advice: report.Advice("no_meter")},
	}
	if diff := cmp.Diff(want, r.Lines()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if r.Reports != 6 || r.Usage != 16 || !slices.Equal(r.Unreadable, []string{"evt_5"}) || r.CountUnreadable() != 1 {
		t.Errorf("%d reports with %d usage events, unreadable %v", r.Reports, r.Usage, r.Unreadable)
	}
}

func TestOtherEventsAreRefused(t *testing.T) {
	t.Parallel()
	var r report.Report
	if err := r.Add(&v2events.Event{ThinEvent: v2events.ThinEvent{Type: "v2.core.event_destination.ping"}}); !errors.Is(err, report.ErrType) {
		t.Errorf("error %v, want %v", err, report.ErrType)
	}
	if lines, err := json.Marshal(r.Lines()); err != nil || string(lines) != "[]" {
		t.Errorf("an empty report has the lines %s (%v)", lines, err)
	}
}

// TestPageHasASectionForEachCode, and for no other.
func TestPageHasASectionForEachCode(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../" + report.Page)
	if err != nil {
		t.Fatal(err)
	}
	var sections []string
	for _, heading := range regexp.MustCompile("(?m)^## `([a-z_]+)`$").FindAllStringSubmatch(string(page), -1) {
		sections = append(sections, heading[1])
	}
	codes := report.Codes()
	slices.Sort(sections)
	slices.Sort(codes)
	if diff := cmp.Diff(codes, sections); diff != "" {
		t.Errorf("codes (-) and sections of %s (+):\n%s", report.Page, diff)
	}
	for _, code := range codes {
		if !v2events.MeterErrorCode(code).Known() && code != "meter_event_value_not_found" {
			t.Errorf("%s is not a code that package v2events knows", code)
		}
	}
}
