package v2events

import (
	"time"

	"github.com/meterbridge/meterbridge/pkg/internal/eventjson"
)

// The event types with typed data. Both meter types share one report.
var (
	// MeterErrorReportTriggered reports that usage sent to a meter was invalid. Its related object
	// is the [Meter]. See
	// https://docs.stripe.com/api/v2/core/events/event-types#v1.billing.meter.error_report_triggered.
	MeterErrorReportTriggered = NewKind[MeterErrorReport]("v1.billing.meter.error_report_triggered")
	// MeterNotFound reports that usage named a meter that does not exist. It has no related object.
	// See https://docs.stripe.com/api/v2/core/events/event-types#v1.billing.meter.no_meter_found.
	MeterNotFound = NewKind[MeterErrorReport]("v1.billing.meter.no_meter_found")
	// EventDestinationPing is the test event that [Destinations.Ping] requests. It has no data. See
	// https://docs.stripe.com/api/v2/core/event-destinations/ping.
	EventDestinationPing = NewKind[struct{}]("v2.core.event_destination.ping")
)

// MeterErrorReport lists usage events that Stripe could not count, and the reasons. Stripe
// validates usage in short windows and reports at most once per window.
//
// Stripe does not always send every member that its published schema requires: [Kind.Data] leaves a
// missing one zero, and [Kind.Validate] lists it. A zero time or nil list is not encoded. See
// https://docs.stripe.com/billing/subscriptions/usage-based/recording-usage-api#handle-meter-event-errors.
type MeterErrorReport struct {
	// DeveloperMessageSummary is a sentence for people, such as "There is 1 invalid event".
	DeveloperMessageSummary string           `json:"developer_message_summary"`
	Reason                  MeterErrorReason `json:"reason"`
	// ValidationStart and ValidationEnd are the start and end of the window that the report covers.
	ValidationStart time.Time `json:"validation_start,omitzero"`
	ValidationEnd   time.Time `json:"validation_end,omitzero"`
}

// MeterErrorReason groups the invalid usage events of a report by error code.
type MeterErrorReason struct {
	// ErrorCount is the number of invalid usage events in the window.
	ErrorCount int64            `json:"error_count"`
	ErrorTypes []MeterErrorType `json:"error_types,omitzero"`
}

// MeterErrorType counts the usage events of the window that failed with one error code.
type MeterErrorType struct {
	Code       MeterErrorCode `json:"code"`
	ErrorCount int64          `json:"error_count"`
	// SampleErrors are some of the errors, not all.
	SampleErrors []MeterSampleError `json:"sample_errors,omitzero"`
}

// MeterSampleError is one usage event that Stripe refused.
type MeterSampleError struct {
	ErrorMessage string            `json:"error_message"`
	Request      MeterErrorRequest `json:"request"`
}

// MeterErrorRequest identifies the request that contained a refused usage event.
type MeterErrorRequest struct {
	// Identifier is the usage event's identifier, or the idempotency key of the request.
	Identifier string `json:"identifier"`
}

// MeterErrorCode is the reason usage was refused. The set is open: new codes appear without notice.
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

// UnmarshalJSON decodes a report leniently; null leaves m unchanged. Its errors are [ErrSyntax] and
// [ErrField].
func (m *MeterErrorReport) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	r, err := eventjson.Parse(data)
	if err != nil {
		return err
	}
	r.AllowMissing()
	report := readReport(r)
	if err := r.Err(); err != nil {
		return err
	}
	*m = report
	return nil
}

// validate decodes a report strictly and returns all faults.
func (*MeterErrorReport) validate(data []byte) error {
	r, err := eventjson.Parse(data)
	if err != nil {
		return err
	}
	r.CollectFaults()
	readReport(r)
	return r.Err()
}

func readReport(r *eventjson.Reader) MeterErrorReport {
	return MeterErrorReport{
		DeveloperMessageSummary: r.String("developer_message_summary"),
		Reason:                  readMeterReason(r.Object("reason")),
		ValidationStart:         r.Time("validation_start"),
		ValidationEnd:           r.Time("validation_end"),
	}
}

func readMeterReason(r *eventjson.Reader) MeterErrorReason {
	return MeterErrorReason{ErrorCount: readCount(r), ErrorTypes: readList(r.Objects("error_types"), readErrorType)}
}

func readErrorType(r *eventjson.Reader) MeterErrorType {
	return MeterErrorType{
		Code:         MeterErrorCode(r.String("code")),
		ErrorCount:   readCount(r),
		SampleErrors: readList(r.Objects("sample_errors"), readSampleError),
	}
}

func readSampleError(r *eventjson.Reader) MeterSampleError {
	return MeterSampleError{
		ErrorMessage: r.String("error_message"),
		Request:      MeterErrorRequest{Identifier: r.Object("request").String("identifier")},
	}
}

func readCount(r *eventjson.Reader) int64 {
	const name = "error_count"
	n := r.Int(name)
	r.Require(name, n >= 0, "negative")
	return n
}

// readList reads each object; a nil list, which is not an empty one, stays nil.
func readList[T any](objects []*eventjson.Reader, read func(*eventjson.Reader) T) []T {
	if objects == nil {
		return nil
	}
	list := make([]T, len(objects))
	for i, object := range objects {
		list[i] = read(object)
	}
	return list
}
