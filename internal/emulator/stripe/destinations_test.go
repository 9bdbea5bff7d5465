package stripe_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
)

const destinations = "/v2/core/event_destinations"

// webhookParams are good parameters for a thin webhook destination, with what a test changes.
func webhookParams(changes ...string) string {
	return strings.NewReplacer(changes...).Replace(`{"name":"meters","type":"webhook_endpoint","event_payload":"thin",` +
		`"enabled_events":["v1.billing.meter.no_meter_found"],"webhook_endpoint":{"url":"https://example.com/hook"}}`)
}

func post(t *testing.T, h http.Handler, target, body string, options ...func(*http.Request)) map[string]any {
	t.Helper()
	status, answer := do(t, h, request("POST", target, body, options...))
	if status != 200 {
		t.Fatalf("POST %s %s = %d %s", target, body, status, answer)
	}
	return decode(t, []byte(answer))
}

func TestDestinationLife(t *testing.T) {
	t.Parallel()
	now := noon
	s := newSandbox(stripe.Options{Now: func() time.Time { return now }})
	created := post(t, s, destinations, webhookParams(`"name"`, `"include":["webhook_endpoint.signing_secret","webhook_endpoint.url"],"metadata":{"a":"1","b":"2"},"name"`))
	endpoint, _ := created["webhook_endpoint"].(map[string]any)
	if secret, _ := endpoint["signing_secret"].(string); !strings.HasPrefix(secret, "whsec_") || endpoint["url"] != "https://example.com/hook" {
		t.Errorf("created webhook_endpoint = %v, want a secret and the URL", endpoint)
	}
	id, _ := created["id"].(string)
	want := map[string]any{
		"id": id, "object": "v2.core.event_destination", "name": "meters", "description": "", "type": "webhook_endpoint",
		"event_payload": "thin", "snapshot_api_version": nil, "enabled_events": []any{"v1.billing.meter.no_meter_found"},
		"events_from": []any{"@self"}, "status": "enabled", "status_details": nil, "livemode": false,
		"metadata": map[string]any{"a": "1", "b": "2"}, "created": "2026-11-22T12:00:00.000Z", "updated": "2026-11-22T12:00:00.000Z",
		"webhook_endpoint":   map[string]any{"signing_secret": nil, "url": nil},
		"amazon_eventbridge": nil, "azure_event_grid": nil,
	}
	path := destinations + "/" + id
	check := func(what string, got map[string]any) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	check("retrieve", get[map[string]any](t, s, path))

	now = now.Add(time.Minute)
	want["updated"], want["name"], want["description"] = "2026-11-22T12:01:00.000Z", "new", "d"
	want["metadata"] = map[string]any{"b": "3", "c": "4"}
	want["enabled_events"] = []any{"v1.a", "v2.b"}
	check("update", post(t, s, path, `{"name":"new","description":"d","metadata":{"a":null,"b":"3","c":"4"},"enabled_events":["v1.a","v2.b"]}`))

	want["status"], want["status_details"] = "disabled", map[string]any{"disabled": map[string]any{"reason": "user"}}
	check("disable", post(t, s, path+"/disable", ""))
	want["status"], want["status_details"] = "enabled", nil
	check("enable", post(t, s, path+"/enable", "{}"))

	want["webhook_endpoint"] = map[string]any{"signing_secret": nil, "url": "http://localhost:1/x"}
	check("move", post(t, s, path, `{"webhook_endpoint":{"url":"http://localhost:1/x"},"include":["webhook_endpoint.url"]}`))
	check("retrieve with URL", get[map[string]any](t, s, path+"?include[0]=webhook_endpoint.url"))

	if status, body := do(t, s, request("DELETE", path, "")); status != 200 || field[string](t, []byte(body), "id") != id {
		t.Errorf("DELETE = %d %s, want 200 and the id", status, body)
	}
	for _, r := range []*http.Request{
		request("GET", path, ""), request("DELETE", path, ""), request("POST", path, "{}"), request("POST", path+"/enable", ""),
		request("POST", path+"/disable", ""), request("POST", path+"/ping", ""),
	} {
		wantFault(t, s, r, 404, "not_found", "")
	}
}

