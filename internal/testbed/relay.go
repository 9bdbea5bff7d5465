package testbed

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A Relay passes connections on to an HTTP/2 server. It can drop all packets of open connections,
// as a NAT gateway does with those that it has forgotten.
type Relay struct {
	URL string      // of the server, through the relay
	TLS *tls.Config // trusts the server

	server *httptest.Server
	dials  atomic.Int32

	mu   sync.Mutex
	dead *atomic.Bool // of the connections that are open
}

// NewRelay starts a server that answers 200, and a relay to it, for the duration of a test.
func NewRelay(t testing.TB) *Relay {
	t.Helper()
	r := &Relay{dead: new(atomic.Bool)}
	r.server = httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		if request.ProtoMajor != 2 {
			t.Errorf("request over %s, want HTTP/2", request.Proto)
		}
	}))
	r.server.EnableHTTP2 = true
	r.server.StartTLS()
	t.Cleanup(r.server.Close)
	r.TLS = r.server.Client().Transport.(*http.Transport).TLSClientConfig
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	r.URL = "https://" + listener.Addr().String()
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			r.dials.Add(1)
			go r.pass(t, client)
		}
	}()
	return r
}

func (r *Relay) pass(t testing.TB, client net.Conn) {
	server, err := net.Dial("tcp", r.server.Listener.Addr().String())
	if err != nil {
		_ = client.Close()
		return
	}
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	r.mu.Lock()
	dead := r.dead
	r.mu.Unlock()
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		go func() { _, _ = io.Copy(way[1], swallowing{way[0], dead}) }()
	}
}

// swallowing reads from a connection until it is dead, and then returns nothing.
type swallowing struct {
	io.Reader
	dead *atomic.Bool
}

// Read implements [io.Reader].
func (s swallowing) Read(p []byte) (int, error) {
	for {
		n, err := s.Reader.Read(p)
		if err != nil || !s.dead.Load() {
			return n, err
		}
	}
}

// Doer sends HTTP requests; [*http.Client] and the AWS SDK's clients are Doers.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// CheckRecovery checks that a client which trusts r.TLS leaves a dead connection. Without pings it
// would send every request that follows on that connection, however many time out. timeout is how
// long the first of them waits; each waits twice as long as the one before, since an answer over a
// new connection takes a while on a machine with much else to do.
func (r *Relay) CheckRecovery(t testing.TB, client Doer, timeout time.Duration) {
	t.Helper()
	const patience = 2 * time.Minute
	get := func(timeout time.Duration) error {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err == nil {
			err = response.Body.Close()
		}
		return err
	}
	if err := get(patience); err != nil {
		t.Fatalf("request through the relay: %v", err)
	}
	r.mu.Lock()
	r.dead.Store(true) // all packets of the connections that are open now are dropped
	r.dead = new(atomic.Bool)
	r.mu.Unlock()
	if err := get(timeout); err == nil {
		t.Fatal("a request on a dead connection was answered")
	}
	var faults []string
	for ; timeout < patience; timeout *= 2 {
		err := get(timeout)
		if err == nil {
			if n := r.dials.Load(); n < 2 {
				t.Errorf("%d connections, want a second one", n)
			}
			return
		}
		faults = append(faults, err.Error())
	}
	t.Errorf("all requests after a time-out fail too: %s", strings.Join(faults, "; "))
}
