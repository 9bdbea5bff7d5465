package testbed

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge"
)

// A refusal makes entries fail with a code, left times; a negative number means without limit.
type refusal struct {
	code  string
	match func(eventbridge.Entry) bool
	left  int
}

// Refuse makes every entry that match selects fail with a code, until [Bed.Accept].
func (b *Bed) Refuse(code string, match func(eventbridge.Entry) bool) { b.refuse(code, match, -1) }

// RefuseNext makes the next entry that match selects, and no refusal before it, fail with a code.
func (b *Bed) RefuseNext(code string, match func(eventbridge.Entry) bool) { b.refuse(code, match, 1) }

func (b *Bed) refuse(code string, match func(eventbridge.Entry) bool, times int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refusals = append(b.refusals, refusal{code, match, times})
}

// Accept ends all refusals.
func (b *Bed) Accept() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refusals = nil
}

// Any selects every entry for [Bed.Refuse].
func Any(eventbridge.Entry) bool { return true }

// EventID selects entries for [Bed.Refuse] by the id in their detail.
func EventID(id string) func(eventbridge.Entry) bool {
	return func(e eventbridge.Entry) bool { return IDOf(e) == id }
}

// DetailType selects entries for [Bed.Refuse] by their type.
func DetailType(detailType string) func(eventbridge.Entry) bool {
	return func(e eventbridge.Entry) bool { return e.DetailType == detailType }
}

// Source selects entries for [Bed.Refuse] by their source.
func Source(source string) func(eventbridge.Entry) bool {
	return func(e eventbridge.Entry) bool { return e.Source == source }
}

// IDOf returns the id in an entry's detail, or "".
func IDOf(e eventbridge.Entry) string {
	var detail struct{ ID string }
	_ = json.Unmarshal(e.Detail, &detail)
	return detail.ID
}

func (b *Bed) accept(e eventbridge.Entry) *awsjson.Error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.refusals {
		if r := &b.refusals[i]; r.left != 0 && r.match(e) {
			r.left--
			return &awsjson.Error{Code: r.code, Message: "refused by the test"}
		}
	}
	b.events = append(b.events, e)
	return nil
}

// Events returns what is on the bus, in order.
func (b *Bed) Events() []eventbridge.Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.events)
}

// Take removes all events from the bus and returns them, in order.
func (b *Bed) Take() []eventbridge.Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	events := b.events
	b.events = nil
	return events
}

// TakeIDs removes all events from the bus and returns their ids, sorted.
func (b *Bed) TakeIDs() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	ids := []string{}
	for _, e := range b.events {
		ids = append(ids, IDOf(e))
	}
	b.events = nil
	slices.Sort(ids)
	return ids
}

// MeterType is the event type with a schema that tests use.
const MeterType = "v1.billing.meter.error_report_triggered"

// Thin returns a thin event, with white space to be kept.
func Thin(id, eventType string) string {
	return fmt.Sprintf(`{"id":%q, "object":"v2.core.event","type":%q,"created":"2024-08-28T20:54:12.051Z","livemode":false,`+
		`"context":"acct_1/acct_2","related_object":{"id":"mtr_1","type":"billing.meter","url":"/v1/billing/meters/mtr_1"}}`, id, eventType)
}

// Full returns the full event behind [Thin], with [MeterType]'s data and text not to be shown.
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
