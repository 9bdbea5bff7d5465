package v2events

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

const destinationsPath = "/v2/core/event_destinations"

// Destinations manages event destinations. It is immutable and safe for concurrent use.
//
// Its methods return the errors of [Client]'s methods, and [ErrParams] for parameters that Stripe
// would refuse. Retries within a call send the same idempotency key; to repeat a whole call safely,
// choose the key with [Destinations.With]. See
// https://docs.stripe.com/api/v2/core/event-destinations.
type Destinations struct{ api *stripeapi.Client }

// Destinations returns the event destinations of the Client's account.
func (c *Client) Destinations() *Destinations { return &Destinations{c.api} }

// With returns Destinations whose requests are sent with o, which can set their idempotency key;
// see [stripeapi.Client.With].
func (d *Destinations) With(o stripeapi.RequestOptions) *Destinations {
	return &Destinations{d.api.With(o)}
}

// Create makes a destination. Keep the [WebhookEndpoint].SigningSecret of the result: Stripe never
// shows it again.
// See https://docs.stripe.com/api/v2/core/event-destinations/create.
func (d *Destinations) Create(ctx context.Context, p DestinationCreateParams) (*Destination, error) {
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("create destination: %w: %w", ErrParams, err)
	}
	if p.Include == nil && p.Type == TypeWebhookEndpoint {
		p.Include = []Include{IncludeSigningSecret, IncludeURL}
	}
	return d.do(ctx, "create destination", stripeapi.Request{
		Method: http.MethodPost, Path: destinationsPath, Body: p, Context: p.Context, IdempotencyKey: p.IdempotencyKey,
	})
}

// List returns the account's destinations. It is as lazy as [Client.List].
// See https://docs.stripe.com/api/v2/core/event-destinations/list.
func (d *Destinations) List(ctx context.Context, p DestinationListParams) iter.Seq2[*Destination, error] {
	return d.list(p).items(ctx)
}

// Pages returns the account's destinations page by page, as [Client.Pages] does for events.
func (d *Destinations) Pages(ctx context.Context, p DestinationListParams) iter.Seq2[*Page[Destination], error] {
	return d.list(p).pages(ctx)
}

func (d *Destinations) list(p DestinationListParams) list[Destination] {
	l := list[Destination]{api: d.api, parse: parseDestination}
	switch {
	case p.Limit < 0:
		l.err = fmt.Errorf("list destinations: %w: limit is negative; use zero for Stripe's default", ErrParams)
	case p.PageURL != "" && (p.Limit != 0 || p.Include != nil):
		l.err = fmt.Errorf("list destinations: %w: %s", ErrParams, pageURLIsComplete)
	case p.PageURL != "":
		l.first = stripeapi.Request{Path: p.PageURL, Context: p.Context}
	default:
		params := stripeapi.Params{"limit": stripeapi.Optional(p.Limit), "include": p.names()}
		l.first = stripeapi.Request{Path: destinationsPath, Context: p.Context}
		l.first.Query, l.err = params.V2()
	}
	return l
}

// Retrieve returns a destination, with its URL but never with its signing secret.
// See https://docs.stripe.com/api/v2/core/event-destinations/retrieve.
func (d *Destinations) Retrieve(ctx context.Context, id string) (*Destination, error) {
	query := url.Values{"include[0]": {string(IncludeURL)}}
	return d.act(ctx, "retrieve", id, stripeapi.Request{Method: http.MethodGet, Query: query})
}

// Update changes a destination.
// See https://docs.stripe.com/api/v2/core/event-destinations/update.
func (d *Destinations) Update(ctx context.Context, id string, p DestinationUpdateParams) (*Destination, error) {
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("update destination: %w: %w", ErrParams, err)
	}
	if p.Include == nil {
		p.Include = []Include{IncludeURL}
	}
	return d.act(ctx, "update", id, stripeapi.Request{
		Method: http.MethodPost, Body: p, Context: p.Context, IdempotencyKey: p.IdempotencyKey,
	})
}

// Delete removes a destination. Pending deliveries are dropped. See
// https://docs.stripe.com/api/v2/core/event-destinations/delete.
func (d *Destinations) Delete(ctx context.Context, id string) error {
	_, err := d.act(ctx, "delete", id, stripeapi.Request{Method: http.MethodDelete})
	return err
}

// Enable makes Stripe send events again.
// See https://docs.stripe.com/api/v2/core/event-destinations/enable.
func (d *Destinations) Enable(ctx context.Context, id string) (*Destination, error) {
	return d.act(ctx, "enable", id, stripeapi.Request{Method: http.MethodPost, Path: "/enable", Body: including{[]Include{IncludeURL}}})
}

// Disable makes Stripe stop sending events. Retries that fall due while a destination is disabled
// are dropped. See https://docs.stripe.com/api/v2/core/event-destinations/disable.
func (d *Destinations) Disable(ctx context.Context, id string) (*Destination, error) {
	return d.act(ctx, "disable", id, stripeapi.Request{Method: http.MethodPost, Path: "/disable", Body: including{[]Include{IncludeURL}}})
}

