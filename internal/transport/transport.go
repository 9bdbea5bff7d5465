// Package transport makes the HTTP transports of the service's own clients: to Stripe, to AWS and to
// a webhook.
//
// A time-out ends a request, but over HTTP/2 not its connection. If the network drops packets
// without a reset, as a NAT gateway does once it has forgotten a connection, every request that
// follows is sent on the same dead connection and times out too. [Ping] makes a transport find that
// out: a connection that has received nothing for [SendPingAfter] is pinged, and closed if the answer
// takes longer than [PingTimeout]. The next request dials anew. Over HTTP/1.1 net/http closes the
// connection of a request that timed out.
package transport

import (
	"net/http"
	"time"
)

// Together the two are shorter than any client of ours waits for an answer. A ping costs 17 bytes
// and needs no work of the server's application.
const (
	SendPingAfter = time.Second
	PingTimeout   = time.Second
)

// New returns a transport with pings and the settings of [http.DefaultTransport], which keeps
// maxIdle idle connections to each host; zero means net/http's default of two.
func New(maxIdle int) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = maxIdle
	Ping(t)
	return t
}

// Ping makes a transport that is not used yet ping its HTTP/2 connections.
func Ping(t *http.Transport) {
	if t.HTTP2 == nil {
		t.HTTP2 = new(http.HTTP2Config)
	}
	t.HTTP2.SendPingTimeout, t.HTTP2.PingTimeout = SendPingAfter, PingTimeout
}
