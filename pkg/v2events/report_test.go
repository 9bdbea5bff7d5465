package v2events_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/pkg/v2events"
)

func TestMeterErrorReportsDecode(t *testing.T) {
	t.Parallel()
	events := fixtures(t, "full")
	triggered, err := v2events.MeterErrorReportTriggered.Data(parseEvent(t, events["error_report_triggered"]))
	if err != nil {
		t.Fatal(err)
	}
	want := &v2events.MeterErrorReport{
		DeveloperMessageSummary: "There is 1 invalid event",
		ValidationStart:         date(2024, 8, 28, 20, 54, 0, 0),
		ValidationEnd:           date(2024, 8, 28, 20, 54, 10, 0),
		Reason: v2events.MeterErrorReason{ErrorCount: 1, ErrorTypes: []v2events.MeterErrorType{{
			Code: v2events.MeterNoCustomerDefined, ErrorCount: 1,
			SampleErrors: []v2events.MeterSampleError{{
				ErrorMessage: "Customer mapping key stripe_customer_id not found in payload.",
				Request:      v2events.MeterErrorRequest{Identifier: "cb447754-6880-46a3-8f8a-02c93b01b8d3"},
			}},
		}}},
	}
	if diff := cmp.Diff(want, triggered, timesByInstant); diff != "" {
		t.Errorf("error_report_triggered (-want +got):\n%s", diff)
	}
	missing, err := v2events.MeterNotFound.Data(parseEvent(t, events["no_meter_found"]))
	if err != nil {
		t.Fatal(err)
	}
	if got := missing.Reason.ErrorCount; got != 3 {
		t.Errorf("quoted error count = %d, want 3", got)
	}
	if got := missing.Reason.ErrorTypes[1].Code; got != "a_code_of_tomorrow" || got.Known() {
		t.Errorf("unknown code = %q, known %v; want it kept and unknown", got, got.Known())
	}
	sameJSON(t, "report", triggered, parseEvent(t, events["error_report_triggered"]).Data)
}

