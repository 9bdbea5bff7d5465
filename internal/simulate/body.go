package simulate

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// account is the connected account of some events.
const account = "acct_sim"

// eventID returns the id of an event.
func eventID(i uint32) string { return "evt_" + strconv.FormatUint(uint64(i), 10) }

// forgedSuffix ends the id of an event that Stripe never sent.
const forgedSuffix = "_forged"

// eventNumber reads the id of an event.
func eventNumber(id string) (i uint32, ok bool) {
	digits, ok := strings.CutPrefix(id, "evt_")
	n, err := strconv.ParseUint(digits, 10, 32)
	return uint32(n), ok && err == nil
}

// appendThin appends the thin event, as Stripe sends it. It has members that no version knows, and
// JSON that an encoder would write differently.
func (w *world) appendThin(b []byte, i uint32, p *plan) []byte {
	b = w.appendEvent(b, i, p)
	return append(b, '}')
}

// appendFull appends the full event, as Stripe's API returns it.
func (w *world) appendFull(b []byte, i uint32, p *plan) []byte {
	b = w.appendEvent(b, i, p)
	b = append(b, `,"changes":null,"data":`...)
	switch p.typ {
	case v2events.MeterErrorReportTriggered.Type(), v2events.MeterNotFound.Type():
		b = append(b, meterData...)
	default:
		b = append(b, `{ "n":1.0 }`...)
	}
	return append(b, '}')
}

const meterData = `{"developer_message_summary":"1 \u00e9vent","validation_start":"2024-08-28T20:54:10.000Z","validation_end":"2024-08-28T20:54:20.000Z",` +
	`"reason":{"error_count":1, "error_types":[{"code":"meter_event_no_customer_defined","error_count":1,"sample_errors":[{"error_message":"no customer","request":{"identifier":"id_1"}}]}]}}`

func (w *world) appendEvent(b []byte, i uint32, p *plan) []byte {
	b = append(b, `{"id":"evt_`...)
	b = strconv.AppendUint(b, uint64(i), 10)
	b = append(b, `","object":"v2.core.event","type":"`...)
	b = append(b, p.typ...)
	b = append(b, `","livemode":`...)
	b = strconv.AppendBool(b, p.live)
	b = append(b, `,"created":"`...)
	b = w.schedule.start.Add(p.created).UTC().AppendFormat(b, time.RFC3339Nano)
	if p.account {
		b = append(b, `","context":"`+account...)
	}
	b = append(b, `","related_object":{"id":"mtr_`...)
	b = strconv.AppendUint(b, uint64(i), 10)
	return append(b, `","type":"billing.meter","url":"/v1/billing/meters/mtr_1"},"unknown":{ "n" : 1.0, "text":"caf\u00e9 é" }`...)
}

// appendSnapshot appends a v1 event.
func (w *world) appendSnapshot(b []byte, i uint32, p *plan) []byte {
	b = append(b, `{"id":"evt_`...)
	b = strconv.AppendUint(b, uint64(i), 10)
	b = append(b, `","object":"event","type":"`...)
	b = append(b, p.typ...)
	b = append(b, `", "data":{"object":{"id":"in_1","total":1.0}},"created":`...)
	b = strconv.AppendInt(b, w.schedule.start.Add(p.created).Unix(), 10)
	return append(b, '}')
}

// delivery returns the body that Stripe delivers.
func (w *world) delivery(i uint32, p *plan) []byte {
	if p.kind == oddSnapshot {
		return w.appendSnapshot(nil, i, p)
	}
	return w.appendThin(make([]byte, 0, 512), i, p)
}

// forgery returns the body of an event that Stripe never sent.
func (w *world) forgery(i uint32, p *plan) []byte {
	id := []byte(`"` + eventID(i) + `"`)
	return bytes.Replace(w.delivery(i, p), id, []byte(`"`+eventID(i)+forgedSuffix+`"`), 1)
}

// idOf finds the id in the bytes of an event, which may not be JSON.
func idOf(body []byte) string {
	_, rest, ok := bytes.Cut(body, []byte(`"id":"`))
	if !ok {
		_, rest, ok = bytes.Cut(body, []byte(`"event_id":"`))
	}
	id, _, found := bytes.Cut(rest, []byte(`"`))
	if !ok || !found {
		return ""
	}
	return string(id)
}
