package v2events_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/pkg/v2events"
)

func TestEnumsKnowTheirConstants(t *testing.T) {
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
		"meter":       {v2events.MeterActive, v2events.MeterInactive},
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
		v2events.DestinationStatus("x"), v2events.DisabledReason("x"), v2events.EventSourceStatus("x"), v2events.PartnerTopicStatus("x"), v2events.Include("x"), v2events.MeterStatus("x"),
	} {
		if v.Known() {
			t.Errorf("%T x is known", v)
		}
	}
}

func TestErrorsOfDestinationsQuoteNoValue(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{
		`{"id":"ed_1","webhook_endpoint":{"signing_secret":4242.4242}}`:   "webhook_endpoint.signing_secret: a number where string is due",
		`{"id":"ed_1","webhook_endpoint":{"signing_secret":["4242"]}}`:    "webhook_endpoint.signing_secret: an array where string is due",
		`{"id":"ed_1","created":"whsec_4242"}`:                            "not an RFC 3339 date and time",
		`{"webhook_endpoint":{"signing_secret":"whsec_4242","url":null}}`: "destination: id: missing",
	} {
		got, err := v2events.NewClient(stub(t, 200, answer)).Destinations().Retrieve(t.Context(), "ed_1")
		if got != nil || !errors.Is(err, v2events.ErrField) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "4242") {
			t.Errorf("%s: Retrieve = %v, %v; want %v with %q and no value", answer, got, err, v2events.ErrField, want)
		}
	}
}
