package stripeapi_test

import (
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

// While a Lambda is frozen, the other side closes its kept-alive connections. Here the server
// closes them.
func TestDeadKeptAliveConnectionsAreReplaced(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var open []net.Conn
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "{}")
	}))
	server.Config.ConnState = func(c net.Conn, state http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		if state == http.StateNew {
			open = append(open, c)
		}
	}
	server.Start()
	defer server.Close()
	client := newClient(t, stripeapi.Options{BaseURL: server.URL, MaxRetries: -1, HTTPClient: &http.Client{Transport: &http.Transport{}}})
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodGet} {
		if _, err := client.Do(t.Context(), stripeapi.Request{Method: method, Path: "/v1/x"}); err != nil {
			t.Errorf("%s after the connection died = %v", method, err)
		}
		mu.Lock()
		for _, c := range open {
			_ = c.Close() // closed twice for older ones
		}
		mu.Unlock()
	}
	if len(open) != 3 {
		t.Errorf("%d connections were made, want 3", len(open))
	}
}

func TestNoAnswerIsUnavailable(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	client := newClient(t, stripeapi.Options{BaseURL: server.URL, MaxRetries: -1})
	server.Close()
	_, err := client.Do(t.Context(), stripeapi.Request{Method: http.MethodGet, Path: "/v1/x"})
	var fault *stripeapi.Error
	if !errors.As(err, &fault) || !errors.Is(err, stripeapi.ErrUnavailable) || !errors.Is(err, syscall.ECONNREFUSED) || fault.Status != 0 || !fault.Retryable() {
		t.Errorf("Do with nobody there = %v, want a retryable %v without status", err, stripeapi.ErrUnavailable)
	}
	if want := "stripe: no answer: "; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("Error() = %s, want it to begin with %q", err, want)
	}
}

// Real handshakes that fail: the client does not trust the server, and the server requires a client
// certificate.
func TestTLSFaultsAreNotRetried(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		server *tls.Config
		trust  bool
	}{
		"untrusted server":   {&tls.Config{}, false},
		"certificate wanted": {&tls.Config{ClientAuth: tls.RequireAndVerifyClientCert}, true},
	} {
		var handshakes atomic.Int32
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				handshakes.Add(1)
			}
		}
		server.TLS = tc.server
		server.StartTLS()
		defer server.Close()
		transport := &http.Transport{}
		if tc.trust {
			transport.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
		}
		client := newClient(t, stripeapi.Options{BaseURL: server.URL, MaxRetries: 5, HTTPClient: &http.Client{Transport: transport}})
		_, err := client.Do(t.Context(), stripeapi.Request{Method: http.MethodGet, Path: "/v1/x"})
		if n := handshakes.Load(); n != 1 || !errors.Is(err, stripeapi.ErrUnavailable) {
			t.Errorf("%s: %d handshakes, %v; want 1, %v", name, n, err, stripeapi.ErrUnavailable)
		}
	}
}

func TestRedirectsStayWithinTheOrigin(t *testing.T) {
	t.Parallel()
	elsewhere, stolen := record(t)
	hops := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/here":
			http.Redirect(w, r, "/v1/there", http.StatusFound)
		case "/v1/there":
			if r.Header.Get("Authorization") == "" {
				t.Error("the key was lost within the origin")
			}
			_, _ = io.WriteString(w, `{"there":true}`)
		case "/v1/away":
			http.Redirect(w, r, elsewhere+"/v1/there", http.StatusTemporaryRedirect)
		case "/v1/post":
			http.Redirect(w, r, "/v1/there", http.StatusPermanentRedirect)
		case "/v1/loop":
			hops++
			http.Redirect(w, r, "/v1/loop", http.StatusFound)
		}
	}))
	defer server.Close()
	client := newClient(t, stripeapi.Options{BaseURL: server.URL})
	body, err := client.Do(t.Context(), stripeapi.Request{Method: http.MethodGet, Path: "/v1/here"})
	if err != nil || string(body) != `{"there":true}` {
		t.Errorf("GET within the origin = %s, %v; want it followed", body, err)
	}
	for _, r := range []stripeapi.Request{
		{Method: http.MethodGet, Path: "/v1/away"}, {Method: http.MethodPost, Path: "/v1/away"}, {Method: http.MethodPost, Path: "/v1/post"},
		{Method: http.MethodDelete, Path: "/v1/post"}, {Method: http.MethodGet, Path: "/v1/loop"},
	} {
		_, err := client.Do(t.Context(), r)
		var fault *stripeapi.Error
		if !errors.Is(err, stripeapi.ErrResponse) || !errors.As(err, &fault) || fault.Status < 300 || fault.Status > 399 {
			t.Errorf("%s %s = %v; want %v with the redirect's status", r.Method, r.Path, err, stripeapi.ErrResponse)
		}
	}
	if stolen.Line != "" {
		t.Errorf("the redirect was followed off the origin: %+v", stolen)
	}
	if hops != 4 {
		t.Errorf("a redirect loop was followed %d times, want 4", hops)
	}
}
