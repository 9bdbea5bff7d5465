package stripe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

var errNotLoopback = errors.New("stripe: not a loopback address")

// deliveryTimeout is how long a webhook has to answer. Stripe does not publish its own.
const deliveryTimeout = 10 * time.Second

// deliver makes one attempt, signed with the current time. Like Stripe it does not follow
// redirects. A failure is only logged.
func (s *destinations) deliver(ctx context.Context, d *destination, payload []byte) {
	ctx, cancel := context.WithTimeout(ctx, deliveryTimeout)
	defer cancel()
	status, _, err := Post(ctx, s.client, d.url, ContentType, d.secret.Sign(payload, s.now()), payload)
	if status < 200 || status > 299 {
		s.logger.WarnContext(ctx, "delivery failed", "destination", d.ID, "status", status, "error", err)
	}
}

// ContentType is the Content-Type of Stripe's requests to webhooks.
const ContentType = "application/json; charset=utf-8"

// Post makes one request to a webhook as Stripe does, and returns the status of the answer and the
// first 4 KiB of its body. An empty signature is left out. The status is 0 if there is no answer.
func Post(ctx context.Context, client *http.Client, url, contentType, signature string, payload []byte) (status int, answer string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(payload))
	if err != nil {
		return 0, "", fmt.Errorf("build request: %w", err)
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
	if signature != "" {
		r.Header.Set(stripesig.Header, signature)
	}
	response, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4<<10))
	return response.StatusCode, strings.TrimSpace(string(body)), err
}

// newDeliveryClient follows no redirects. Without a transport it connects to loopback only, which it
// checks after name resolution.
func newDeliveryClient(transport http.RoundTripper) *http.Client {
	if transport == nil {
		transport = loopback()
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func loopback() *http.Transport {
	dialer := &net.Dialer{Control: func(_, address string, _ syscall.RawConn) error {
		target, err := netip.ParseAddrPort(address)
		if err != nil || !target.Addr().IsLoopback() {
			return fmt.Errorf("%w: %s", errNotLoopback, address)
		}
		return nil
	}}
	return &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}
}

// notification returns a full v2 event without the fields that only the API returns.
func notification(full []byte) []byte {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(full, &members) // it was parsed as an object when it was stored
	delete(members, "data")
	delete(members, "changes")
	return encode(members)
}
