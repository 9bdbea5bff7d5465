package v2events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/meterbridge/meterbridge/pkg/internal/eventjson"
)

// MeterObject is the value of the "object" member of every [Meter]: "billing.meter".
const MeterObject = "billing.meter"

// Meter is the billing meter that a [MeterErrorReportTriggered] is about; [RelatedObjectAs] reads
// it. Members that are absent or null are zero.
//
// See https://docs.stripe.com/api/billing/meter/object.
type Meter struct {
	ID string
	// DisplayName is the name in Stripe's dashboard.
	DisplayName string
	// EventName is the name under which usage events are sent to the meter.
	EventName string
	// EventTimeWindow is the window over which usage is pre-aggregated: "day", "hour" or "". The
	// set is open.
	EventTimeWindow string
	Status          MeterStatus
	// DeactivatedAt is zero for an active meter.
	DeactivatedAt time.Time
	// CustomerMapping determines which customer a usage event is for.
	CustomerMapping MeterCustomerMapping
	// Formula aggregates usage over a billing period: "count", "last" or "sum". The set is open.
	Formula string
	// ValueKey is the key in a usage event's payload under which the value to aggregate is found.
	ValueKey string
	Livemode bool
	// Created and Updated are in whole seconds.
	Created, Updated time.Time
	// Raw is a private copy of the bytes that were parsed.
	Raw json.RawMessage
}

// MeterStatus is whether a [Meter] accepts usage. The set is open.
type MeterStatus string

// The statuses of meters that Stripe documents.
const (
	MeterActive   MeterStatus = "active"
	MeterInactive MeterStatus = "inactive"
)

// Known reports whether this version of the package has a constant for s.
func (s MeterStatus) Known() bool { return s == MeterActive || s == MeterInactive }

// MeterCustomerMapping determines which customer a usage event is for.
type MeterCustomerMapping struct {
	// EventPayloadKey is the key in a usage event's payload under which the customer is found.
	EventPayloadKey string
	// Type is how the customer is found: "by_id". The set is open.
	Type string
}

// UnmarshalJSON decodes a meter leniently; null leaves m unchanged. For an object of another kind
// the error is [ErrObject]; the other errors are [ErrSyntax] and [ErrField].
func (m *Meter) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	r, err := eventjson.Parse(data)
	if err != nil {
		return err
	}
	r.AllowMissing()
	if object := r.String("object"); object != "" && object != MeterObject {
		return fmt.Errorf("%w: %q member is not %q", ErrObject, "object", MeterObject)
	}
	mapping := r.Object("customer_mapping")
	meter := Meter{
		ID:              r.String("id"),
		DisplayName:     r.String("display_name"),
		EventName:       r.String("event_name"),
		EventTimeWindow: r.String("event_time_window"),
		Status:          MeterStatus(r.String("status")),
		DeactivatedAt:   readUnix(r.Object("status_transitions"), "deactivated_at"),
		CustomerMapping: MeterCustomerMapping{mapping.String("event_payload_key"), mapping.String("type")},
		Formula:         r.Object("default_aggregation").String("formula"),
		ValueKey:        r.Object("value_settings").String("event_payload_key"),
		Livemode:        r.Bool("livemode"),
		Created:         readUnix(r, "created"),
		Updated:         readUnix(r, "updated"),
	}
	if err := r.Err(); err != nil {
		return err
	}
	meter.Raw = bytes.Clone(data)
	*m = meter
	return nil
}

// MarshalJSON returns Raw, the bytes that Stripe sent, or null for a Meter made by hand.
func (m Meter) MarshalJSON() ([]byte, error) {
	if m.Raw == nil {
		return []byte("null"), nil
	}
	return m.Raw, nil
}

// readUnix reads a number of Unix seconds; a member that is missing or null is the zero time.
func readUnix(r *eventjson.Reader, name string) time.Time {
	if r.Null(name) {
		return time.Time{}
	}
	return time.Unix(r.Int(name), 0).UTC()
}
