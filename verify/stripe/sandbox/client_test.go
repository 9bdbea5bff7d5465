// Package sandbox tests internal/emulator/stripe with Stripe's own client, stripe-go, and our
// clients with two servers: the emulator and Stripe's own stripe-mock.
package sandbox

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v86"

	emulator "github.com/meterbridge/meterbridge/internal/emulator/stripe"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

const testKey = "sk_test_verify"

// serve starts a sandbox on loopback. It uses the wall clock, because stripe-go does.
func serve(t *testing.T, opts *emulator.Options) (s *emulator.Sandbox, url string) {
	t.Helper()
	s = emulator.New(opts)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

// stripeGo returns Stripe's own client for the server at url.
func stripeGo(url, key string) *stripe.Client {
	return stripe.NewClient(key, stripe.WithBackends(stripe.NewBackendsWithConfig(&stripe.BackendConfig{
		URL:               &url,
		LeveledLogger:     &stripe.LeveledLogger{Level: stripe.LevelNull},
		MaxNetworkRetries: stripe.Int64(0),
		EnableTelemetry:   stripe.Bool(false),
	})))
}

// ours returns our client for the server at url.
func ours(t *testing.T, url string) *stripeapi.Client {
	t.Helper()
	client, err := stripeapi.New(testKey, &stripeapi.Options{BaseURL: url, MaxRetries: -1})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// addSamples adds n events of each sample, a second apart, and returns their ids, the newest first.
func addSamples(t *testing.T, s *emulator.Sandbox, n int) (ids []string) {
	t.Helper()
	start := time.Now().Add(-time.Hour)
	for i := range n {
		for k, sample := range emulator.Samples() {
			id := fmt.Sprintf("evt_test_%02d_%s", i, sample.Name)
			if err := s.AddEvent(sample.Renew(id, start.Add(time.Duration(3*i+k)*time.Second)).Full); err != nil {
				t.Fatal(err)
			}
			ids = append([]string{id}, ids...)
		}
	}
	return ids
}

func nowMinusMinute() time.Time { return time.Now().Add(-time.Minute) }

// idOf returns the id of an event, which stripe-go's interface lacks.
func idOf(t *testing.T, event stripe.V2CoreEvent) string {
	t.Helper()
	switch e := event.(type) {
	case *stripe.V1BillingMeterErrorReportTriggeredEvent:
		return e.ID
	case *stripe.V1BillingMeterNoMeterFoundEvent:
		return e.ID
	case *stripe.V2CoreEventDestinationPingEvent:
		return e.ID
	}
	t.Fatalf("%T: the sandbox has no sample of this type", event)
	return ""
}
