package v1events_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
	"github.com/meterbridge/meterbridge/pkg/v1events"
)

// Receive a delivery and read the object that it is about.
func Example() {
	payload := []byte(`{"id":"evt_1","object":"event","created":1700000000,"type":"customer.created","livemode":false,"data":{"object":{"id":"cus_1"}}}`)
	now := time.Unix(1700000001, 0)
	header := stripesig.Secret("whsec_example").Sign(payload, now) // as Stripe would

	clock := &stripesig.Options{Now: func() time.Time { return now }} // programs pass nil
	verifier, err := stripesig.NewVerifier([]stripesig.Secret{"whsec_example"}, clock)
	if err != nil {
		fmt.Println(err)
		return
	}
	event, err := v1events.ConstructEvent(payload, header, verifier)
	if errors.Is(err, v1events.ErrObject) {
		fmt.Println("authentic, but not a snapshot: a thin event belongs to package v2events")
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(event.Type, string(event.Data.Object))
	// Output: customer.created {"id":"cus_1"}
}

// Invoice events after the last one seen that were not delivered, oldest first.
func ExampleClient_List() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"object":"list","has_more":false,"data":[
			{"id":"evt_3","object":"event","created":1700000003,"type":"invoice.paid","livemode":false,"data":{"object":{}}},
			{"id":"evt_2","object":"event","created":1700000002,"type":"invoice.created","livemode":false,"data":{"object":{}}}]}`)
	}))
	defer server.Close()
	api, err := stripeapi.New("rk_test_123", &stripeapi.Options{BaseURL: server.URL}) // programs leave BaseURL empty
	if err != nil {
		fmt.Println(err)
		return
	}
	params := v1events.ListParams{EndingBefore: "evt_1", DeliverySuccess: new(false), Type: "invoice.*"}
	for event, err := range v1events.NewClient(api).List(context.Background(), params) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(event.ID, event.Type)
	}
	// Output:
	// evt_2 invoice.created
	// evt_3 invoice.paid
}
