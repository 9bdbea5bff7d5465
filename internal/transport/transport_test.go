package transport_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/internal/testbed"
	"github.com/meterbridge/meterbridge/internal/transport"
)

func TestDeadConnectionIsGivenUp(t *testing.T) {
	t.Parallel()
	relay := testbed.NewRelay(t)
	transport := transport.New(0)
	transport.TLSClientConfig = relay.TLS.Clone()
	relay.CheckRecovery(t, &http.Client{Transport: transport}, 1500*time.Millisecond)
}

func TestTransportKeepsTheDefaultsOfNetHTTP(t *testing.T) {
	t.Parallel()
	got, want := transport.New(7), http.DefaultTransport.(*http.Transport)
	if got.Proxy == nil || !got.ForceAttemptHTTP2 || got.IdleConnTimeout != want.IdleConnTimeout || got.MaxIdleConnsPerHost != 7 {
		t.Errorf("New(7) = %+v, want the settings of http.DefaultTransport with 7 idle connections to a host", got)
	}
	if want.HTTP2 != nil {
		t.Error("New changed http.DefaultTransport")
	}
}
