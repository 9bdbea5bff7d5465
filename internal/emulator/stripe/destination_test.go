package stripe_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// webhookParams returns valid parameters for a thin webhook destination; changes are pairs of old
// and new text.
func webhookParams(changes ...string) string {
	return strings.NewReplacer(changes...).Replace(`{"name":"meters","type":"webhook_endpoint","event_payload":"thin",` +
		`"enabled_events":["v1.billing.meter.no_meter_found"],"webhook_endpoint":{"url":"https://example.com/hook"}}`)
}

func TestCloudDestinationsGetProviderFields(t *testing.T) {
	t.Parallel()
	s := newSandbox(nil)
	webhook := `"type":"webhook_endpoint"`
	endpoint := `"webhook_endpoint":{"url":"https://example.com/hook"}`
	aws := post(t, s, destinations, webhookParams(webhook, `"type":"amazon_eventbridge"`, endpoint, `"amazon_eventbridge":{"aws_account_id":"123456789012","aws_region":"eu-west-1"}`))
	want := map[string]any{
		"aws_account_id":          "123456789012",
		"aws_event_source_arn":    fmt.Sprintf("arn:aws:events:eu-west-1::event-source/aws.partner/stripe.com/%s", aws["id"]),
		"aws_event_source_status": "pending",
	}
	if diff := cmp.Diff(want, aws["amazon_eventbridge"]); diff != "" || aws["webhook_endpoint"] != nil {
		t.Errorf("webhook_endpoint %v, amazon_eventbridge (-want +got):\n%s", aws["webhook_endpoint"], diff)
	}
	azure := post(t, s, destinations, webhookParams(webhook, `"type":"azure_event_grid"`, endpoint,
		`"azure_event_grid":{"azure_region":"westus","azure_resource_group_name":"g","azure_subscription_id":"s"}`))
	want = map[string]any{
		"azure_region": "westus", "azure_resource_group_name": "g", "azure_subscription_id": "s",
		"azure_partner_topic_name": azure["id"], "azure_partner_topic_status": "never_activated",
	}
	if diff := cmp.Diff(want, azure["azure_event_grid"]); diff != "" {
		t.Errorf("azure_event_grid (-want +got):\n%s", diff)
	}
}

