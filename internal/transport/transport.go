// Package transport makes the HTTP transports of the service's own clients: to Stripe, to AWS and to
// a webhook.
//
// A timeout ends a request but, over HTTP/2, not its connection. If the network drops packets
// without a reset, as a NAT gateway does once it has forgotten a connection, every request that
// follows is sent on the same dead connection and times out too. [Ping] makes a transport detect
// that: a connection that has received nothing for [SendPingAfter] is pinged, and closed if the
// answer takes longer than [PingTimeout]. The next request opens a new one. Over HTTP/1.1 net/http
// closes the connection of a request that timed out.
package transport

import (
	"net/http"
	"time"
)

// Their sum is less than the time that any of our clients waits for an answer. A ping is 17 bytes
// and does not reach the server's application.
const (
	SendPingAfter = time.Second
	PingTimeout   = time.Second
)

// New returns a transport with pings and the settings of [http.DefaultTransport], except that it
// keeps maxIdle idle connections to each host; zero means net/http's default of two.
func New(maxIdle int) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = maxIdle
	Ping(t)
	return t
}

// Ping makes a transport ping its HTTP/2 connections. Call it before the transport's first use.
func Ping(t *http.Transport) {
	if t.HTTP2 == nil {
		t.HTTP2 = new(http.HTTP2Config)
	}
	t.HTTP2.SendPingTimeout, t.HTTP2.PingTimeout = SendPingAfter, PingTimeout
}
