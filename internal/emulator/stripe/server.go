package stripe

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"time"
)

// A Server is a [Sandbox] that listens on a loopback address.
type Server struct {
	*Sandbox

	// Origin is the base URL of the API, such as http://127.0.0.1:49152.
	Origin string

	// Keys are accepted API keys, made up for this server, and RotatedKeys another pair to rotate
	// to.
	Keys, RotatedKeys Keys

	server *http.Server
}

// Keys are an API key for each mode.
type Keys struct{ Live, Test string }

// JSON returns the keys as {"live":…,"test":…}, the form in which Meterbridge's functions read them
// from their secret.
func (k Keys) JSON() string { return fmt.Sprintf(`{"live":%q,"test":%q}`, k.Live, k.Test) }

func newKeys() Keys { return Keys{Live: "sk_live_" + rand.Text(), Test: "sk_test_" + rand.Text()} }

// Start serves a new [Sandbox] on a free port of 127.0.0.1 until [Server.Close]. It accepts the
// server's own keys and [Options.APIKeys], and no others. A nil opts is the zero [Options].
func Start(opts *Options) (*Server, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the Stripe sandbox: %w", err)
	}
	s := &Server{Origin: "http://" + listener.Addr().String(), Keys: newKeys(), RotatedKeys: newKeys()}
	filled := opts.orDefaults()
	filled.APIKeys = append(filled.APIKeys, s.Keys.Live, s.Keys.Test, s.RotatedKeys.Live, s.RotatedKeys.Test)
	s.Sandbox = New(&filled)
	s.server = &http.Server{Handler: s.Sandbox, ReadHeaderTimeout: 10 * time.Second}
	go s.server.Serve(listener)
	return s, nil
}

// Close stops the server at once, without waiting for requests in flight.
func (s *Server) Close() error { return s.server.Close() }