func TestInvalidDestinationsAreRefused(t *testing.T) {
	t.Parallel()
	s := newSandbox(nil)
	for _, tt := range []struct {
		old, new    string
		code, param string
	}{
		{`"name":"meters",`, ``, "parameter_missing", "name"},
		{`"meters"`, `""`, "parameter_invalid", "name"},
		{`"meters"`, `null`, "parameter_invalid", "name"},
		{`"meters"`, `1`, "parameter_invalid", "name"},
		{`"webhook_endpoint","event`, `"email","event`, "parameter_invalid", "type"},
		{`"thin"`, `"fat"`, "parameter_invalid", "event_payload"},
		{`"thin"`, `"snapshot"`, "parameter_invalid", "enabled_events"},
		{`"thin",`, `"thin","snapshot_api_version":"2026-10-28.endive",`, "parameter_invalid", "snapshot_api_version"},
		{`["v1.billing.meter.no_meter_found"]`, `[]`, "parameter_invalid", "enabled_events"},
		{`["v1.billing.meter.no_meter_found"]`, `"v1.x"`, "parameter_invalid", "enabled_events"},
		{`["v1.billing.meter.no_meter_found"]`, `["*"]`, "parameter_invalid", "enabled_events"},
		{`["v1.billing.meter.no_meter_found"]`, `["invoice.paid"]`, "parameter_invalid", "enabled_events"},
		{`["v1.billing.meter.no_meter_found"]`, `["v1.a","v1.a"]`, "parameter_invalid", "enabled_events"},
		{`"enabled_events":["v1.billing.meter.no_meter_found"],`, ``, "parameter_missing", "enabled_events"},
		{`"thin",`, `"thin","events_from":["self"],`, "parameter_invalid", "events_from"},
		{`"thin",`, `"thin","include":["webhook_endpoint"],`, "parameter_invalid", "include"},
		{`"thin",`, `"thin","metadata":{"a":1},`, "parameter_invalid", "metadata"},
		{`"thin",`, `"thin","status":"enabled",`, "parameter_unknown", "status"},
		{`"thin",`, `"thin","amazon_eventbridge":{},`, "parameter_unknown", "amazon_eventbridge"},
		{`,"webhook_endpoint":{"url":"https://example.com/hook"}`, ``, "parameter_missing", "webhook_endpoint"},
		{`{"url":"https://example.com/hook"}`, `"https://example.com/hook"`, "parameter_invalid", "webhook_endpoint"},
		{`{"url":"https://example.com/hook"}`, `{}`, "parameter_missing", "webhook_endpoint.url"},
		{`https://example.com/hook`, `/hook`, "parameter_invalid", "webhook_endpoint.url"},
		{`https://example.com/hook`, `ftp://example.com/hook`, "parameter_invalid", "webhook_endpoint.url"},
		{`"url"`, `"secret":"x","url"`, "parameter_unknown", "webhook_endpoint.secret"},
		{`"type":"webhook_endpoint"`, `"type":"amazon_eventbridge"`, "parameter_missing", "amazon_eventbridge"},
		{webhookParams(), `[]`, "parameter_invalid", ""},
		{webhookParams(), `null`, "parameter_invalid", ""},
		{webhookParams(), `{`, "parameter_invalid", ""},
	} {
		body := webhookParams(tt.old, tt.new)
		t.Log(body)
		wantError(t, s, request("POST", destinations, body), 400, tt.code, tt.param)
	}
	wantError(t, s, request("POST", destinations, webhookParams(), header("Content-Type", "application/x-www-form-urlencoded")), 400, "parameter_invalid", "Content-Type")
	wantError(t, s, request("POST", destinations+"?include[0]=webhook_endpoint.url", webhookParams()), 400, "parameter_unknown", "include[0]")
	live := header("Authorization", "Bearer sk_live_1")
	wantError(t, s, request("POST", destinations, webhookParams("https://", "http://"), live), 400, "parameter_invalid", "webhook_endpoint.url")
	if got := get[v2Page](t, s, destinations).ids(); len(got) != 0 {
		t.Errorf("refused requests left %v", got)
	}
}

func TestImmutableDestinationFieldsCannotBeUpdated(t *testing.T) {
	t.Parallel()
	s := newSandbox(nil)
	path := destinations + "/" + post(t, s, destinations, webhookParams())["id"].(string)
	before := get[map[string]any](t, s, path)
	for _, tt := range []struct{ body, code, param string }{
		{`{"name":"new","type":"amazon_eventbridge"}`, "parameter_unknown", "type"},
		{`{"event_payload":"snapshot"}`, "parameter_unknown", "event_payload"},
		{`{"events_from":["@accounts"]}`, "parameter_unknown", "events_from"},
		{`{"snapshot_api_version":"2026-10-28.endive"}`, "parameter_unknown", "snapshot_api_version"},
		{`{"include":["webhook_endpoint.signing_secret"]}`, "parameter_invalid", "include"},
		{`{"enabled_events":["invoice.paid"]}`, "parameter_invalid", "enabled_events"},
		{`{"webhook_endpoint":{"url":"x"}}`, "parameter_invalid", "webhook_endpoint.url"},
	} {
		wantError(t, s, request("POST", path, tt.body), 400, tt.code, tt.param)
	}
	wantError(t, s, request("GET", path+"?include[0]=webhook_endpoint.signing_secret", ""), 400, "parameter_invalid", "include")
	wantError(t, s, request("POST", path+"/disable", `{"reason":"x"}`), 400, "parameter_unknown", "reason")
	wantError(t, s, request("POST", path+"/ping", `{"include":["webhook_endpoint.url"]}`), 400, "parameter_unknown", "include")
	if diff := cmp.Diff(before, get[map[string]any](t, s, path)); diff != "" {
		t.Errorf("refused updates changed it (-before +after):\n%s", diff)
	}
}
