package fetcher

import (
	"net/http"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/internal/testbed"
)

func TestTransportGivesUpADeadConnection(t *testing.T) {
	t.Parallel()
	relay := testbed.NewRelay(t)
	transport := NewTransport().(*http.Transport)
	transport.TLSClientConfig = relay.TLS.Clone()
	relay.CheckRecovery(t, &http.Client{Transport: transport}, 1500*time.Millisecond)
}
