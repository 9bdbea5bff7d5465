package v2events

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// Destination is where Stripe sends events. Optional members that are null are "" or nil. The enums
// are open: a value without a constant here is kept unchanged, and its Known method returns false.
//
// There is deliberately no Raw field: it would contain the signing secret in plain text. See
// https://docs.stripe.com/api/v2/core/event-destinations/object.
type Destination struct {
	ID          string          `json:"id"`
	Object      string          `json:"object"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Type        DestinationType `json:"type"`
	// EventPayload says whether thin or snapshot events are sent.
	EventPayload EventPayload `json:"event_payload"`
	// SnapshotAPIVersion is the version of snapshot payloads; "" for thin events, which have none.
	SnapshotAPIVersion string            `json:"snapshot_api_version"`
	EnabledEvents      []string          `json:"enabled_events"`
	EventsFrom         []EventSource     `json:"events_from"`
	Status             DestinationStatus `json:"status"`
	StatusDetails      *StatusDetails    `json:"status_details"`
	Livemode           bool              `json:"livemode"`
	Metadata           map[string]string `json:"metadata"`
	Created            time.Time         `json:"created,omitzero"`
	Updated            time.Time         `json:"updated,omitzero"`
	// Type determines which one of the following is set.
	WebhookEndpoint   *WebhookEndpoint   `json:"webhook_endpoint"`
	AmazonEventBridge *AmazonEventBridge `json:"amazon_eventbridge"`
	AzureEventGrid    *AzureEventGrid    `json:"azure_event_grid"`
}

// WebhookEndpoint is a destination reached by HTTPS.
type WebhookEndpoint struct {
	// SigningSecret verifies deliveries. Stripe shows it once, in the answer to
	// [Destinations.Create]; otherwise it is "".
	SigningSecret stripesig.Secret `json:"signing_secret"`
	// URL is "" unless [IncludeURL] was asked for.
	URL string `json:"url"`
}

// Format prints the fields, with a placeholder for the secret. Without it, %s would print the secret
// of a [Destination], because fmt calls no methods below a nested pointer for such a verb.
func (e WebhookEndpoint) Format(f fmt.State, verb rune) {
	type members WebhookEndpoint
	_, _ = fmt.Fprintf(f, fmt.FormatString(f, verb), members(e))
}

// AmazonEventBridge is a destination in AWS. Its event source must be associated with a bus within
// 7 days.
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

// StatusDetails explains a status. Disabled is nil while the destination is enabled.
type StatusDetails struct {
	Disabled *DisabledDetails `json:"disabled"`
}

// DisabledDetails says why a destination is disabled.
type DisabledDetails struct {
	Reason DisabledReason `json:"reason"`
}

// parseDestination decodes Stripe's answer. Its errors quote no value, which may be the secret.
func parseDestination(body []byte) (*Destination, error) {
	var d Destination
	if err := json.Unmarshal(body, &d); err != nil {
		return nil, fmt.Errorf("destination: %w", decodingError(err))
	}
	if d.ID == "" {
		return nil, fmt.Errorf("%w: destination: id: missing", ErrField)
	}
	return &d, nil
}

// DestinationType is the kind of place that events are sent to.
type DestinationType string

// The destination types that Stripe documents.
const (
	TypeWebhookEndpoint   DestinationType = "webhook_endpoint"
	TypeAmazonEventBridge DestinationType = "amazon_eventbridge"
	TypeAzureEventGrid    DestinationType = "azure_event_grid"
)

// Known reports whether this version of the package has a constant for t.
func (t DestinationType) Known() bool {
	return t == TypeWebhookEndpoint || t == TypeAmazonEventBridge || t == TypeAzureEventGrid
}

// EventPayload is the form in which events are sent.
type EventPayload string

// The payloads that Stripe documents.
const (
	PayloadThin     EventPayload = "thin"
	PayloadSnapshot EventPayload = "snapshot"
)

// Known reports whether this version of the package has a constant for p.
func (p EventPayload) Known() bool { return p == PayloadThin || p == PayloadSnapshot }

// EventSource says whose events a destination receives.
type EventSource string

// The event sources that Stripe documents.
const (
	FromSelf                        EventSource = "@self"
	FromAccounts                    EventSource = "@accounts"
	FromOrganizationMembers         EventSource = "@organization_members"
	FromOrganizationMembersAccounts EventSource = "@organization_members/@accounts"
)

// Known reports whether this version of the package has a constant for s.
func (s EventSource) Known() bool {
	return s == FromSelf || s == FromAccounts || s == FromOrganizationMembers || s == FromOrganizationMembersAccounts
}

// DestinationStatus says whether events are sent.
type DestinationStatus string

// The destination statuses that Stripe documents.
const (
	StatusEnabled  DestinationStatus = "enabled"
	StatusDisabled DestinationStatus = "disabled"
)

// Known reports whether this version of the package has a constant for s.
func (s DestinationStatus) Known() bool { return s == StatusEnabled || s == StatusDisabled }

// DisabledReason says why a destination is disabled.
type DisabledReason string

// The reasons that Stripe documents.
const (
	DisabledByUser              DisabledReason = "user"
	DisabledNoAWSEventSource    DisabledReason = "no_aws_event_source_exists"
	DisabledNoAzurePartnerTopic DisabledReason = "no_azure_partner_topic_exists"
)

// Known reports whether this version of the package has a constant for r.
func (r DisabledReason) Known() bool {
	return r == DisabledByUser || r == DisabledNoAWSEventSource || r == DisabledNoAzurePartnerTopic
}

// EventSourceStatus is the state of the partner event source in AWS.
type EventSourceStatus string

// The event source statuses that Stripe documents.
const (
	EventSourceActive  EventSourceStatus = "active"
	EventSourcePending EventSourceStatus = "pending"
	EventSourceDeleted EventSourceStatus = "deleted"
	EventSourceUnknown EventSourceStatus = "unknown"
)

// Known reports whether this version of the package has a constant for s.
func (s EventSourceStatus) Known() bool {
	return s == EventSourceActive || s == EventSourcePending || s == EventSourceDeleted || s == EventSourceUnknown
}

// PartnerTopicStatus is the state of the partner topic in Azure.
type PartnerTopicStatus string

// The partner topic statuses that Stripe documents.
const (
	PartnerTopicActivated      PartnerTopicStatus = "activated"
	PartnerTopicNeverActivated PartnerTopicStatus = "never_activated"
	PartnerTopicDeleted        PartnerTopicStatus = "deleted"
	PartnerTopicUnknown        PartnerTopicStatus = "unknown"
)

// Known reports whether this version of the package has a constant for s.
func (s PartnerTopicStatus) Known() bool {
	return s == PartnerTopicActivated || s == PartnerTopicNeverActivated || s == PartnerTopicDeleted || s == PartnerTopicUnknown
}

// Include names a member that Stripe leaves null unless it is asked for.
type Include string

// The members that can be asked for.
const (
	IncludeSigningSecret Include = "webhook_endpoint.signing_secret" // Create only
	IncludeURL           Include = "webhook_endpoint.url"
)

// Known reports whether this version of the package has a constant for i.
func (i Include) Known() bool { return i == IncludeSigningSecret || i == IncludeURL }
