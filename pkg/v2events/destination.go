package v2events

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// Destination is where Stripe sends events. Optional members that are null are "" or nil.
//
// It keeps no raw JSON, on purpose: that would hold the signing secret in clear.
// See https://docs.stripe.com/api/v2/core/event-destinations/object.
type Destination struct {
	ID          string          `json:"id"`
	Object      string          `json:"object"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Type        DestinationType `json:"type"`
	// EventPayload says whether thin or snapshot events are sent.
	EventPayload EventPayload `json:"event_payload"`
	// SnapshotAPIVersion is the version that snapshot payloads are written in; "" for thin events, which have none.
	SnapshotAPIVersion string            `json:"snapshot_api_version"`
	EnabledEvents      []string          `json:"enabled_events"`
	EventsFrom         []EventSource     `json:"events_from"`
	Status             DestinationStatus `json:"status"`
	StatusDetails      *StatusDetails    `json:"status_details"`
	Livemode           bool              `json:"livemode"`
	Metadata           map[string]string `json:"metadata"`
	Created            time.Time         `json:"created"`
	Updated            time.Time         `json:"updated"`
	// One of the following is set, as Type says.
	WebhookEndpoint   *WebhookEndpoint   `json:"webhook_endpoint"`
	AmazonEventBridge *AmazonEventBridge `json:"amazon_eventbridge"`
	AzureEventGrid    *AzureEventGrid    `json:"azure_event_grid"`
}

// WebhookEndpoint is a destination reached by HTTPS.
type WebhookEndpoint struct {
	// SigningSecret is what to verify deliveries with. Stripe shows it once, in the answer to Create; it is "" ever after.
	SigningSecret stripesig.Secret `json:"signing_secret"`
	// URL is "" unless IncludeURL was asked for.
	URL string `json:"url"`
}

// AmazonEventBridge is a destination in AWS. The event source must be associated with a bus within 7 days.
type AmazonEventBridge struct {
	AWSAccountID         string            `json:"aws_account_id"`
	AWSEventSourceARN    string            `json:"aws_event_source_arn"`
	AWSEventSourceStatus EventSourceStatus `json:"aws_event_source_status"`
}

// AzureEventGrid is a destination in Azure.
type AzureEventGrid struct {
	AzureRegion             string             `json:"azure_region"`
	AzureResourceGroupName  string             `json:"azure_resource_group_name"`
	AzureSubscriptionID     string             `json:"azure_subscription_id"`
	AzurePartnerTopicName   string             `json:"azure_partner_topic_name"`
	AzurePartnerTopicStatus PartnerTopicStatus `json:"azure_partner_topic_status"`
}

// StatusDetails says more about a status. Disabled is nil while the destination is enabled.
type StatusDetails struct {
	Disabled *DisabledDetails `json:"disabled"`
}

// DisabledDetails says why a destination is disabled.
type DisabledDetails struct {
	Reason DisabledReason `json:"reason"`
}

// parseDestination decodes Stripe's answer. The errors of encoding/json name members and kinds, so no secret gets into them.
func parseDestination(body []byte) (*Destination, error) {
	var d Destination
	if err := json.Unmarshal(body, &d); err != nil {
		return nil, fmt.Errorf("%w: destination: %w", ErrField, err)
	}
	if d.ID == "" {
		return nil, fmt.Errorf("%w: destination: id: missing", ErrField)
	}
	return &d, nil
}
