package aws

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/target"
)

// listeners are the listeners for the HTTP API routes and for the functions' AWS calls.
type listeners struct {
	front, aws net.Listener
	accessKey  string // proves that an AWS call comes from a function of this stack
	servers    []*http.Server
}

// listen opens both addresses first, so that a busy port is reported before functions are built.
func (l *listeners) listen(front string) (err error) {
	if l.front, err = net.Listen("tcp", front); errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("listen on %s: %w by another process", front, ErrBusy)
	} else if err != nil {
		return err
	}
	if l.aws, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		l.front.Close()
	}
	return err
}

func (l *listeners) serve(listener net.Listener, handler http.Handler) {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	l.servers = append(l.servers, server)
	go server.Serve(listener)
}

func (l *listeners) close() {
	for _, server := range l.servers {
		server.Close()
	}
	l.front.Close()
	l.aws.Close()
}

// endpoint returns the origin at which the functions reach the services.
func (l *listeners) endpoint() string { return "http://" + l.aws.Addr().String() }

// authorized passes on requests that name the functions' access key. The secrets may be real, and
// any program on this machine, or a page in its browser, can reach the address.
func (l *listeners) authorized(next http.Handler) http.Handler {
	credential := "Credential=" + l.accessKey + "/"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Authorization"), credential) {
			w.WriteHeader(http.StatusForbidden)
			w.Write([]byte(`{"__type":"UnrecognizedClientException","message":"The security token included in the request is invalid."}`))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Environment returns the variables with which the functions, or AWS's own tools, reach the
// services.
func (l *listeners) Environment() map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL":      l.endpoint(),
		"AWS_REGION":            target.Region,
		"AWS_DEFAULT_REGION":    target.Region,
		"AWS_ACCESS_KEY_ID":     l.accessKey,
		"AWS_SECRET_ACCESS_KEY": "local",
		// Without these the SDK could use configuration files or EC2 instance metadata.
		"AWS_EC2_METADATA_DISABLED":   "true",
		"AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"AWS_CONFIG_FILE":             os.DevNull,
	}
}

// URL returns the origin of the HTTP API routes, as this machine reaches it.
func (l *listeners) URL() string {
	address := l.front.Addr().(*net.TCPAddr)
	if address.IP.IsUnspecified() { // all addresses of this machine
		return fmt.Sprintf("http://127.0.0.1:%d", address.Port)
	}
	return "http://" + address.String()
}