// Stripe's SDKs accept reports in which members are missing, and their own sample data lacks some.
func TestMissingMembersOfReportsAreZero(t *testing.T) {
	t.Parallel()
	whole := parseEvent(t, fixtures(t, "full")["error_report_triggered"])
	full, err := v2events.MeterErrorReportTriggered.Data(whole)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		old, new string
		change   func(*v2events.MeterErrorReport)
		missing  string // the error of Validate
	}{
		"no summary":     {`"developer_message_summary"`, `"x"`, func(r *v2events.MeterErrorReport) { r.DeveloperMessageSummary = "" }, "developer_message_summary: missing"},
		"no start":       {`"validation_start"`, `"x"`, func(r *v2events.MeterErrorReport) { r.ValidationStart = time.Time{} }, "validation_start: missing"},
		"null start":     {`"2024-08-28T20:54:00Z"`, `null`, func(r *v2events.MeterErrorReport) { r.ValidationStart = time.Time{} }, "validation_start: null"},
		"no end":         {`"validation_end"`, `"x"`, func(r *v2events.MeterErrorReport) { r.ValidationEnd = time.Time{} }, "validation_end: missing"},
		"no reason":      {`"reason": {`, `"x": {`, func(r *v2events.MeterErrorReport) { r.Reason = v2events.MeterErrorReason{} }, "reason: missing"},
		"null reason":    {`"reason": {`, `"reason": null, "x": {`, func(r *v2events.MeterErrorReport) { r.Reason = v2events.MeterErrorReason{} }, "reason: null"},
		"no count":       {`"error_count": 1,`, ``, func(r *v2events.MeterErrorReport) { r.Reason.ErrorCount = 0 }, "reason.error_count: missing"},
		"negative count": {`"error_count": 1,`, `"error_count": -1,`, func(r *v2events.MeterErrorReport) { r.Reason.ErrorCount = -1 }, "reason.error_count: negative"},
		"types null":     {`"error_types": [`, `"error_types": null, "x": [`, func(r *v2events.MeterErrorReport) { r.Reason.ErrorTypes = nil }, "reason.error_types: null"},
		"types empty":    {`"error_types": [`, `"error_types": [], "x": [`, func(r *v2events.MeterErrorReport) { r.Reason.ErrorTypes = []v2events.MeterErrorType{} }, ""},
		"a type null": {`"error_types": [`, `"error_types": [null, `, func(r *v2events.MeterErrorReport) {
			r.Reason.ErrorTypes = append([]v2events.MeterErrorType{{}}, r.Reason.ErrorTypes...)
		}, "reason.error_types[0]: null"},
		"no code":          {`"code"`, `"x"`, func(r *v2events.MeterErrorReport) { r.Reason.ErrorTypes[0].Code = "" }, "reason.error_types[0].code: missing"},
		"no sample errors": {`"sample_errors"`, `"x"`, func(r *v2events.MeterErrorReport) { r.Reason.ErrorTypes[0].SampleErrors = nil }, "reason.error_types[0].sample_errors: missing"},
		"no request":       {`"request"`, `"x"`, func(r *v2events.MeterErrorReport) { r.Reason.ErrorTypes[0].SampleErrors[0].Request.Identifier = "" }, "reason.error_types[0].sample_errors[0].request: missing"},
		"no identifier":    {`"identifier"`, `"x"`, func(r *v2events.MeterErrorReport) { r.Reason.ErrorTypes[0].SampleErrors[0].Request.Identifier = "" }, "reason.error_types[0].sample_errors[0].request.identifier: missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := *whole
			e.Data = json.RawMessage(strings.Replace(string(whole.Data), tc.old, tc.new, 1))
			if string(e.Data) == string(whole.Data) {
				t.Fatalf("%s is not in %s", tc.old, whole.Data)
			}
			want := new(v2events.MeterErrorReport)
			if err := json.Unmarshal(marshal(t, full), want); err != nil {
				t.Fatal(err)
			}
			tc.change(want)
			got, err := v2events.MeterErrorReportTriggered.Data(&e)
			if diff := cmp.Diff(want, got, timesByInstant); err != nil || diff != "" {
				t.Errorf("Data = %v (-want +got):\n%s", err, diff)
			}
			err = v2events.MeterErrorReportTriggered.Validate(&e)
			if tc.missing == "" && err != nil || tc.missing != "" && (!errors.Is(err, v2events.ErrField) || !strings.Contains(err.Error(), tc.missing)) {
				t.Errorf("Validate = %v, want %q", err, tc.missing)
			}
		})
	}
	for name, data := range map[string]json.RawMessage{"no data": nil, "null data": json.RawMessage("null"), "empty data": json.RawMessage("{}")} {
		e := *whole
		e.Data = data
		got, err := v2events.MeterErrorReportTriggered.Data(&e)
		if diff := cmp.Diff(new(v2events.MeterErrorReport), got); err != nil || diff != "" {
			t.Errorf("%s: Data = %v (-want +got):\n%s", name, err, diff)
		}
	}
}

// Members that were missing or null are not encoded; empty ones are encoded as empty.
func TestMissingMembersOfReportsEncodeAsAbsent(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		`{}`: `{"developer_message_summary":"","reason":{"error_count":0}}`,
		`{"validation_start":null,"reason":{"error_types":null}}`:     `{"developer_message_summary":"","reason":{"error_count":0}}`,
		`{"reason":{"error_types":[]}}`:                               `{"developer_message_summary":"","reason":{"error_count":0,"error_types":[]}}`,
		`{"reason":{"error_types":[{"code":"no_meter"}]}}`:            `{"developer_message_summary":"","reason":{"error_count":0,"error_types":[{"code":"no_meter","error_count":0}]}}`,
		`{"validation_end":"2025-01-01T00:00:10Z","reason":{"a":[]}}`: `{"developer_message_summary":"","reason":{"error_count":0},"validation_end":"2025-01-01T00:00:10Z"}`,
	} {
		var report v2events.MeterErrorReport
		if err := json.Unmarshal([]byte(data), &report); err != nil {
			t.Errorf("decoding %s = %v", data, err)
		}
		sameJSON(t, data, report, []byte(want))
	}
}

