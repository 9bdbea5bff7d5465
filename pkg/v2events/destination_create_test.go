package v2events_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

func TestCreateDestination(t *testing.T) {
	t.Parallel()
	client := play(t, exchange{
		Method: http.MethodPost, URI: destinationsURI, Context: "acct_1", answer: webhookDestination,
		Body: `{"name":"meter errors","type":"webhook_endpoint","event_payload":"thin","enabled_events":["v1.billing.meter.error_report_triggered"],` +
			`"events_from":["@self"],"metadata":{"team":"billing"},"include":["webhook_endpoint.signing_secret","webhook_endpoint.url"],"webhook_endpoint":{"url":"https://example.com/hook"}}`,
	})
	p := webhookParams()
	p.Context, p.Metadata, p.EventsFrom = "acct_1", map[string]string{"team": "billing"}, []v2events.EventSource{v2events.FromSelf}
	got, err := client.Destinations().Create(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	want := &v2events.Destination{
		ID: "ed_1", Object: "v2.core.event_destination", Name: "meter errors", Type: v2events.TypeWebhookEndpoint, EventPayload: v2events.PayloadThin,
		EnabledEvents: []string{"v1.billing.meter.error_report_triggered"}, EventsFrom: []v2events.EventSource{v2events.FromSelf},
		Status: v2events.StatusEnabled, Metadata: map[string]string{"team": "billing"},
		Created: date(2024, 10, 22, 16, 20, 9, 931e6), Updated: date(2024, 10, 22, 16, 20, 9, 937e6),
		WebhookEndpoint: &v2events.WebhookEndpoint{SigningSecret: "whsec_hush", URL: "https://example.com/hook"},
	}
	if diff := cmp.Diff(want, got, timesByInstant); diff != "" {
		t.Errorf("Create (-want +got):\n%s", diff)
	}
	shown := fmt.Sprintf("%v %+v %#v %s", got, *got, got.WebhookEndpoint, marshal(t, got))
	if strings.Contains(shown, "hush") || string(got.WebhookEndpoint.SigningSecret) != "whsec_hush" {
		t.Errorf("the signing secret is shown, or lost: %s", shown)
	}
}

func TestDestinationInTheCloud(t *testing.T) {
	t.Parallel()
	client := play(t,
		exchange{
			Method: http.MethodPost, URI: destinationsURI,
			Body: `{"name":"aws","type":"amazon_eventbridge","event_payload":"snapshot","enabled_events":["*"],"snapshot_api_version":"2026-09-30.endive",` +
				`"amazon_eventbridge":{"aws_account_id":"123456789012","aws_region":"us-east-1"}}`,
			answer: `{"id":"ed_2","status":"disabled","status_details":{"disabled":{"reason":"no_aws_event_source_exists"}},"snapshot_api_version":"2026-09-30.endive",` +
				`"amazon_eventbridge":{"aws_account_id":"123456789012","aws_event_source_arn":"arn:aws:events:x","aws_event_source_status":"evaporated"}}`,
		},
		exchange{
			Method: http.MethodPost, URI: destinationsURI,
			Body: `{"name":"azure","description":"grid","type":"azure_event_grid","event_payload":"thin","enabled_events":["a.b"],` +
				`"azure_event_grid":{"azure_region":"westus","azure_resource_group_name":"rg","azure_subscription_id":"sub"}}`,
			answer: `{"id":"ed_3","azure_event_grid":{"azure_region":"westus","azure_resource_group_name":"rg","azure_subscription_id":"sub","azure_partner_topic_name":"t","azure_partner_topic_status":"activated"}}`,
		},
	).Destinations()
	aws, err := client.Create(t.Context(), v2events.DestinationCreateParams{
		Name: "aws", Type: v2events.TypeAmazonEventBridge, EventPayload: v2events.PayloadSnapshot, EnabledEvents: []string{"*"}, SnapshotAPIVersion: "2026-09-30.endive",
		AmazonEventBridge: &v2events.AmazonEventBridgeParams{AWSAccountID: "123456789012", AWSRegion: "us-east-1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if status := aws.AmazonEventBridge.AWSEventSourceStatus; status != "evaporated" || status.Known() || aws.StatusDetails.Disabled.Reason != v2events.DisabledNoAWSEventSource {
		t.Errorf("Create = %+v; want an unknown status kept and the reason", aws)
	}
	azure, err := client.Create(t.Context(), v2events.DestinationCreateParams{
		Name: "azure", Description: "grid", Type: v2events.TypeAzureEventGrid, EventPayload: v2events.PayloadThin, EnabledEvents: []string{"a.b"},
		AzureEventGrid: &v2events.AzureEventGridParams{AzureRegion: "westus", AzureResourceGroupName: "rg", AzureSubscriptionID: "sub"},
	})
	want := &v2events.AzureEventGrid{AzureRegion: "westus", AzureResourceGroupName: "rg", AzureSubscriptionID: "sub", AzurePartnerTopicName: "t", AzurePartnerTopicStatus: v2events.PartnerTopicActivated}
	if err != nil || *azure.AzureEventGrid != *want {
		t.Errorf("Create = %+v, %v; want %+v", azure, err, want)
	}
}

func TestCreateDestinationRefuses(t *testing.T) {
	t.Parallel()
	client := play(t).Destinations()
	for text, change := range map[string]func(*v2events.DestinationCreateParams){
		"name is empty":                         func(p *v2events.DestinationCreateParams) { p.Name = "" },
		`type is empty; use "webhook_endpoint"`: func(p *v2events.DestinationCreateParams) { p.Type = "" },
		`use "thin" or "snapshot"`:              func(p *v2events.DestinationCreateParams) { p.EventPayload = "" },
		"name at least one event type":          func(p *v2events.DestinationCreateParams) { p.EnabledEvents = nil },
		"leave snapshot API version empty":      func(p *v2events.DestinationCreateParams) { p.SnapshotAPIVersion = "2026-09-30.endive" },
		"name the types of thin events":         func(p *v2events.DestinationCreateParams) { p.EnabledEvents = []string{"*"} },
		"needs its webhook_endpoint parameters": func(p *v2events.DestinationCreateParams) { p.WebhookEndpoint = nil },
		"takes no azure_event_grid parameters":  func(p *v2events.DestinationCreateParams) { p.AzureEventGrid = &v2events.AzureEventGridParams{} },
		"not an absolute https URL":             func(p *v2events.DestinationCreateParams) { p.WebhookEndpoint.URL = "example.com/hook" },
		"not 12 digits": func(p *v2events.DestinationCreateParams) {
			p.Type, p.WebhookEndpoint, p.AmazonEventBridge = v2events.TypeAmazonEventBridge, nil, &v2events.AmazonEventBridgeParams{AWSAccountID: "1234-5678-90", AWSRegion: "x"}
		},
		"AWS region is empty": func(p *v2events.DestinationCreateParams) {
			p.Type, p.WebhookEndpoint, p.AmazonEventBridge = v2events.TypeAmazonEventBridge, nil, &v2events.AmazonEventBridgeParams{AWSAccountID: "123456789012"}
		},
		"subscription id are all needed": func(p *v2events.DestinationCreateParams) {
			p.Type, p.WebhookEndpoint, p.AzureEventGrid = v2events.TypeAzureEventGrid, nil, &v2events.AzureEventGridParams{AzureRegion: "x"}
		},
	} {
		p := webhookParams()
		change(&p)
		got, err := client.Create(t.Context(), p)
		if got != nil || !errors.Is(err, v2events.ErrParams) || !strings.Contains(err.Error(), text) {
			t.Errorf("Create(%+v) = %v, %v; want nil, %v with %q", p, got, err, v2events.ErrParams, text)
		}
	}
}

// A type of tomorrow is for Stripe to judge, whatever place comes with it.
func TestCreateDestinationOfUnknownType(t *testing.T) {
	t.Parallel()
	p := webhookParams()
	p.Type, p.Include = "carrier_pigeon", []v2events.Include{}
	client := play(t, exchange{
		Method: http.MethodPost, URI: destinationsURI, status: 400, answer: `{"error":{"code":"invalid_type"}}`,
		Body: `{"name":"meter errors","type":"carrier_pigeon","event_payload":"thin","enabled_events":["v1.billing.meter.error_report_triggered"],"webhook_endpoint":{"url":"https://example.com/hook"}}`,
	})
	if got, err := client.Destinations().Create(t.Context(), p); got != nil || !errors.Is(err, stripeapi.ErrInvalid) {
		t.Errorf("Create = %v, %v; want nil, %v", got, err, stripeapi.ErrInvalid)
	}
}

func webhookParams() v2events.DestinationCreateParams {
	return v2events.DestinationCreateParams{
		Name: "meter errors", Type: v2events.TypeWebhookEndpoint, EventPayload: v2events.PayloadThin,
		EnabledEvents:   []string{v2events.MeterErrorReportTriggered.Type()},
		WebhookEndpoint: &v2events.WebhookEndpointParams{URL: "https://example.com/hook"},
	}
}
