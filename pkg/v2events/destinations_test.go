package v2events_test

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

const destinationsURI = "/v2/core/event_destinations"

// webhookDestination is Stripe's response to Create with everything included.
const webhookDestination = `{"id":"ed_1","object":"v2.core.event_destination","name":"meter errors","description":"","type":"webhook_endpoint",
	"event_payload":"thin","snapshot_api_version":null,"enabled_events":["v1.billing.meter.error_report_triggered"],"events_from":["@self"],
	"status":"enabled","status_details":null,"livemode":false,"metadata":{"team":"billing"},"created":"2024-10-22T16:20:09.931Z","updated":"2024-10-22T16:20:09.937Z",
	"webhook_endpoint":{"signing_secret":"whsec_hush","url":"https://example.com/hook"},"amazon_eventbridge":null,"azure_event_grid":null}`

func TestUpdateSendsOnlyChanges(t *testing.T) {
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

func TestDestinationsAreRetrievedSwitchedPingedAndDeleted(t *testing.T) {
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

// Each call is tried with each fault: an id that would change the path, an error from Stripe, a
// response about another object.
func TestDestinationCallsReportWhatIsWrong(t *testing.T) {
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
				want = v2events.ErrObject // its response is an event
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

func TestDestinationsAreListed(t *testing.T) {
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

// Every request that changes something has an idempotency key: the caller's or a random one.
func TestDestinationChangesHaveIdempotencyKeys(t *testing.T) {
	t.Parallel()
	var key string
	api := stubFunc(t, func(r *http.Request) (int, string) {
		key = r.Header.Get("Idempotency-Key")
		if strings.HasSuffix(r.URL.Path, "/ping") {
			return http.StatusOK, event("evt_1", "a.b")
		}
		return http.StatusOK, webhookDestination
	})
	client := v2events.NewClient(api).Destinations()
	calls := map[string]func(d *v2events.Destinations, own string) error{
		"create": func(d *v2events.Destinations, own string) error {
			p := webhookParams()
			p.IdempotencyKey = own
			_, err := d.Create(t.Context(), p)
			return err
		},
		"update": func(d *v2events.Destinations, own string) error {
			_, err := d.Update(t.Context(), "ed_1", v2events.DestinationUpdateParams{Name: new("n"), IdempotencyKey: own})
			return err
		},
		"delete":  func(d *v2events.Destinations, _ string) error { return d.Delete(t.Context(), "ed_1") },
		"enable":  func(d *v2events.Destinations, _ string) error { _, err := d.Enable(t.Context(), "ed_1"); return err },
		"disable": func(d *v2events.Destinations, _ string) error { _, err := d.Disable(t.Context(), "ed_1"); return err },
		"ping":    func(d *v2events.Destinations, _ string) error { _, err := d.Ping(t.Context(), "ed_1"); return err },
	}
	for verb, call := range calls {
		if err := call(client, ""); err != nil || !uuid4.MatchString(key) {
			t.Errorf("%s: %v with the key %q, want a random one", verb, err, key)
		}
		if err := call(client.With(stripeapi.RequestOptions{IdempotencyKey: "chosen"}), ""); err != nil || key != "chosen" {
			t.Errorf("%s: %v with the key %q, want the chosen one", verb, err, key)
		}
	}
	for _, verb := range []string{"create", "update"} {
		if err := calls[verb](client.With(stripeapi.RequestOptions{IdempotencyKey: "chosen"}), "parameter"); err != nil || key != "parameter" {
			t.Errorf("%s: %v with the key %q, want that of the parameters", verb, err, key)
		}
	}
	if _, err := client.With(stripeapi.RequestOptions{IdempotencyKey: "chosen"}).Retrieve(t.Context(), "ed_1"); err != nil || key != "" {
		t.Errorf("retrieve: %v with the key %q, want none", err, key)
	}
}

func TestThinWebhookIsComplete(t *testing.T) {
	t.Parallel()
	client := play(t, exchange{
		Method: http.MethodPost, URI: destinationsURI, answer: webhookDestination,
		Body: `{"name":"meter errors","type":"webhook_endpoint","event_payload":"thin","enabled_events":["a.b","c.d"],` +
			`"include":["webhook_endpoint.signing_secret","webhook_endpoint.url"],"webhook_endpoint":{"url":"https://example.com/hook"}}`,
	})
	if _, err := client.Destinations().Create(t.Context(), v2events.ThinWebhook("meter errors", "https://example.com/hook", "a.b", "c.d")); err != nil {
		t.Error(err)
	}
	if _, err := client.Destinations().Create(t.Context(), v2events.ThinWebhook("meter errors", "https://example.com/hook")); !errors.Is(err, v2events.ErrParams) {
		t.Errorf("Create without event types = %v, want %v", err, v2events.ErrParams)
	}
}

func TestDestinationPagesAreResumed(t *testing.T) {
	t.Parallel()
	const second = "/v2/core/event_destinations?page=2"
	client := play(t,
		exchange{Method: http.MethodGet, URI: destinationsURI + "?include%5B0%5D=webhook_endpoint.url&limit=1", answer: `{"data":[` + webhookDestination + `],"next_page_url":"` + second + `"}`},
		exchange{Method: http.MethodGet, URI: second, Context: "acct_1", answer: `{"data":[{"id":"ed_2"}],"previous_page_url":"/v2/core/event_destinations?page=1"}`},
	).Destinations()
	for page, err := range client.Pages(t.Context(), v2events.DestinationListParams{Limit: 1}) {
		if err != nil || len(page.Data) != 1 || page.Data[0].ID != "ed_1" || page.NextURL != second || page.PreviousURL != "" {
			t.Errorf("first page = %+v, %v", page, err)
		}
		break
	}
	for page, err := range client.Pages(t.Context(), v2events.DestinationListParams{PageURL: second, Context: "acct_1"}) {
		if err != nil || len(page.Data) != 1 || page.Data[0].ID != "ed_2" || page.NextURL != "" || page.PreviousURL == "" {
			t.Errorf("second page = %+v, %v", page, err)
		}
	}
	for _, p := range []v2events.DestinationListParams{{PageURL: second, Limit: 1}, {PageURL: second, Include: []v2events.Include{}}} {
		for page, err := range client.Pages(t.Context(), p) {
			if page != nil || !errors.Is(err, v2events.ErrParams) {
				t.Errorf("Pages(%+v) = %v, %v; want %v", p, page, err, v2events.ErrParams)
			}
		}
	}
}

func TestCreateReturnsTheSecretAndHidesIt(t *testing.T) {
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
	shown := string(marshal(t, got))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t"} {
		for _, value := range []any{got, *got, got.WebhookEndpoint, *got.WebhookEndpoint, v2events.Page[v2events.Destination]{Data: []*v2events.Destination{got}}} {
			shown += fmt.Sprintf(verb, value)
		}
	}
	if strings.Contains(shown, "hush") || strings.Contains(shown, fmt.Sprintf("%x", "hush")) || string(got.WebhookEndpoint.SigningSecret) != "whsec_hush" {
		t.Errorf("the signing secret is shown, or lost: %s", shown)
	}
}

func TestDestinationsInTheCloudAreCreated(t *testing.T) {
	t.Parallel()
	client := play(t,
		exchange{
			Method: http.MethodPost, URI: destinationsURI,
			Body: `{"name":"aws","type":"amazon_eventbridge","event_payload":"snapshot","enabled_events":["*"],"snapshot_api_version":"2026-10-28.endive",` +
				`"amazon_eventbridge":{"aws_account_id":"123456789012","aws_region":"us-east-1"}}`,
			answer: `{"id":"ed_2","status":"disabled","status_details":{"disabled":{"reason":"no_aws_event_source_exists"}},"snapshot_api_version":"2026-10-28.endive",` +
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
		Name: "aws", Type: v2events.TypeAmazonEventBridge, EventPayload: v2events.PayloadSnapshot, EnabledEvents: []string{"*"}, SnapshotAPIVersion: "2026-10-28.endive",
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

func TestUnusableDestinationsAreRefused(t *testing.T) {
	t.Parallel()
	client := play(t).Destinations()
	for text, change := range map[string]func(*v2events.DestinationCreateParams){
		"name is empty":                         func(p *v2events.DestinationCreateParams) { p.Name = "" },
		`type is empty; use "webhook_endpoint"`: func(p *v2events.DestinationCreateParams) { p.Type = "" },
		`use "thin" or "snapshot"`:              func(p *v2events.DestinationCreateParams) { p.EventPayload = "" },
		"name at least one event type":          func(p *v2events.DestinationCreateParams) { p.EnabledEvents = nil },
		"leave snapshot API version empty":      func(p *v2events.DestinationCreateParams) { p.SnapshotAPIVersion = "2026-10-28.endive" },
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

// Destination types that this package does not know are sent to Stripe unchecked.
func TestDestinationsOfUnknownTypeAreSent(t *testing.T) {
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
