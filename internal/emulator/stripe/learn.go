package stripe

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"
)

// Types whose data the sandbox can make up: https://docs.stripe.com/api/v2/core/events/event-types.
const (
	typeErrorReport  = "v1.billing.meter.error_report_triggered"
	typeNoMeterFound = "v1.billing.meter.no_meter_found"
)

// millis is how Stripe usually writes times.
const millis = "2006-01-02T15:04:05.000Z07:00"

// complete appends changes and data to a notification and leaves its own bytes as they are. A body that has data
// already is a full event.
func complete(e *event) json.RawMessage {
	var v struct{ Data json.RawMessage }
	if err := json.Unmarshal(e.body, &v); err != nil || v.Data != nil {
		return e.body
	}
	open := bytes.TrimSuffix(bytes.TrimSpace(e.body), []byte("}"))
	return fmt.Appendf(nil, `%s,"changes":null,"data":%s}`, bytes.TrimSpace(open), learnedData(e))
}

// learnedData is what the sandbox answers for an event of which it saw only the notification.
func learnedData(e *event) []byte {
	switch e.kind {
	case typeErrorReport:
		return errorReport(e, "meter_event_no_customer_defined", "Customer mapping key stripe_customer_id not found in payload.")
	case typeNoMeterFound:
		return errorReport(e, "no_meter", "No meter was found matching event_name api_requests.")
	}
	return []byte("{}")
}

// errorReport is one invalid usage record in the ten seconds before e. It is the same at every call for the same event.
func errorReport(e *event, code, message string) []byte {
	end := e.created.UTC().Truncate(10 * time.Second)
	sum := sha256.Sum256([]byte(e.id))
	sample := map[string]any{
		"error_message": message,
		"request":       map[string]any{"identifier": fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])},
	}
	return encode(map[string]any{
		"developer_message_summary": "There is 1 invalid event",
		"validation_start":          end.Add(-10 * time.Second).Format(millis),
		"validation_end":            end.Format(millis),
		"reason": map[string]any{
			"error_count": 1,
			"error_types": []any{map[string]any{"code": code, "error_count": 1, "sample_errors": []any{sample}}},
		},
	})
}
