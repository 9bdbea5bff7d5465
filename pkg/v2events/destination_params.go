package v2events

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
)

// DestinationCreateParams describe a new destination. Name, Type, EventPayload, EnabledEvents and the member that Type
// names are required.
type DestinationCreateParams struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Type        DestinationType `json:"type"`
	// EventPayload cannot be changed later. Thin and snapshot events need a destination each.
	EventPayload EventPayload `json:"event_payload"`
	// EnabledEvents are the event types to send. "*" is for snapshot payloads only.
	EnabledEvents []string `json:"enabled_events"`
	// EventsFrom says whose events to send; nil leaves it to Stripe (FromSelf).
	EventsFrom []EventSource `json:"events_from,omitempty"`
	// SnapshotAPIVersion fixes the version of snapshot payloads. Thin events have no version: leave it empty for them.
	SnapshotAPIVersion string            `json:"snapshot_api_version,omitempty"`
	Metadata           map[string]string `json:"metadata,omitempty"`
	// Include asks for members that are null otherwise. Nil means all: for a webhook endpoint its URL and, this once,
	// its signing secret.
	Include []Include `json:"include,omitempty"`

	WebhookEndpoint   *WebhookEndpointParams   `json:"webhook_endpoint,omitempty"`
	AmazonEventBridge *AmazonEventBridgeParams `json:"amazon_eventbridge,omitempty"`
	AzureEventGrid    *AzureEventGridParams    `json:"azure_event_grid,omitempty"`

	// Context is the account, or path of accounts, to act for.
	Context string `json:"-"`
	// IdempotencyKey makes it safe to call again after an unclear end; by default each call has its own.
	IdempotencyKey string `json:"-"`
}

// WebhookEndpointParams say where to POST events. The URL must be https; sandboxes take http too.
type WebhookEndpointParams struct {
	URL string `json:"url"`
}

// AmazonEventBridgeParams name the AWS account of 12 digits and the region to create the partner event source in.
type AmazonEventBridgeParams struct {
	AWSAccountID string `json:"aws_account_id"`
	AWSRegion    string `json:"aws_region"`
}

// AzureEventGridParams name where to create the partner topic. All are required.
type AzureEventGridParams struct {
	AzureRegion            string `json:"azure_region"`
	AzureResourceGroupName string `json:"azure_resource_group_name"`
	AzureSubscriptionID    string `json:"azure_subscription_id"`
}

// DestinationListParams choose a page size and what to include. The zero value lists all of the key's own account.
type DestinationListParams struct {
	// Limit is the number of destinations per page; zero leaves it to Stripe.
	Limit int
	// Include asks for members that are null otherwise; nil means IncludeURL, an empty slice nothing.
	Include []Include
	// Context is the account, or path of accounts, whose destinations to list.
	Context string
}

// DestinationUpdateParams say what to change; nil members stay as they are. The type, the payload, the snapshot version and
// whose events are sent cannot change: create another destination for that.
type DestinationUpdateParams struct {
	Name        *string `json:"name,omitempty"`
	Description *string `json:"description,omitempty"`
	// EnabledEvents replace the present ones.
	EnabledEvents []string `json:"enabled_events,omitempty"`
	// Metadata is merged into the present one; a nil value removes its key.
	Metadata        map[string]*string     `json:"metadata,omitempty"`
	WebhookEndpoint *WebhookEndpointParams `json:"webhook_endpoint,omitempty"`
	// Include asks for members that are null otherwise; nil means IncludeURL, an empty slice nothing.
	Include []Include `json:"include,omitempty"`

	// Context is the account, or path of accounts, to act for.
	Context string `json:"-"`
	// IdempotencyKey makes it safe to call again after an unclear end; by default each call has its own.
	IdempotencyKey string `json:"-"`
}

func (p DestinationCreateParams) check() error {
	switch {
	case p.Name == "":
		return errors.New("name is empty; it is how people tell destinations apart")
	case p.Type == "":
		return fmt.Errorf("type is empty; use %q, %q or %q", TypeWebhookEndpoint, TypeAmazonEventBridge, TypeAzureEventGrid)
	case p.EventPayload == "":
		return fmt.Errorf("event payload is empty; use %q or %q", PayloadThin, PayloadSnapshot)
	case len(p.EnabledEvents) == 0:
		return errors.New("enabled events are empty; name at least one event type")
	case p.EventPayload == PayloadThin && p.SnapshotAPIVersion != "":
		return errors.New("thin events have no version; leave snapshot API version empty or use the snapshot payload")
	case p.EventPayload == PayloadThin && slices.Contains(p.EnabledEvents, "*"):
		return errors.New(`"*" is for snapshot payloads; name the types of thin events one by one`)
	}
	return p.checkPlace()
}

// checkPlace makes sure that the one place described is that of the type.
func (p DestinationCreateParams) checkPlace() error {
	for _, place := range []struct {
		kind  DestinationType
		given bool
	}{
		{TypeWebhookEndpoint, p.WebhookEndpoint != nil},
		{TypeAmazonEventBridge, p.AmazonEventBridge != nil},
		{TypeAzureEventGrid, p.AzureEventGrid != nil},
	} {
		switch {
		case place.kind == p.Type && !place.given:
			return fmt.Errorf("a destination of type %q needs its %s parameters", p.Type, place.kind)
		case place.kind != p.Type && place.given && p.Type.Known():
			return fmt.Errorf("a destination of type %q takes no %s parameters", p.Type, place.kind)
		}
	}
	return errors.Join(p.WebhookEndpoint.check(), p.AmazonEventBridge.check(), p.AzureEventGrid.check())
}

func (p *WebhookEndpointParams) check() error {
	if p == nil {
		return nil
	}
	u, err := url.Parse(p.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("webhook endpoint URL is not an absolute https URL (sandboxes take http too)")
	}
	return nil
}

func (p *AmazonEventBridgeParams) check() error {
	if p == nil {
		return nil
	}
	notDigit := func(r rune) bool { return r < '0' || r > '9' }
	switch {
	case len(p.AWSAccountID) != 12 || slices.ContainsFunc([]rune(p.AWSAccountID), notDigit):
		return errors.New("AWS account id is not 12 digits; leave out dashes and spaces")
	case p.AWSRegion == "":
		return errors.New("AWS region is empty; use that of the bus, such as us-east-1")
	}
	return nil
}

func (p *AzureEventGridParams) check() error {
	if p == nil || p.AzureRegion != "" && p.AzureResourceGroupName != "" && p.AzureSubscriptionID != "" {
		return nil
	}
	return errors.New("an Azure region, resource group name and subscription id are all needed")
}

func (p DestinationUpdateParams) check() error {
	switch {
	case p.Name == nil && p.Description == nil && p.EnabledEvents == nil && p.Metadata == nil && p.WebhookEndpoint == nil:
		return errors.New("nothing to change; set at least one member")
	case p.Name != nil && *p.Name == "":
		return errors.New("name is empty; leave it nil to keep the present one")
	case p.EnabledEvents != nil && len(p.EnabledEvents) == 0:
		return errors.New("enabled events are empty; leave them nil to keep the present ones, or disable the destination")
	}
	return p.WebhookEndpoint.check()
}