// Ping makes Stripe send an [EventDestinationPing] to the destination and returns that event. It is
// delivered separately: success here does not mean that it arrived.
// See https://docs.stripe.com/api/v2/core/event-destinations/ping.
func (d *Destinations) Ping(ctx context.Context, id string) (*Event, error) {
	const doing = "ping destination"
	element, err := stripeapi.SanitizeID(id)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	body, err := d.api.Do(ctx, stripeapi.Request{Method: http.MethodPost, Path: destinationsPath + "/" + element + "/ping"})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	event, err := ParseEvent(body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	return event, nil
}

// act sends a request about one destination; r.Path is the part of the path after the id. The
// response must be about the same destination.
func (d *Destinations) act(ctx context.Context, verb, id string, r stripeapi.Request) (*Destination, error) {
	doing := verb + " destination"
	element, err := stripeapi.SanitizeID(id)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	r.Path = destinationsPath + "/" + element + r.Path
	answer, err := d.do(ctx, doing, r)
	switch {
	case err != nil:
		return nil, err
	case answer.ID != id:
		return nil, fmt.Errorf("%s: %w: the id differs", doing, ErrMismatch)
	}
	return answer, nil
}

// do sends a request whose response is a destination.
func (d *Destinations) do(ctx context.Context, doing string, r stripeapi.Request) (*Destination, error) {
	body, err := d.api.Do(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	destination, err := parseDestination(body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	return destination, nil
}

// including is the body of a call whose only parameter is Include.
type including struct {
	Include []Include `json:"include"`
}

// DestinationCreateParams describe a new destination. Name, Type, EventPayload, EnabledEvents and
// the member that Type names are required. [ThinWebhook] fills them in for the most common
// destination.
type DestinationCreateParams struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Type        DestinationType `json:"type"`
	// EventPayload cannot be changed later. Thin and snapshot events need separate destinations.
	EventPayload EventPayload `json:"event_payload"`
	// EnabledEvents are the event types to send. "*" is for snapshot payloads only.
	EnabledEvents []string `json:"enabled_events"`
	// EventsFrom selects whose events to send; nil means Stripe's default, [FromSelf].
	EventsFrom []EventSource `json:"events_from,omitempty"`
	// SnapshotAPIVersion fixes the version of snapshot payloads. Leave it empty for thin events,
	// which have no version.
	SnapshotAPIVersion string            `json:"snapshot_api_version,omitempty"`
	Metadata           map[string]string `json:"metadata,omitempty"`
	// Include asks for members that are null otherwise. Nil means all: the URL of a webhook
	// endpoint and, in the response to Create only, its signing secret.
	Include []Include `json:"include,omitempty"`

	WebhookEndpoint   *WebhookEndpointParams   `json:"webhook_endpoint,omitempty"`
	AmazonEventBridge *AmazonEventBridgeParams `json:"amazon_eventbridge,omitempty"`
	AzureEventGrid    *AzureEventGridParams    `json:"azure_event_grid,omitempty"`

	// Context is the account, or path of accounts, to act for. A [stripeapi.Context] converts to
	// it.
	Context string `json:"-"`
	// IdempotencyKey makes it safe to repeat the call after an unclear result. The default is a new
	// random key for each call.
	IdempotencyKey string `json:"-"`
}

// ThinWebhook returns the parameters of a webhook endpoint that receives thin events of the types.
// Change them if needed and pass them to [Destinations.Create].
func ThinWebhook(name, url string, eventTypes ...string) DestinationCreateParams {
	return DestinationCreateParams{
		Name:            name,
		Type:            TypeWebhookEndpoint,
		EventPayload:    PayloadThin,
		EnabledEvents:   eventTypes,
		WebhookEndpoint: &WebhookEndpointParams{URL: url},
	}
}

// WebhookEndpointParams say where to POST events. The URL must be https; sandboxes accept http too.
type WebhookEndpointParams struct {
	URL string `json:"url"`
}

// AmazonEventBridgeParams name the AWS account of 12 digits and the region to create the partner
// event source in.
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

// DestinationListParams choose a page size and what to include. The zero value lists all
// destinations of the key's own account.
type DestinationListParams struct {
	// Limit is the number of destinations per page; zero means Stripe's default.
	Limit int
	// Include asks for members that are null otherwise; nil means [IncludeURL], an empty slice
	// nothing.
	Include []Include
	// Context is the account, or path of accounts, whose destinations to list.
	Context string
	// PageURL starts the list at a page's URL from an earlier [Page]; see
	// [EventListParams].PageURL.
	PageURL string
}

// DestinationUpdateParams describe a change; nil members are left unchanged. The type, the payload,
// the snapshot version and the event source cannot change: create another destination instead.
type DestinationUpdateParams struct {
	Name        *string `json:"name,omitempty"`
	Description *string `json:"description,omitempty"`
	// EnabledEvents replace the current ones.
	EnabledEvents []string `json:"enabled_events,omitempty"`
	// Metadata is merged into the current metadata; a nil value removes its key.
	Metadata        map[string]*string     `json:"metadata,omitempty"`
	WebhookEndpoint *WebhookEndpointParams `json:"webhook_endpoint,omitempty"`
	// Include asks for members that are null otherwise; nil means [IncludeURL], an empty slice
	// nothing.
	Include []Include `json:"include,omitempty"`

	// Context is the account, or path of accounts, to act for. A [stripeapi.Context] converts to
	// it.
	Context string `json:"-"`
	// IdempotencyKey makes it safe to repeat the call after an unclear result. The default is a new
	// random key for each call.
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

// checkPlace checks that the parameters describe a place of the destination's type, and only that.
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
		return errors.New("webhook endpoint URL is not an absolute https URL (sandboxes accept http too)")
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
		return errors.New("name is empty; leave it nil to keep the current one")
	case p.EnabledEvents != nil && len(p.EnabledEvents) == 0:
		return errors.New("enabled events are empty; leave them nil to keep the current ones, or disable the destination")
	}
	return p.WebhookEndpoint.check()
}

// names returns what to include in a list; nil means the URL.
func (p DestinationListParams) names() []string {
	if p.Include == nil {
		return []string{string(IncludeURL)}
	}
	names := make([]string, len(p.Include))
	for i, include := range p.Include {
		names[i] = string(include)
	}
	return names
}
