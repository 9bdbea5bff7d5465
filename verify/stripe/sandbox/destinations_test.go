package sandbox

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stripe/stripe-go/v86"

	emulator "github.com/meterbridge/meterbridge/internal/emulator/stripe"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

func createParams(url string) *stripe.V2CoreEventDestinationCreateParams {
	return &stripe.V2CoreEventDestinationCreateParams{
		Name:            stripe.String("meters"),
		Description:     stripe.String("all of them"),
		Type:            stripe.String("webhook_endpoint"),
		EventPayload:    stripe.String("thin"),
		EnabledEvents:   stripe.StringSlice([]string{"v1.billing.meter.error_report_triggered"}),
		EventsFrom:      stripe.StringSlice([]string{"@self"}),
		Include:         stripe.StringSlice([]string{"webhook_endpoint.signing_secret", "webhook_endpoint.url"}),
		Metadata:        map[string]string{"team": "billing", "old": "x"},
		WebhookEndpoint: &stripe.V2CoreEventDestinationCreateWebhookEndpointParams{URL: stripe.String(url)},
	}
}

func TestStripeGoManagesDestinations(t *testing.T) {
	t.Parallel()
	_, url := serve(t, nil)
	destinations := stripeGo(url, testKey).V2CoreEventDestinations
	created, err := destinations.Create(t.Context(), createParams("https://example.com/hook"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(created.WebhookEndpoint.SigningSecret, "whsec_") || created.Status != stripe.V2CoreEventDestinationStatusEnabled {
		t.Errorf("created %+v, want a signing secret and enabled", created)
	}
	updated, err := destinations.Update(t.Context(), created.ID, &stripe.V2CoreEventDestinationUpdateParams{
		Name:            stripe.String("renamed"),
		EnabledEvents:   stripe.StringSlice([]string{"v1.billing.meter.no_meter_found"}),
		Metadata:        map[string]*string{"old": nil, "new": stripe.String("y")},
		WebhookEndpoint: &stripe.V2CoreEventDestinationUpdateWebhookEndpointParams{URL: stripe.String("https://example.com/new")},
		Include:         stripe.StringSlice([]string{"webhook_endpoint.url"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"team": "billing", "new": "y"}, updated.Metadata); diff != "" || updated.Name != "renamed" ||
		updated.WebhookEndpoint.URL != "https://example.com/new" || updated.WebhookEndpoint.SigningSecret != "" {
		t.Errorf("updated %+v, %+v, metadata (-want +got):\n%s", updated, updated.WebhookEndpoint, diff)
	}
	disabled, err := destinations.Disable(t.Context(), created.ID, nil)
	if err != nil || disabled.Status != stripe.V2CoreEventDestinationStatusDisabled ||
		disabled.StatusDetails.Disabled.Reason != stripe.V2CoreEventDestinationStatusDetailsDisabledReasonUser {
		t.Errorf("Disable = %+v, %v", disabled, err)
	}
	enabled, err := destinations.Enable(t.Context(), created.ID, nil)
	if err != nil || enabled.Status != stripe.V2CoreEventDestinationStatusEnabled || enabled.StatusDetails != nil {
		t.Errorf("Enable = %+v, %v", enabled, err)
	}
	retrieved, err := destinations.Retrieve(t.Context(), created.ID, &stripe.V2CoreEventDestinationRetrieveParams{
		Include: stripe.StringSlice([]string{"webhook_endpoint.url"}),
	})
	if err != nil || retrieved.WebhookEndpoint.URL != "https://example.com/new" || retrieved.WebhookEndpoint.SigningSecret != "" {
		t.Errorf("Retrieve = %+v, %v", retrieved, err)
	}
	deleted, err := destinations.Delete(t.Context(), created.ID, nil)
	if err != nil || deleted.ID != created.ID {
		t.Errorf("Delete = %+v, %v", deleted, err)
	}
	var raw *stripe.V2RawError
	if _, err := destinations.Retrieve(t.Context(), created.ID, nil); !errors.As(err, &raw) || raw.Code != "not_found" {
		t.Errorf("Retrieve after Delete = %v, want not_found", err)
	}
}

func TestStripeGoListsDestinationsInPages(t *testing.T) {
	t.Parallel()
	_, url := serve(t, nil)
	destinations := stripeGo(url, testKey).V2CoreEventDestinations
	want := map[string]string{}
	for range 5 {
		created, err := destinations.Create(t.Context(), createParams("https://example.com/hook"))
		if err != nil {
			t.Fatal(err)
		}
		want[created.ID] = "https://example.com/hook"
	}
	got := map[string]string{}
	params := &stripe.V2CoreEventDestinationListParams{Limit: stripe.Int64(2), Include: stripe.StringSlice([]string{"webhook_endpoint.url"})}
	for d, err := range destinations.List(t.Context(), params).All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got[d.ID] = d.WebhookEndpoint.URL
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("destinations and their URLs (-want +got):\n%s", diff)
	}
}

func TestStripeGoRetriesIdempotently(t *testing.T) {
	t.Parallel()
	_, url := serve(t, nil)
	destinations := stripeGo(url, testKey).V2CoreEventDestinations
	create := func(name string) (*stripe.V2CoreEventDestination, error) {
		params := createParams("https://example.com/hook")
		params.Name = &name
		params.SetIdempotencyKey("key_1")
		return destinations.Create(t.Context(), params)
	}
	first, err := create("a")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := create("a"); err != nil || again.ID != first.ID {
		t.Errorf("Create again = %v, %v, want %s", again, err, first.ID)
	}
	var raw *stripe.V2RawError
	if _, err := create("b"); !errors.As(err, &raw) || raw.HTTPStatusCode != http.StatusConflict || raw.Code != "idempotency_error" {
		t.Errorf("Create with other parameters = %v, want idempotency_error", err)
	}
}

func TestStripeGoReceivesAPing(t *testing.T) {
	t.Parallel()
	received := make(chan *http.Request, 1)
	bodies := make(chan []byte, 1)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read delivery: %v", err)
		}
		received <- r
		bodies <- body
	}))
	t.Cleanup(hook.Close)
	_, url := serve(t, nil)
	client := stripeGo(url, testKey)
	created, err := client.V2CoreEventDestinations.Create(t.Context(), createParams(hook.URL))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.V2CoreEventDestinations.Ping(t.Context(), created.ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	header := (<-received).Header.Get(stripesig.Header)
	container, err := client.ParseEventNotification(<-bodies, header, created.WebhookEndpoint.SigningSecret)
	if err != nil {
		t.Fatalf("ParseEventNotification = %v", err)
	}
	ping, ok := container.(*stripe.V2CoreEventDestinationPingEventNotification)
	if !ok || ping.ID != idOf(t, answer) {
		t.Fatalf("delivered %T %+v, want the ping %s", container, container, idOf(t, answer))
	}
	if event, err := ping.FetchEvent(t.Context()); err != nil || event.ID != ping.ID || !event.Created.Equal(ping.Created) {
		t.Errorf("FetchEvent = %+v, %v", event, err)
	}
	if d, err := ping.FetchRelatedObject(t.Context()); err != nil || d.ID != created.ID {
		t.Errorf("FetchRelatedObject = %+v, %v", d, err)
	}
}

