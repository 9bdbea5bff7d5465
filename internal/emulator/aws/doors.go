package aws

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awswire"
)

// awsURL is where the functions find what stands in for AWS.
func (s *Stack) awsURL() string { return "http://" + s.aws.Addr().String() }

// listen takes both addresses before anything else, so that a busy port is known before a minute of building.
func (s *Stack) listen() (err error) {
	if s.front, err = net.Listen("tcp", s.options.Listen); errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("listen on %s: %w by another process: stop that, or choose another with --listen", s.options.Listen, ErrBusy)
	} else if err != nil {
		return err
	}
	s.aws, err = net.Listen("tcp", "127.0.0.1:0")
	return err
}

// serve opens the doors: AWS's for the functions, the gateway for the world, the queues for their consumers.
func (s *Stack) serve() {
	wire := awswire.New(awswire.Backends{
		Events: s, Secrets: s.secrets, Queues: s.allQueues(), Tables: s.tables,
		Warn: func(text string) { s.warn("%s", text) }, Intercept: s.options.Intercept,
	})
	var front http.Handler = s.gateway
	if s.options.Front != nil {
		front = s.options.Front(front)
	}
	s.servers = []*http.Server{
		{Handler: s.authorized(wire), ReadHeaderTimeout: 10 * time.Second},
		{Handler: front, ReadHeaderTimeout: 10 * time.Second},
	}
	for i, listener := range []net.Listener{s.aws, s.front} {
		go s.servers[i].Serve(listener)
	}
	for _, m := range s.mappings {
		m.run(s.stopped)
	}
}

// authorized lets through what is signed with the access key that the functions were given. The secrets here may be real
// ones, and anyone on this machine, or a page in its browser, can reach the address.
func (s *Stack) authorized(next http.Handler) http.Handler {
	credential := "Credential=" + s.accessKey + "/"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Authorization"), credential) {
			w.WriteHeader(http.StatusForbidden)
			w.Write([]byte(`{"__type":"UnrecognizedClientException","message":"The security token included in the request is invalid."}`))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// AWS returns the environment variables with which AWS's own tools reach what stands in for AWS here.
func (s *Stack) AWS() []string {
	return []string{"AWS_ENDPOINT_URL=" + s.awsURL(), "AWS_REGION=" + region, "AWS_ACCESS_KEY_ID=" + s.accessKey, "AWS_SECRET_ACCESS_KEY=local"}
}

// URL returns the origin of the front door.
func (s *Stack) URL() string { return "http://" + s.front.Addr().String() }

// Routes lists the routes of the front door, such as "POST /webhook", with the function behind each.
func (s *Stack) Routes() map[string]string {
	routes := map[string]string{}
	for _, r := range s.gateway.routes {
		routes[r.method+" "+r.path] = r.function.logicalID
	}
	return routes
}

// RouteOf returns the URL of the POST route of the first function whose environment has a variable of that name; empty if there is
// none.
func (s *Stack) RouteOf(variable string) string {
	for _, r := range s.gateway.routes {
		if _, has := r.function.properties.Environment.Variables[variable]; has && r.method == http.MethodPost {
			return s.URL() + r.path
		}
	}
	return ""
}
