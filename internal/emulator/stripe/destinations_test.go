package stripe_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
)

const destinations = "/v2/core/event_destinations"

func TestDestinationCanBeChangedAndDeleted(t *testing.T) {
	t.Parallel()
	now := noon
	s := newSandbox(&stripe.Options{Now: func() time.Time { return now }})
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
		wantError(t, s, r, 404, "not_found", "")
	}
}

func TestDestinationsAreListedInPages(t *testing.T) {
	t.Parallel()
	now := noon
	s := newSandbox(&stripe.Options{Now: func() time.Time { return now }})
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
