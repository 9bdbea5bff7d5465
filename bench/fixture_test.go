package bench

import "strings"

const (
	signingSecret = "whsec_4eC39HqLyjWDarjtT1zdp7dc4eC39HqL"
	eventID       = "evt_test_65R2GpwDsnmpzihMjdT16R2GDhI4SQdXJGRbvn7JA8mPEm"
	eventType     = "v1.billing.meter.error_report_triggered"

	// eventHead starts both the thin event and the full one.
	eventHead = `{"id":"` + eventID + `","object":"v2.core.event","type":"` + eventType + `",` +
		`"created":"2024-08-28T20:54:12.051Z","livemode":false,"context":null,` +
		`"related_object":{"id":"mtr_test_61R2GpwDsnmpzihMjdT16R2G","type":"billing.meter",` +
		`"url":"/v1/billing/meters/mtr_test_61R2GpwDsnmpzihMjdT16R2G"},`

	fullEvent = eventHead + `"reason":null,"changes":{},"data":{"developer_message_summary":"There is 1 invalid event",` +
		`"validation_start":"2024-08-28T20:54:00.000Z","validation_end":"2024-08-28T20:54:10.000Z",` +
		`"reason":{"error_count":1,"error_types":[{"code":"meter_event_no_customer_defined","error_count":1,` +
		`"sample_errors":[{"error_message":"Customer mapping key stripe_customer_id not found in payload.",` +
		`"request":{"identifier":"cb447754-6880-46a3-8f8a-02c93b01b8d3"}}]}]}}}`
)

// payload is the thin form of fullEvent. Its idempotency key is chosen so that it has 500 bytes.
var payload = thinEvent(500)

func thinEvent(size int) []byte {
	const head = eventHead + `"reason":{"type":"request","request":{"id":"req_abcdefghij","idempotency_key":"`
	const tail = `"}}}`
	return []byte(head + strings.Repeat("k", size-len(head)-len(tail)) + tail)
}
