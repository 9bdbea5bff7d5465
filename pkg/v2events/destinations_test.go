package v2events_test

import (
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

const destinationsURI = "/v2/core/event_destinations"

// webhookDestination is what Stripe answers to Create with everything included.
const webhookDestination = `{"id":"ed_1","object":"v2.core.event_destination","name":"meter errors","description":"","type":"webhook_endpoint",
	"event_payload":"thin","snapshot_api_version":null,"enabled_events":["v1.billing.meter.error_report_triggered"],"events_from":["@self"],
	"status":"enabled","status_details":null,"livemode":false,"metadata":{"team":"billing"},"created":"2024-10-22T16:20:09.931Z","updated":"2024-10-22T16:20:09.937Z",
	"webhook_endpoint":{"signing_secret":"whsec_hush","url":"https://example.com/hook"},"amazon_eventbridge":null,"azure_event_grid":null}`

func TestUpdateDestination(t *testing.T) {
	t.Parallel()
	client := play(t,
		exchange{
			Method: http.MethodPost, URI: destinationsURI + "/ed_1", Context: "acct_1", answer: webhookDestination,
			Body: `{"name":"new","description":"","enabled_events":["a.b"],"metadata":{"gone":null,"team":"x"},"webhook_endpoint":{"url":"https://example.com/new"},"include":["webhook_endpoint.url"]}`,
		},
		exchange{Method: http.MethodPost, URI: destinationsURI + "/ed_1", answer: webhookDestination, Body: `{"description":"d"}`},
	).Destinations()
	if _, err := client.Update(t.Context(), "ed_1", v2events.DestinationUpdateParams{
		Name: new("new"), Description: new(""), EnabledEvents: []string{"a.b"}, Metadata: map[string]*string{"gone": nil, "team": new("x")},
		WebhookEndpoint: &v2events.WebhookEndpointParams{URL: "https://example.com/new"}, Context: "acct_1",
	}); err != nil {
		t.Error(err)
	}
	if _, err := client.Update(t.Context(), "ed_1", v2events.DestinationUpdateParams{Description: new("d"), Include: []v2events.Include{}}); err != nil {
		t.Error(err)
	}
	for text, p := range map[string]v2events.DestinationUpdateParams{
		"nothing to change":            {},
		"leave it nil":                 {Name: new("")},
		"disable the destination":      {EnabledEvents: []string{}},
		"not an absolute https URL":    {WebhookEndpoint: &v2events.WebhookEndpointParams{URL: "ftp://example.com"}},
		"not an absolute https URL (s": {WebhookEndpoint: &v2events.WebhookEndpointParams{URL: "https://%zz"}},
	} {
		got, err := client.Update(t.Context(), "ed_1", p)
		if got != nil || !errors.Is(err, v2events.ErrParams) || !strings.Contains(err.Error(), text) {
			t.Errorf("Update(%+v) = %v, %v; want nil, %v with %q", p, got, err, v2events.ErrParams, text)
		}
	}
}

func TestDestinationActions(t *testing.T) {
	t.Parallel()
	const include = `{"include":["webhook_endpoint.url"]}`
	client := play(t,
		exchange{Method: http.MethodGet, URI: destinationsURI + "/ed_1?include%5B0%5D=webhook_endpoint.url", answer: webhookDestination},
		exchange{Method: http.MethodPost, URI: destinationsURI + "/ed_1/disable", Body: include, answer: webhookDestination},
		exchange{Method: http.MethodPost, URI: destinationsURI + "/ed_1/enable", Body: include, answer: webhookDestination},
		exchange{Method: http.MethodPost, URI: destinationsURI + "/ed_1/ping", answer: string(fixtures(t, "full")["ping"])},
		exchange{Method: http.MethodDelete, URI: destinationsURI + "/ed_1", answer: `{"id":"ed_1"}`},
	).Destinations()
	for _, call := range []func() (*v2events.Destination, error){
		func() (*v2events.Destination, error) { return client.Retrieve(t.Context(), "ed_1") },
		func() (*v2events.Destination, error) { return client.Disable(t.Context(), "ed_1") },
		func() (*v2events.Destination, error) { return client.Enable(t.Context(), "ed_1") },
	} {
		if got, err := call(); err != nil || got.ID != "ed_1" {
			t.Errorf("got %+v, %v; want ed_1", got, err)
		}
	}
	ping, err := client.Ping(t.Context(), "ed_1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v2events.EventDestinationPing.Data(ping); err != nil {
		t.Errorf("Ping = %+v: %v", ping, err)
	}
	if err := client.Delete(t.Context(), "ed_1"); err != nil {
		t.Error(err)
	}
}

// Each call meets each fault: an id that would make another path, an error of Stripe's, an answer about something else.
func TestDestinationFaults(t *testing.T) {
	t.Parallel()
	calls := map[string]func(d *v2events.Destinations, id string) error{
		"retrieve": func(d *v2events.Destinations, id string) error { _, err := d.Retrieve(t.Context(), id); return err },
		"update": func(d *v2events.Destinations, id string) error {
			_, err := d.Update(t.Context(), id, v2events.DestinationUpdateParams{Name: new("n"), Include: []v2events.Include{}})
			return err
		},
		"delete":  func(d *v2events.Destinations, id string) error { return d.Delete(t.Context(), id) },
		"enable":  func(d *v2events.Destinations, id string) error { _, err := d.Enable(t.Context(), id); return err },
		"disable": func(d *v2events.Destinations, id string) error { _, err := d.Disable(t.Context(), id); return err },
		"ping":    func(d *v2events.Destinations, id string) error { _, err := d.Ping(t.Context(), id); return err },
	}
	faults := map[string]struct {
		status int
		answer string
		want   error
	}{
		"not found":         {404, notFound, stripeapi.ErrNotFound},
		"conflict":          {409, `{"error":{"code":"idempotency_error"}}`, stripeapi.ErrIdempotency},
		"another":           {200, strings.Replace(webhookDestination, "ed_1", "ed_2", 1), v2events.ErrMismatch},
		"no id":             {200, `{}`, v2events.ErrField},
		"odd kind of field": {200, `{"id":"ed_1","enabled_events":"all"}`, v2events.ErrField},
		"null":              {200, `null`, stripeapi.ErrResponse},
	}
	for verb, call := range calls {
		for name, fault := range faults {
			want := fault.want
			if verb == "ping" && fault.status == 200 && want != stripeapi.ErrResponse {
				want = v2events.ErrObject // it is answered with an event
			}
			client := v2events.NewClient(stub(t, fault.status, fault.answer))
			if err := call(client.Destinations(), "ed_1"); !errors.Is(err, want) || !strings.HasPrefix(err.Error(), verb+" destination: ") {
				t.Errorf("%s, %s: %v; want %v", verb, name, err, want)
			}
		}
		for _, id := range []string{"", ".", "..", "a\x00"} {
			if err := call(play(t).Destinations(), id); !errors.Is(err, stripeapi.ErrID) {
				t.Errorf("%s of %q = %v, want %v", verb, id, err, stripeapi.ErrID)
			}
		}
	}
}

func TestListDestinations(t *testing.T) {
	t.Parallel()
	page2 := `{"data":[{"id":"ed_2"}],"next_page_url":null}`
	client := play(t,
		exchange{Method: http.MethodGet, URI: destinationsURI + "?include%5B0%5D=webhook_endpoint.url&limit=1", Context: "acct_1", answer: `{"data":[` + webhookDestination + `],"next_page_url":"/v2/core/event_destinations?page=2"}`},
		exchange{Method: http.MethodGet, URI: destinationsURI + "?page=2", Context: "acct_1", answer: page2},
		exchange{Method: http.MethodGet, URI: destinationsURI, answer: `{"data":[{}]}`},
		exchange{Method: http.MethodGet, URI: destinationsURI + "?include%5B0%5D=x", answer: `{"data":[]}`},
	).Destinations()
	var ids []string
	for d, err := range client.List(t.Context(), v2events.DestinationListParams{Limit: 1, Context: "acct_1"}) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, d.ID)
	}
	if diff := cmp.Diff([]string{"ed_1", "ed_2"}, ids); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
	for d, err := range client.List(t.Context(), v2events.DestinationListParams{Include: []v2events.Include{}}) {
		if d != nil || !errors.Is(err, v2events.ErrField) {
			t.Errorf("List of one without id = %v, %v; want nil, %v", d, err, v2events.ErrField)
		}
	}
	for d, err := range client.List(t.Context(), v2events.DestinationListParams{Include: []v2events.Include{"x"}}) {
		t.Errorf("empty list = %v, %v", d, err)
	}
	for d, err := range client.List(t.Context(), v2events.DestinationListParams{Limit: -1}) {
		if d != nil || !errors.Is(err, v2events.ErrParams) {
			t.Errorf("List with a negative limit = %v, %v; want nil, %v", d, err, v2events.ErrParams)
		}
	}
}

var uuid4 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestDestinationIdempotencyKeys(t *testing.T) {
	t.Parallel()
	var keys []string
	api := stubFunc(t, func(r *http.Request) (int, string) {
		keys = append(keys, r.Header.Get("Idempotency-Key"))
		return http.StatusOK, webhookDestination
	})
	client := v2events.NewClient(api).Destinations()
	p := webhookParams()
	if _, err := client.Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	p.IdempotencyKey = "create-1"
	if _, err := client.Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Update(t.Context(), "ed_1", v2events.DestinationUpdateParams{Name: new("n"), IdempotencyKey: "update-1"}); err != nil {
		t.Fatal(err)
	}
	if err := client.Delete(t.Context(), "ed_1"); err != nil {
		t.Fatal(err)
	}
	if !uuid4.MatchString(keys[0]) || keys[1] != "create-1" || keys[2] != "update-1" || !uuid4.MatchString(keys[3]) {
		t.Errorf("idempotency keys %q, want random, create-1, update-1, random", keys)
	}
}
