package v2events

// The enums of event destinations are open: a value that this package has no constant for is kept as it is, and only
// Known tells the difference.

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

// EventSource says whose events a destination gets.
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
