package stripe

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

var awsAccount = regexp.MustCompile(`^[0-9]{12}$`)

// readDestination reads the parameters of a new destination; their faults stay in params.
func readDestination(params *document, c caller) *destination {
	d := &destination{
		caller:       c,
		Name:         params.required("name"),
		Type:         params.choice("type", "webhook_endpoint", "amazon_eventbridge", "azure_event_grid"),
		EventPayload: params.choice("event_payload", "thin", "snapshot"),
		EventsFrom:   params.choices("events_from", "@self", "@accounts", "@organization_members", "@organization_members/@accounts"),
		Metadata:     map[string]string{},
	}
	if d.EventsFrom == nil {
		d.EventsFrom = []string{"@self"}
	}
	if description := params.text("description"); description != nil {
		d.Description = *description
	}
	d.SnapshotAPIVersion = params.text("snapshot_api_version")
	if d.SnapshotAPIVersion != nil && d.EventPayload == "thin" {
		params.fail(invalid("snapshot_api_version", "snapshot_api_version cannot be set for thin events, which have no version."))
	}
	d.readMetadata(params)
	d.readEnabledEvents(params)
	d.readConfiguration(params)
	return d
}

// update reads the parameters that can be changed. The others are unknown to it, as they are to Stripe.
func (d *destination) update(params *document) {
	if name := params.text("name"); name != nil {
		d.Name = *name
	}
	params.read("description", &d.Description, "a string")
	d.readMetadata(params)
	if _, ok := params.members["enabled_events"]; ok {
		d.readEnabledEvents(params)
	}
	if _, ok := params.members["webhook_endpoint"]; ok && d.Type == "webhook_endpoint" {
		d.readWebhook(params)
	}
}

// readMetadata merges; a null removes its key, if it is there.
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

// readEnabledEvents reads the types. Those of thin events are spelled in full and begin with the API's version; for
// snapshot events a lone "*" means all.
func (d *destination) readEnabledEvents(params *document) {
	var types []string
	if !params.read("enabled_events", &types, "an array of strings") {
		params.fail(missing("enabled_events"))
	} else if len(types) == 0 {
		params.fail(invalid("enabled_events", "enabled_events is empty."))
	}
	for _, t := range types {
		versioned := strings.HasPrefix(t, "v1.") || strings.HasPrefix(t, "v2.")
		if t == "" || versioned != (d.EventPayload == "thin") {
			params.fail(invalid("enabled_events", "%q is not a type of %s events.", t, d.EventPayload))
		}
	}
	if d.EnabledEvents = types; len(slices.Compact(slices.Sorted(slices.Values(types)))) != len(types) {
		params.fail(invalid("enabled_events", "enabled_events names a type twice."))
	}
}

// readConfiguration reads the one member that goes with the destination's type.
func (d *destination) readConfiguration(params *document) {
	switch d.Type {
	case "webhook_endpoint":
		d.readWebhook(params)
	case "amazon_eventbridge":
		d.AmazonEventbridge = params.strings("amazon_eventbridge", "aws_account_id", "aws_region")
		if id := d.AmazonEventbridge["aws_account_id"]; !awsAccount.MatchString(id) {
			params.fail(invalid("amazon_eventbridge.aws_account_id", "aws_account_id must be 12 digits; got %q.", id))
		}
	case "azure_event_grid":
		d.AzureEventGrid = params.strings("azure_event_grid", "azure_region", "azure_resource_group_name", "azure_subscription_id")
	}
}

// strings reads a nested object all of whose members are required strings.
func (d *document) strings(name string, members ...string) map[string]string {
	values := map[string]string{}
	nested := d.object(name)
	if nested == nil {
		d.fail(missing(name))
		return values
	}
	for _, member := range members {
		values[member] = nested.required(member)
	}
	_ = nested.done() // its faults are d's
	return values
}

// readWebhook reads the URL, which only a sandbox may leave without TLS.
func (d *destination) readWebhook(params *document) {
	d.url = params.strings("webhook_endpoint", "url")["url"]
	target, err := url.Parse(d.url)
	if err != nil || target.Host == "" || target.Scheme != "https" && (target.Scheme != "http" || d.caller.live) {
		params.fail(invalid("webhook_endpoint.url", "webhook_endpoint.url must be an absolute HTTPS URL; got %q.", d.url))
	}
}

// finishCloud fills in what the cloud providers would report about a new source or topic.
func (d *destination) finishCloud() {
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