func TestDestinationsOfCloudProviders(t *testing.T) {
	t.Parallel()
	s := newSandbox(stripe.Options{})
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

func TestCreateDestinationRefuses(t *testing.T) {
	t.Parallel()
	s := newSandbox(stripe.Options{})
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
		{`"thin",`, `"thin","snapshot_api_version":"2026-09-30.endive",`, "parameter_invalid", "snapshot_api_version"},
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
		wantFault(t, s, request("POST", destinations, body), 400, tt.code, tt.param)
	}
	wantFault(t, s, request("POST", destinations, webhookParams(), header("Content-Type", "application/x-www-form-urlencoded")), 400, "parameter_invalid", "Content-Type")
	wantFault(t, s, request("POST", destinations+"?include[0]=webhook_endpoint.url", webhookParams()), 400, "parameter_unknown", "include[0]")
	live := header("Authorization", "Bearer sk_live_1")
	wantFault(t, s, request("POST", destinations, webhookParams("https://", "http://"), live), 400, "parameter_invalid", "webhook_endpoint.url")
	if got := get[v2Page](t, s, destinations).ids(); len(got) != 0 {
		t.Errorf("refused requests left %v", got)
	}
}

func TestUpdateDestinationKeepsWhatIsImmutable(t *testing.T) {
	t.Parallel()
	s := newSandbox(stripe.Options{})
	path := destinations + "/" + post(t, s, destinations, webhookParams())["id"].(string)
	before := get[map[string]any](t, s, path)
	for _, tt := range []struct{ body, code, param string }{
		{`{"name":"new","type":"amazon_eventbridge"}`, "parameter_unknown", "type"},
		{`{"event_payload":"snapshot"}`, "parameter_unknown", "event_payload"},
		{`{"events_from":["@accounts"]}`, "parameter_unknown", "events_from"},
		{`{"snapshot_api_version":"2026-09-30.endive"}`, "parameter_unknown", "snapshot_api_version"},
		{`{"include":["webhook_endpoint.signing_secret"]}`, "parameter_invalid", "include"},
		{`{"enabled_events":["invoice.paid"]}`, "parameter_invalid", "enabled_events"},
		{`{"webhook_endpoint":{"url":"x"}}`, "parameter_invalid", "webhook_endpoint.url"},
	} {
		wantFault(t, s, request("POST", path, tt.body), 400, tt.code, tt.param)
	}
	wantFault(t, s, request("GET", path+"?include[0]=webhook_endpoint.signing_secret", ""), 400, "parameter_invalid", "include")
	wantFault(t, s, request("POST", path+"/disable", `{"reason":"x"}`), 400, "parameter_unknown", "reason")
	wantFault(t, s, request("POST", path+"/ping", `{"include":["webhook_endpoint.url"]}`), 400, "parameter_unknown", "include")
	if diff := cmp.Diff(before, get[map[string]any](t, s, path)); diff != "" {
		t.Errorf("refused updates changed it (-before +after):\n%s", diff)
	}
}

func TestListDestinations(t *testing.T) {
	t.Parallel()
	now := noon
	s := newSandbox(stripe.Options{Now: func() time.Time { return now }})
	var want []string
	for range 5 {
		now = now.Add(time.Second)
		want = append([]string{post(t, s, destinations, webhookParams())["id"].(string)}, want...)
	}
	post(t, s, destinations, webhookParams(), header("Stripe-Context", "acct_1"))
	got, target := []string{}, destinations+"?limit=2"
	var last v2Page
	for next := &target; next != nil; next = last.Next {
		last = get[v2Page](t, s, *next)
		got = append(got, last.ids()...)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[2:4], get[v2Page](t, s, *last.Previous).ids()); diff != "" {
		t.Errorf("page before the last (-want +got):\n%s", diff)
	}
	with := get[struct {
		Data []struct {
			WebhookEndpoint struct{ URL string } `json:"webhook_endpoint"`
		}
	}](t, s, destinations+"?limit=1&include[0]=webhook_endpoint.url")
	if got := with.Data[0].WebhookEndpoint.URL; got != "https://example.com/hook" {
		t.Errorf("listed URL = %q", got)
	}
}
