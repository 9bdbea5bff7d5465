package v2events_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/pkg/v2events"
)

func TestParseEvent(t *testing.T) {
	t.Parallel()
	want := map[string]struct {
		id, changes string
		hasData     bool
	}{
		"error_report_triggered": {"evt_test_65R2", `{}`, true},
		"no_meter_found":         {"evt_test_65R9", ``, true},
		"ping":                   {"evt_65RC", ``, false},
		"account_updated":        {"evt_65A1", `{"before": {"display_name": "a"}, "after": {"display_name": "b"}}`, true},
	}
	for name, body := range fixtures(t, "full") {
		got, err := v2events.ParseEvent(body)
		if err != nil {
			t.Fatalf("ParseEvent(%s) = %v", body, err)
		}
		w := want[name]
		if got.ID != w.id || string(got.Changes) != w.changes || (got.Data != nil) != w.hasData || string(got.Raw) != string(body) {
			t.Errorf("ParseEvent(%s) = %+v, want %+v", body, got, w)
		}
	}
}

func TestParseEventRefuses(t *testing.T) {
	t.Parallel()
	const begin = `{"id":"evt_1","object":"v2.core.event","type":"a.b","created":"2025-01-01T00:00:00Z","livemode":false`
	for body, want := range map[string]error{
		begin + `,"data":[]}`:            v2events.ErrField,
		begin + `,"data":"{}"}`:          v2events.ErrField,
		begin + `,"changes":7}`:          v2events.ErrField,
		begin + `,"data":{"a":1,"a":2}}`: v2events.ErrSyntax,
		begin + `,"data":{}`:             v2events.ErrSyntax,
		`{"object":"event","data":{}}`:   v2events.ErrObject,
		`{"object":"v2.core.event"}`:     v2events.ErrField,
	} {
		if got, err := v2events.ParseEvent([]byte(body)); got != nil || !errors.Is(err, want) {
			t.Errorf("ParseEvent(%s) = %v, %v; want nil, %v", body, got, err, want)
		}
	}
}

func TestMeterErrorReport(t *testing.T) {
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

func TestMeterErrorReportRefuses(t *testing.T) {
	t.Parallel()
	whole := parseEvent(t, fixtures(t, "full")["error_report_triggered"])
	for name, tc := range map[string]struct{ old, new, text string }{
		"no summary":         {`"developer_message_summary"`, `"x"`, "developer_message_summary: missing"},
		"no reason":          {`"reason": {`, `"x": {`, "reason: missing"},
		"null reason":        {`"reason": {`, `"reason": null, "x": {`, "reason: null where an object is due"},
		"negative count":     {`"error_count": 1`, `"error_count": -1`, "reason.error_count: negative"},
		"huge count":         {`"error_count": 1`, `"error_count": 1e40`, "reason.error_count: not a whole number"},
		"fractional count":   {`"error_count": 1`, `"error_count": 1.5`, "reason.error_count: not a whole number"},
		"types null":         {`"error_types": [`, `"error_types": null, "x": [`, "reason.error_types: null where an array is due"},
		"type no object":     {`"error_types": [{`, `"error_types": [null, {`, "reason.error_types[0]: null where an object is due"},
		"no code":            {`"code"`, `"x"`, "reason.error_types[0].code: missing"},
		"no identifier":      {`"identifier"`, `"x"`, "reason.error_types[0].sample_errors[0].request.identifier: missing"},
		"start without zone": {`20:54:00Z`, `20:54:00`, "validation_start: not an RFC 3339"},
	} {
		e := *whole
		e.Data = json.RawMessage(strings.Replace(string(whole.Data), tc.old, tc.new, 1))
		got, err := v2events.MeterErrorReportTriggered.Data(&e)
		if got != nil || !errors.Is(err, v2events.ErrField) || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: Data = %v, %v; want nil, %v with %q", name, got, err, v2events.ErrField, tc.text)
		}
	}
	e := *whole
	e.Data = nil
	if got, err := v2events.MeterErrorReportTriggered.Data(&e); got != nil || !errors.Is(err, v2events.ErrField) {
		t.Errorf("without data: Data = %v, %v; want nil, %v", got, err, v2events.ErrField)
	}
	e.Data = json.RawMessage(`{"reason":{},"reason":{}}`)
	if got, err := v2events.MeterErrorReportTriggered.Data(&e); got != nil || !errors.Is(err, v2events.ErrSyntax) {
		t.Errorf("with duplicate names: Data = %v, %v; want nil, %v", got, err, v2events.ErrSyntax)
	}
}

