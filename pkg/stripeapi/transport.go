package stripeapi

import (
	"net/http"
	"sync"
	"time"
)

// defaultTransport is shared by all clients without an HTTPClient, so that they share connections.
var defaultTransport = sync.OnceValue(func() http.RoundTripper { return pinging(http.DefaultTransport) })

// pingAfter is how long a connection may receive nothing before it is pinged, and then how long the
// answer may take. Both together are shorter than any try.
const pingAfter = time.Second

// pinging returns a copy of a transport that gives up dead HTTP/2 connections. A timeout ends a
// request but not its connection: if the network drops packets without a reset, all later requests
// would time out on it too. A transport of any other type than [*http.Transport] is returned
// unchanged.
func pinging(rt http.RoundTripper) http.RoundTripper {
	t, ok := rt.(*http.Transport)
	if !ok {
		return rt
	}
	t = t.Clone()
	if t.HTTP2 == nil {
		t.HTTP2 = new(http.HTTP2Config)
	}
	t.HTTP2.SendPingTimeout, t.HTTP2.PingTimeout = pingAfter, pingAfter
	return t
}
