package stripeapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

// Retrieving an event that is gone. Programs leave BaseURL, here a stand-in's, empty.
func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Request-Id", "req_123")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"error":{"code":"not_found","message":"Not found."}}`)
	}))
	defer server.Close()

	api, err := stripeapi.New("rk_test_123", &stripeapi.Options{BaseURL: server.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	id, err := stripeapi.SanitizeID("evt_test_1")
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = api.Do(context.Background(), stripeapi.Request{Method: http.MethodGet, Path: "/v2/core/events/" + id})
	if errors.Is(err, stripeapi.ErrNotFound) {
		fmt.Println(err)
	}
	// Output: stripe: status 404 not_found: "Not found." [req_123]
}

func ExampleParams() {
	query, err := stripeapi.Params{
		"types":   []string{"customer.created", "invoice.*"},
		"created": stripeapi.Params{"gte": time.Unix(1735689600, 0)},
		"limit":   stripeapi.Optional(0), // left out
	}.V1()
	if err != nil {
		fmt.Println(err)
		return
	}
	readable, err := url.QueryUnescape(query.Encode())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(readable)
	// Output: created[gte]=1735689600&types[0]=customer.created&types[1]=invoice.*
}

func ExampleKey() {
	key := stripeapi.Key("sk_live_hush")
	fmt.Printf("%s %#v\n", key, struct{ Key stripeapi.Key }{key})
	// Output: [redacted Stripe key] struct { Key stripeapi.Key }{Key:[redacted Stripe key]}
}

func ExampleSanitizeID() {
	for _, id := range []string{"evt_test_1", "a/b c", ".."} {
		fmt.Println(stripeapi.SanitizeID(id))
	}
	// Output:
	// evt_test_1 <nil>
	// a%2Fb+c <nil>
	//  stripeapi: unusable id: a dot segment
}
