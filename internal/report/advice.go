package report

import "github.com/meterbridge/meterbridge/pkg/v2events"

// Page is the page that says more about each code.
const Page = "docs/meter-errors.md"

// advice says in a sentence what to do about each code. The page has a section for each.
var advice = map[string]string{
	string(v2events.MeterArchived):                "reactivate the meter, or send the usage to another one",
	string(v2events.MeterCustomerNotFound):        "correct the customer's id, and check that it is of this account and mode",
	string(v2events.MeterDimensionCountTooHigh):   "send fewer distinct values of the meter's dimensions",
	string(v2events.MeterInvalidValue):            "send the value as a whole number",
	string(v2events.MeterNoCustomerDefined):       "put the customer's id into the payload, under the key that the meter names",
	string(v2events.MeterValueTooManyDigits):      "send the value with at most 15 digits",
	string(v2events.MeterMissingDimensionPayload): "put all of the meter's dimensions into the payload",
	string(v2events.MeterNoMeter):                 "correct event_name, or create a meter for it",
	string(v2events.MeterTimestampInFuture):       "correct the sender's clock, or the unit of the timestamp",
	string(v2events.MeterTimestampTooFarInPast):   "bill the usage in another way: Stripe accepts none that is older than 35 days",
	"meter_event_value_not_found":                 "put the value into the payload, under the key that the meter names",
	NoCode:                                        "look at the report itself, with meterbridge events show",
}

// Codes returns the codes that the advice knows.
func Codes() (codes []string) {
	for code := range advice {
		if code != NoCode {
			codes = append(codes, code)
		}
	}
	return codes
}

// Advice says in a sentence what to do about a code.
func Advice(code string) string {
	if text, known := advice[code]; known {
		return text
	}
	return "Stripe has added this code: see its documentation of meter event errors"
}