func TestWrongTypesInReportsAreRefused(t *testing.T) {
	t.Parallel()
	whole := parseEvent(t, fixtures(t, "full")["error_report_triggered"])
	for name, tc := range map[string]struct {
		old, new string
		want     error
		text     string
	}{
		"summary":            {`"There is 1 invalid event"`, `1`, v2events.ErrField, "developer_message_summary: a number"},
		"reason":             {`"reason": {`, `"reason": [], "x": {`, v2events.ErrField, "reason: an array where an object is due"},
		"huge count":         {`"error_count": 1`, `"error_count": 1e40`, v2events.ErrField, "reason.error_count: not a whole number"},
		"fractional count":   {`"error_count": 1`, `"error_count": 1.5`, v2events.ErrField, "reason.error_count: not a whole number"},
		"types":              {`"error_types": [`, `"error_types": {}, "x": [`, v2events.ErrField, "reason.error_types: an object"},
		"a type":             {`"error_types": [{`, `"error_types": [7, {`, v2events.ErrField, "reason.error_types[0]: a number where an object is due"},
		"identifier":         {`"identifier": "cb447754-6880-46a3-8f8a-02c93b01b8d3"`, `"identifier": {}`, v2events.ErrField, "request.identifier: an object"},
		"start":              {`"2024-08-28T20:54:00Z"`, `1724878440`, v2events.ErrField, "validation_start: a number"},
		"start without zone": {`20:54:00Z`, `20:54:00`, v2events.ErrField, "validation_start: not an RFC 3339"},
		"duplicate names":    {`"reason": {`, `"reason": {}, "reason": {`, v2events.ErrSyntax, "twice"},
	} {
		e := *whole
		e.Data = json.RawMessage(strings.Replace(string(whole.Data), tc.old, tc.new, 1))
		got, err := v2events.MeterErrorReportTriggered.Data(&e)
		if got != nil || !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: Data = %v, %v; want nil, %v with %q", name, got, err, tc.want, tc.text)
		}
		if err := v2events.MeterErrorReportTriggered.Validate(&e); !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: Validate = %v; want %v with %q", name, err, tc.want, tc.text)
		}
	}
}

// Validate lists a limited number of faults, because the author of the data chooses how many there
// are.
func TestValidateListsAllFaults(t *testing.T) {
	t.Parallel()
	e := parseEvent(t, fixtures(t, "full")["error_report_triggered"])
	if err := v2events.MeterErrorReportTriggered.Validate(e); err != nil {
		t.Errorf("Validate of the published sample = %v", err)
	}
	e.Data = json.RawMessage(`{"reason":{"error_types":[{"sample_errors":[]}]}}`)
	err := v2events.MeterErrorReportTriggered.Validate(e)
	const want = "decode data of v1.billing.meter.error_report_triggered: stripe event: invalid field: developer_message_summary: missing; " +
		"reason.error_count: missing; reason.error_types[0].code: missing; reason.error_types[0].error_count: missing; validation_start: missing; validation_end: missing"
	if !errors.Is(err, v2events.ErrField) || err.Error() != want {
		t.Errorf("Validate = %v, want %s", err, want)
	}
	e.Data = fmt.Appendf(nil, `{"reason":{"error_types":[%s{}]}}`, strings.Repeat("{},", 10000))
	if err := v2events.MeterErrorReportTriggered.Validate(e); !errors.Is(err, v2events.ErrField) || len(err.Error()) > 2000 {
		t.Errorf("Validate of 10,000 faults has a text of %d bytes", len(err.Error()))
	}
}
