package sandbox

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stripe/stripe-mock/embedded"
	"github.com/stripe/stripe-mock/server"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v1events"
)

// stripeMock runs Stripe's own mock server, which validates each request against Stripe's OpenAPI
// description.
func stripeMock(t *testing.T) string {
	t.Helper()
	spec, err := server.LoadSpec(embedded.OpenAPISpec, "")
	if err != nil {
		t.Fatal(err)
	}
	fixtures, err := server.LoadFixtures(embedded.OpenAPIFixtures, "")
	if err != nil {
		t.Fatal(err)
	}
	stub, err := server.NewStubServer(fixtures, spec, false, false)
	if err != nil {
		t.Fatal(err)
	}
	mock := httptest.NewServer(http.HandlerFunc(stub.HandleRequest))
	t.Cleanup(mock.Close)
	return mock.URL
}

func TestStripeMockAcceptsOurRequests(t *testing.T) {
	t.Parallel()
	api := ours(t, stripeMock(t))
	events := v1events.NewClient(api)

	t.Run("retrieve", func(t *testing.T) {
		event, err := events.Retrieve(t.Context(), "evt_1")
		if err != nil || event.ID != "evt_1" || event.Type == "" || len(event.Data.Object) == 0 {
			t.Errorf("Retrieve = %+v, %v", event, err)
		}
	})
	t.Run("list with every parameter", func(t *testing.T) {
		for _, params := range []v1events.ListParams{
			{},
			{Limit: 100, Type: "invoice.*", DeliverySuccess: new(true), StartingAfter: "evt_2", Expand: []string{"data.request"}},
			{Limit: 1, Types: []string{"invoice.paid", "customer.created"}, DeliverySuccess: new(false), EndingBefore: "evt_2", Context: "acct_1"},
			{Created: v1events.Range{GTE: time.Unix(1_700_000_000, 0), LT: time.Unix(1_800_000_000, 0)}},
			{Created: v1events.Range{GT: time.Unix(1_700_000_000, 0), LTE: time.Unix(1_800_000_000, 0)}},
		} {
			count := 0
			for event, err := range events.List(t.Context(), params) {
				if err != nil {
					t.Fatalf("List(%+v): %v", params, err)
				}
				if event.ID == "" || event.Created.IsZero() {
					t.Errorf("List(%+v) gave %s", params, event.Raw)
				}
				count++
			}
			if count == 0 {
				t.Errorf("List(%+v) gave nothing", params)
			}
		}
	})
	t.Run("form body", func(t *testing.T) {
		body, err := api.Do(t.Context(), stripeapi.Request{
			Method: http.MethodPost, Path: "/v1/customers", Form: true,
			Body: url.Values{"email": {"jenny@example.com"}, "metadata[order]": {"a b&c=d"}},
		})
		var customer struct {
			Email    string
			Metadata map[string]string
		}
		if err != nil || json.Unmarshal(body, &customer) != nil || customer.Email != "jenny@example.com" {
			t.Errorf("POST /v1/customers = %s, %v", body, err)
		}
	})
	t.Run("unknown parameter", func(t *testing.T) {
		_, err := api.Do(t.Context(), stripeapi.Request{Method: http.MethodGet, Path: "/v1/events", Query: url.Values{"colour": {"red"}}})
		var failure *stripeapi.Error
		if !errors.Is(err, stripeapi.ErrInvalid) || !errors.As(err, &failure) || failure.Status != http.StatusBadRequest {
			t.Errorf("GET with an unknown parameter = %v, want %v", err, stripeapi.ErrInvalid)
		}
	})
}
