package stripeapi_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

// roundTrip is a transport made of a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answer is a response with header name, value pairs.
func answer(status int, body string, header ...string) *http.Response {
	h := http.Header{"Request-Id": {"req_1"}}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

func newClient(t testing.TB, opts stripeapi.Options) *stripeapi.Client {
	t.Helper()
	client, err := stripeapi.New(testKey, &opts)
	if err != nil {
		t.Fatalf("New = %v", err)
	}
	return client
}