func TestStripeGoFetchesEventsAndRelatedObjects(t *testing.T) {
	t.Parallel()
	const secret = stripesig.Secret("whsec_verify")
	s, url := serve(t, nil)
	client := stripeGo(url, testKey)
	for _, context := range []string{"null", `"acct_1/acct_2"`} {
		sample := emulator.Samples()[0].Renew("evt_test_"+strings.Trim(context, `"`), nowMinusMinute())
		thin := []byte(strings.Replace(string(sample.Thin), `"context":null`, `"context":`+context, 1))
		if err := s.Learn(thin); err != nil {
			t.Fatal(err)
		}
		container, err := client.ParseEventNotification(thin, secret.Sign(thin, nowMinusMinute()), string(secret))
		if err != nil {
			t.Fatal(err)
		}
		notification, ok := container.(*stripe.V1BillingMeterErrorReportTriggeredEventNotification)
		if !ok {
			t.Fatalf("ParseEventNotification(%s) = %T", thin, container)
		}
		event, err := notification.FetchEvent(t.Context())
		if err != nil || event.Data.Reason.ErrorCount != 1 {
			t.Errorf("FetchEvent in %s = %+v, %v", context, event, err)
		}
		if meter, err := notification.FetchRelatedObject(t.Context()); err != nil || meter.ID != notification.RelatedObject.ID {
			t.Errorf("FetchRelatedObject in %s = %+v, %v", context, meter, err)
		}
	}
}
