package testbed

import (
	"fmt"
	"strings"
)

// MeterType is the event type with a schema that tests use.
const MeterType = "v1.billing.meter.error_report_triggered"

// Thin returns a thin event, with white space to be kept.
func Thin(id, eventType string) string {
	return fmt.Sprintf(`{"id":%q, "object":"v2.core.event","type":%q,"created":"2024-08-28T20:54:12.051Z","livemode":false,`+
		`"context":"acct_1/acct_2","related_object":{"id":"mtr_1","type":"billing.meter","url":"/v1/billing/meters/mtr_1"}}`, id, eventType)
}

// Full returns the full event behind [Thin], with data in the schema of [MeterType], white space to
// be kept, and text that must not be shown.
func Full(id, eventType string) string {
	return strings.TrimSuffix(Thin(id, eventType), "}") + `, "changes": {}, "data": {"developer_message_summary":"marker_full",` +
		`"validation_start":"2024-08-28T20:54:00Z","validation_end":"2024-08-28T20:54:10Z","reason":{"error_count":1,"error_types":` +
		`[{"code":"new_code","error_count":1,"sample_errors":[{"error_message":"m","request":{"identifier":"i"}}]}]}}}` + "\n"
}

// Delivered returns an event as a rule of the bus delivers it.
func Delivered(source, detailType, detail string) string {
	return fmt.Sprintf(`{"version":"0","id":"e","detail-type":%q,"source":%q,"account":"1","time":"2026-11-22T08:00:00Z",`+
		`"region":"us-east-1","resources":["mtr_1"],"detail":%s}`, detailType, source, detail)
}
