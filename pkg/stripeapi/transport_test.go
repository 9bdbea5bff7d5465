package stripeapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/internal/testbed"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

func TestDefaultClientGivesUpADeadConnection(t *testing.T) {
	t.Parallel()
	relay := testbed.NewRelay(t)
	transport := stripeapi.Pinging(http.DefaultTransport).(*http.Transport)
	transport.TLSClientConfig = relay.TLS.Clone()
	relay.CheckRecovery(t, &http.Client{Transport: transport}, 1500*time.Millisecond)
	if http.DefaultTransport.(*http.Transport).HTTP2 != nil {
		t.Error("http.DefaultTransport was changed")
	}
	if own := (refuseAll{t}); stripeapi.Pinging(own) != http.RoundTripper(own) {
		t.Error("a transport of another type was replaced")
	}
}
