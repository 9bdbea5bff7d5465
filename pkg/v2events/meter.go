package v2events

import (
	"time"

	"github.com/meterbridge/meterbridge/pkg/internal/eventjson"
)

// The event types with typed data. Both meter types share one report.
var (
	// MeterErrorReportTriggered tells that usage sent to a meter was invalid.
	// See https://docs.stripe.com/api/v2/core/events/event-types#v1.billing.meter.error_report_triggered.
	MeterErrorReportTriggered = NewKind[MeterErrorReport]("v1.billing.meter.error_report_triggered")
	// MeterNotFound tells that usage named a meter that does not exist. Its events have no related object.
	// See https://docs.stripe.com/api/v2/core/events/event-types#v1.billing.meter.no_meter_found.
	MeterNotFound = NewKind[MeterErrorReport]("v1.billing.meter.no_meter_found")
	// EventDestinationPing is the test event that Destinations.Ping asks for. It has no data.
	// See https://docs.stripe.com/api/v2/core/event-destinations/ping.
	EventDestinationPing = NewKind[struct{}]("v2.core.event_destination.ping")
)

// MeterErrorReport says which usage events Stripe could not count, and why. Stripe validates usage in short windows and
// reports at most once per window.
//
// Decoding requires every member that Stripe's schema requires, and ignores members it does not know.
// See https://docs.stripe.com/billing/subscriptions/usage-based/recording-usage-api#handle-meter-event-errors.
type MeterErrorReport struct {
	// DeveloperMessageSummary is a sentence for people, such as "There is 1 invalid event".
	DeveloperMessageSummary string           `json:"developer_message_summary"`
	Reason                  MeterErrorReason `json:"reason"`
	// ValidationStart and ValidationEnd bound the window that the report is about.
	ValidationStart time.Time `json:"validation_start"`
	ValidationEnd   time.Time `json:"validation_end"`
}

// MeterErrorReason groups the invalid usage events of a report by error code.
type MeterErrorReason struct {
	// ErrorCount is the number of invalid usage events in the window.
	ErrorCount int64            `json:"error_count"`
	ErrorTypes []MeterErrorType `json:"error_types"`
}

// MeterErrorType is what one error code did in the window.
type MeterErrorType struct {
	Code       MeterErrorCode `json:"code"`
	ErrorCount int64          `json:"error_count"`
	// SampleErrors are some of the errors, not all.
	SampleErrors []MeterSampleError `json:"sample_errors"`
}

// MeterSampleError is one usage event that was refused.
type MeterSampleError struct {
	ErrorMessage string            `json:"error_message"`
	Request      MeterErrorRequest `json:"request"`
}

// MeterErrorRequest identifies the request that carried a refused usage event.
type MeterErrorRequest struct {
	// Identifier is the usage event's identifier, or the idempotency key of the request.
	Identifier string `json:"identifier"`
}

// MeterErrorCode says why usage was refused. The set is open: new codes appear without notice.
type MeterErrorCode string

// The codes that Stripe documents.
const (
	MeterArchived                MeterErrorCode = "archived_meter"
	MeterCustomerNotFound        MeterErrorCode = "meter_event_customer_not_found"
	MeterDimensionCountTooHigh   MeterErrorCode = "meter_event_dimension_count_too_high"
	MeterInvalidValue            MeterErrorCode = "meter_event_invalid_value"
	MeterNoCustomerDefined       MeterErrorCode = "meter_event_no_customer_defined"
	MeterValueTooManyDigits      MeterErrorCode = "meter_event_value_too_many_digits"
	MeterMissingDimensionPayload MeterErrorCode = "missing_dimension_payload_keys"
	MeterNoMeter                 MeterErrorCode = "no_meter"
	MeterTimestampInFuture       MeterErrorCode = "timestamp_in_future"
	MeterTimestampTooFarInPast   MeterErrorCode = "timestamp_too_far_in_past"
)

// Known reports whether this version of the package has a constant for c.
func (c MeterErrorCode) Known() bool {
	switch c {
	case MeterArchived, MeterCustomerNotFound, MeterDimensionCountTooHigh, MeterInvalidValue, MeterNoCustomerDefined,
		MeterValueTooManyDigits, MeterMissingDimensionPayload, MeterNoMeter, MeterTimestampInFuture, MeterTimestampTooFarInPast:
		return true
	}
	return false
}

// UnmarshalJSON decodes a report strictly; its errors are ErrSyntax and ErrField.
func (m *MeterErrorReport) UnmarshalJSON(data []byte) error {
	r, err := eventjson.Parse(data)
	if err != nil {
		return err
	}
	report := MeterErrorReport{
		DeveloperMessageSummary: r.String("developer_message_summary"),
		Reason:                  readMeterReason(r.Object("reason")),
		ValidationStart:         r.Time("validation_start"),
		ValidationEnd:           r.Time("validation_end"),
	}
	if err := r.Err(); err != nil {
		return err
	}
	*m = report
	return nil
}

func readMeterReason(r *eventjson.Reader) MeterErrorReason {
	groups := r.Objects("error_types")
	reason := MeterErrorReason{ErrorCount: readCount(r), ErrorTypes: make([]MeterErrorType, len(groups))}
	for i, g := range groups {
		reason.ErrorTypes[i] = MeterErrorType{
			Code:         MeterErrorCode(g.String("code")),
			ErrorCount:   readCount(g),
			SampleErrors: readSampleErrors(g.Objects("sample_errors")),
		}
	}
	return reason
}

func readSampleErrors(list []*eventjson.Reader) []MeterSampleError {
	samples := make([]MeterSampleError, len(list))
	for i, s := range list {
		samples[i] = MeterSampleError{
			ErrorMessage: s.String("error_message"),
			Request:      MeterErrorRequest{Identifier: s.Object("request").String("identifier")},
		}
	}
	return samples
}

func readCount(r *eventjson.Reader) int64 {
	const name = "error_count"
	n := r.Int(name)
	if n < 0 {
		r.Fail(name, "negative")
	}
	return n
}
