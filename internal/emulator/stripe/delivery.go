package stripe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// ErrNoEvent means that no event has the id that was to be delivered.
var ErrNoEvent = errors.New("stripe: no such event")

// ErrNotLoopback means that a destination's URL leads off this machine.
var ErrNotLoopback = errors.New("stripe: not a loopback address")

// deliveryTimeout is how long a webhook has to answer. Stripe publishes no figure.
const deliveryTimeout = 10 * time.Second

type sender struct {
	client   *http.Client
	now      func() time.Time
	schedule []time.Duration
	logger   *slog.Logger
}

// deliver sends a payload to all destinations at once, and joins the errors of those given up.
func (s *sender) deliver(ctx context.Context, to []*destination, payload []byte) error {
	failures := make(chan error, len(to))
	for _, d := range to {
		go func() { failures <- s.retry(ctx, d, payload) }()
	}
	var err error
	for range to {
		err = errors.Join(err, <-failures)
	}
	return err
}

// retry sends a payload until the webhook accepts it or the schedule ends.
func (s *sender) retry(ctx context.Context, d *destination, payload []byte) error {
	err := s.send(ctx, d, payload)
	for _, wait := range s.schedule {
		if err == nil || ctx.Err() != nil || errors.Is(err, ErrNotLoopback) {
			break
		}
		if sleep(ctx, wait) == nil {
			err = s.send(ctx, d, payload)
		}
	}
	if err != nil {
		s.logger.WarnContext(ctx, "delivery failed", "destination", d.ID, "error", err)
		return fmt.Errorf("deliver to %s: %w", d.ID, err)
	}
	return nil
}

func (s *sender) ping(ctx context.Context, d *destination, payload []byte) {
	if err := s.send(ctx, d, payload); err != nil {
		s.logger.WarnContext(ctx, "ping failed", "destination", d.ID, "error", err)
	}
}

// send makes one attempt, signed at its time. Like Stripe it does not follow redirects.
func (s *sender) send(ctx context.Context, d *destination, payload []byte) error {
	ctx, cancel := context.WithTimeout(ctx, deliveryTimeout)
	defer cancel()
	status, _, err := Post(ctx, s.client, d.url, ContentType, d.secret.Sign(payload, s.now()), payload)
	switch {
	case status == 0:
		return err
	case status < 200 || status > 299:
		return fmt.Errorf("endpoint answered %d", status)
	}
	return nil
}

// ContentType is that of Stripe's requests to webhooks.
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

// newDeliveryClient connects to loopback only, which it checks after name resolution.
func newDeliveryClient() *http.Client {
	dialer := &net.Dialer{Control: func(_, address string, _ syscall.RawConn) error {
		target, err := netip.ParseAddrPort(address)
		if err != nil || !target.Addr().IsLoopback() {
			return fmt.Errorf("%w: %s", ErrNotLoopback, address)
		}
		return nil
	}}
	return &http.Client{
		Transport:     &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// notification returns a full v2 event without the fields that only the API returns.
func notification(full []byte) []byte {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(full, &members) // it was parsed as an object when it was stored
	delete(members, "data")
	delete(members, "changes")
	return encode(members)
}