func TestKindOfOnesOwn(t *testing.T) {
	t.Parallel()
	type change struct{ Count int }
	kind := v2events.NewKind[change]("a.b")
	e := &v2events.Event{ThinEvent: v2events.ThinEvent{Type: "a.b"}, Data: json.RawMessage(`{"count": 4}`)}
	if got, err := kind.Data(e); err != nil || got.Count != 4 || kind.Type() != "a.b" {
		t.Errorf("%s: Data = %+v, %v; want a count of 4", kind.Type(), got, err)
	}
	e.Data = json.RawMessage(`{"count": "four"}`)
	if got, err := kind.Data(e); got != nil || !errors.Is(err, v2events.ErrField) {
		t.Errorf("Data = %v, %v; want nil, %v", got, err, v2events.ErrField)
	}
	e.Type = "c.d"
	if got, err := kind.Data(e); got != nil || !errors.Is(err, v2events.ErrKind) {
		t.Errorf("Data of another type = %v, %v; want nil, %v", got, err, v2events.ErrKind)
	}
	var zero v2events.Kind[change]
	if got, err := zero.Data(&v2events.Event{}); got != nil || !errors.Is(err, v2events.ErrKind) {
		t.Errorf("zero Kind: Data = %v, %v; want nil, %v", got, err, v2events.ErrKind)
	}
	if got, err := v2events.EventDestinationPing.Data(parseEvent(t, fixtures(t, "full")["ping"])); err != nil || got == nil {
		t.Errorf("ping with null data: Data = %v, %v; want the empty struct", got, err)
	}
}

func TestKnown(t *testing.T) {
	t.Parallel()
	known := map[string][]interface{ Known() bool }{
		"reason":      {v2events.ReasonTypeRequest},
		"meter code":  {v2events.MeterArchived, v2events.MeterCustomerNotFound, v2events.MeterDimensionCountTooHigh, v2events.MeterInvalidValue, v2events.MeterNoCustomerDefined, v2events.MeterValueTooManyDigits, v2events.MeterMissingDimensionPayload, v2events.MeterNoMeter, v2events.MeterTimestampInFuture, v2events.MeterTimestampTooFarInPast},
		"destination": {v2events.TypeWebhookEndpoint, v2events.TypeAmazonEventBridge, v2events.TypeAzureEventGrid},
		"payload":     {v2events.PayloadThin, v2events.PayloadSnapshot},
		"source":      {v2events.FromSelf, v2events.FromAccounts, v2events.FromOrganizationMembers, v2events.FromOrganizationMembersAccounts},
		"status":      {v2events.StatusEnabled, v2events.StatusDisabled},
		"disabled":    {v2events.DisabledByUser, v2events.DisabledNoAWSEventSource, v2events.DisabledNoAzurePartnerTopic},
		"AWS source":  {v2events.EventSourceActive, v2events.EventSourcePending, v2events.EventSourceDeleted, v2events.EventSourceUnknown},
		"topic":       {v2events.PartnerTopicActivated, v2events.PartnerTopicNeverActivated, v2events.PartnerTopicDeleted, v2events.PartnerTopicUnknown},
		"include":     {v2events.IncludeSigningSecret, v2events.IncludeURL},
	}
	for enum, values := range known {
		for _, v := range values {
			if !v.Known() {
				t.Errorf("%s %q is not known", enum, v)
			}
		}
	}
	for _, v := range []interface{ Known() bool }{
		v2events.ReasonType("x"), v2events.MeterErrorCode("x"), v2events.DestinationType("x"), v2events.EventPayload("x"), v2events.EventSource("x"),
		v2events.DestinationStatus("x"), v2events.DisabledReason("x"), v2events.EventSourceStatus("x"), v2events.PartnerTopicStatus("x"), v2events.Include("x"),
	} {
		if v.Known() {
			t.Errorf("%T x is known", v)
		}
	}
}

func parseEvent(t *testing.T, body []byte) *v2events.Event {
	t.Helper()
	e, err := v2events.ParseEvent(body)
	if err != nil {
		t.Fatalf("ParseEvent(%s) = %v", body, err)
	}
	return e
}
