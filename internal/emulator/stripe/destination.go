package stripe

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// Values of a destination's fields that the sandbox distinguishes.
const (
	typeWebhook     = "webhook_endpoint"
	typeEventBridge = "amazon_eventbridge"
	typeEventGrid   = "azure_event_grid"
	payloadThin     = "thin"
	payloadSnapshot = "snapshot"
	statusEnabled   = "enabled"
)

// Values of the include parameter.
const (
	includeSecret = "webhook_endpoint.signing_secret"
	includeURL    = "webhook_endpoint.url"
)

// A destination is an immutable event destination:
// https://docs.stripe.com/api/v2/core/event_destinations/object.
type destination struct {
	ID                 string            `json:"id"`
	Object             string            `json:"object"`
	Name               string            `json:"name"`
	Description        string            `json:"description"`
	Type               string            `json:"type"`
	EventPayload       string            `json:"event_payload"`
	SnapshotAPIVersion *string           `json:"snapshot_api_version"`
	EnabledEvents      []string          `json:"enabled_events"`
	EventsFrom         []string          `json:"events_from"`
	Status             string            `json:"status"`
	StatusDetails      *statusDetails    `json:"status_details"`
	Livemode           bool              `json:"livemode"`
	Metadata           map[string]string `json:"metadata"`
	Created            string            `json:"created"`
	Updated            string            `json:"updated"`
	WebhookEndpoint    *webhookEndpoint  `json:"webhook_endpoint"`
	AmazonEventbridge  map[string]string `json:"amazon_eventbridge"`
	AzureEventGrid     map[string]string `json:"azure_event_grid"`

	createdAt time.Time
	caller    caller
	url       string
	secret    stripesig.Secret
}

type statusDetails struct {
	Disabled struct {
		Reason string `json:"reason"`
	} `json:"disabled"`
}

type webhookEndpoint struct {
	SigningSecret *string `json:"signing_secret"`
	URL           *string `json:"url"`
}

func (d *destination) position() position { return position{Created: d.createdAt, ID: d.ID} }

func (d *destination) acceptsDeliveries() bool {
	return d.Type == typeWebhook && d.Status == statusEnabled
}

// with returns d with only the webhook fields that include names; the others are null.
func (d *destination) with(include []string) *destination {
	if d.Type != typeWebhook {
		return d
	}
	shown := *d
	shown.WebhookEndpoint = &webhookEndpoint{}
	if slices.Contains(include, includeURL) {
		shown.WebhookEndpoint.URL = &d.url
	}
	if slices.Contains(include, includeSecret) {
		shown.WebhookEndpoint.SigningSecret = new(string(d.secret))
	}
	return &shown
}

func readInclude(q *query) []string {
	items := q.list("include", 20)
	checkChoices(q.fail, "include", items, []string{includeURL})
	return items
}

// readDestination reads the parameters of a new destination; errors are kept in params.
func readDestination(params *document, c caller) *destination {
	d := &destination{
		caller:       c,
		Name:         params.required("name"),
		Type:         params.choice("type", typeWebhook, typeEventBridge, typeEventGrid),
		EventPayload: params.choice("event_payload", payloadThin, payloadSnapshot),
		EventsFrom:   params.choices("events_from", "@self", "@accounts", "@organization_members", "@organization_members/@accounts"),
		Metadata:     map[string]string{},
	}
	if d.EventsFrom == nil {
		d.EventsFrom = []string{"@self"}
	}
	if description := params.string("description"); description != nil {
		d.Description = *description
	}
	d.SnapshotAPIVersion = params.string("snapshot_api_version")
	if d.SnapshotAPIVersion != nil && d.EventPayload == payloadThin {
		params.fail(invalidParam("snapshot_api_version", "snapshot_api_version cannot be set for thin events, which have no version."))
	}
	d.readMetadata(params)
	d.readEnabledEvents(params)
	d.readConfiguration(params)
	return d
}

// readChanges reads an update. As at Stripe, a field that cannot be changed is treated as unknown.
func (d *destination) readChanges(params *document) {
	if name := params.string("name"); name != nil {
		d.Name = *name
	}
	params.read("description", &d.Description, "a string")
	d.readMetadata(params)
	if params.has("enabled_events") {
		d.readEnabledEvents(params)
	}
	if params.has(typeWebhook) && d.Type == typeWebhook {
		d.readWebhook(params)
	}
}

// readMetadata merges metadata into d's; a null removes its key.
func (d *destination) readMetadata(params *document) {
	var changes map[string]*string
	params.read("metadata", &changes, "an object of strings and nulls")
	d.Metadata = maps.Clone(d.Metadata)
	for key, value := range changes {
		if value == nil {
			delete(d.Metadata, key)
		} else {
			d.Metadata[key] = *value
		}
	}
}

// readEnabledEvents reads the event types. The types of thin events are complete names that begin
// with an API version; for snapshot events a single "*" means all types.
func (d *destination) readEnabledEvents(params *document) {
	var types []string
	if !params.read("enabled_events", &types, "an array of strings") {
		params.fail(missingParam("enabled_events"))
	} else if len(types) == 0 {
		params.fail(invalidParam("enabled_events", "enabled_events is empty."))
	}
	for _, t := range types {
		versioned := strings.HasPrefix(t, "v1.") || strings.HasPrefix(t, "v2.")
		if t == "" || versioned != (d.EventPayload == payloadThin) {
			params.fail(invalidParam("enabled_events", "%q is not a type of %s events.", t, d.EventPayload))
		}
	}
	if d.EnabledEvents = types; len(slices.Compact(slices.Sorted(slices.Values(types)))) != len(types) {
		params.fail(invalidParam("enabled_events", "enabled_events contains a type twice."))
	}
}

func (d *destination) readConfiguration(params *document) {
	switch d.Type {
	case typeWebhook:
		d.readWebhook(params)
	case typeEventBridge:
		d.AmazonEventbridge = params.requiredStrings(typeEventBridge, "aws_account_id", "aws_region")
		if id := d.AmazonEventbridge["aws_account_id"]; !awsAccount.MatchString(id) {
			params.fail(invalidParam("amazon_eventbridge.aws_account_id", "aws_account_id must be 12 digits; got %q.", id))
		}
	case typeEventGrid:
		d.AzureEventGrid = params.requiredStrings(typeEventGrid, "azure_region", "azure_resource_group_name", "azure_subscription_id")
	}
}

var awsAccount = regexp.MustCompile(`^[0-9]{12}$`)

// readWebhook reads the URL, which may be plain HTTP only in test mode.
func (d *destination) readWebhook(params *document) {
	d.url = params.requiredStrings(typeWebhook, "url")["url"]
	target, err := url.Parse(d.url)
	if err != nil || target.Host == "" || target.Scheme != "https" && (target.Scheme != "http" || d.caller.live) {
		params.fail(invalidParam(includeURL, "webhook_endpoint.url must be an absolute HTTPS URL; got %q.", d.url))
	}
}

// completeCloud adds the fields that Stripe gets from the cloud provider for a new source or topic.
func (d *destination) completeCloud() {
	if region, ok := d.AmazonEventbridge["aws_region"]; ok {
		delete(d.AmazonEventbridge, "aws_region")
		d.AmazonEventbridge["aws_event_source_arn"] = "arn:aws:events:" + region + "::event-source/aws.partner/stripe.com/" + d.ID
		d.AmazonEventbridge["aws_event_source_status"] = "pending"
	}
	if d.AzureEventGrid != nil {
		d.AzureEventGrid["azure_partner_topic_name"] = d.ID
		d.AzureEventGrid["azure_partner_topic_status"] = "never_activated"
	}
}
