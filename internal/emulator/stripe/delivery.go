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
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// ErrNoEvent means that there is no event with the id that was to be delivered.
var ErrNoEvent = errors.New("stripe: no such event")

// ErrNotLoopback means that a destination's URL leads off this machine, where the sandbox sends nothing.
var ErrNotLoopback = errors.New("stripe: not a loopback address")

// deliveryTimeout is how long an endpoint has to answer. Stripe publishes no figure.
const deliveryTimeout = 10 * time.Second

// Register creates an enabled webhook destination in test mode, for events of its own account and those below it, and
// returns its id. Unlike the API it takes the signing secret from the caller, who has one already, and does not check the rest.
func (s *Sandbox) Register(url string, secret stripesig.Secret, types ...string) (id string) {
	d := &destination{
		Name: "registered", Type: "webhook_endpoint", EventPayload: "thin", EnabledEvents: slices.Clone(types),
		EventsFrom: []string{"@self", "@accounts"}, Metadata: map[string]string{}, url: url, secret: secret,
	}
	s.admit(d)
	return d.ID
}

// Deliver sends the event with the given id, of either API, to every enabled webhook destination that asks for its
// type, signed with that destination's secret: v2 events as notifications, v1 events whole. Whatever does not answer
// with a 2xx is tried again by [Options.DeliverySchedule]. Deliver returns when all have answered or been given up, with
// the errors of those given up; [ErrNoEvent] if there is no such event; nil if no destination wants it.
func (s *Sandbox) Deliver(ctx context.Context, id string) error {
	e, payload, targets := s.recipients(id)
	if e == nil {
		return fmt.Errorf("deliver %s: %w", id, ErrNoEvent)
	}
	failures := make(chan error, len(targets))
	for _, d := range targets {
		go func() { failures <- s.deliver(ctx, d, payload) }()
	}
	var err error
	for range targets {
		err = errors.Join(err, <-failures)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, isSnapshot := s.snapshots.byID[id]; isSnapshot {
		s.delivered[id] = err == nil
	}
	return err
}

// recipients finds an event, what is sent for it, and to whom.
func (s *Sandbox) recipients(id string) (e *event, payload []byte, targets []*destination) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	kind := "thin"
	if e = s.events.byID[id]; e != nil {
		payload = notification(e.body)
	} else if e = s.snapshots.byID[id]; e != nil {
		kind, payload = "snapshot", e.body
	} else {
		return nil, nil, nil
	}
	for _, d := range s.destinations {
		if d.EventPayload == kind && d.wants(e) {
			targets = append(targets, d)
		}
	}
	return e, payload, targets
}

// wants reports whether d is a webhook for e's type, mode and account.
func (d *destination) wants(e *event) bool {
	own := d.caller.context == e.caller.context && slices.Contains(d.EventsFrom, "@self")
	below := e.caller.context != "" && (d.caller.context == "" || strings.HasPrefix(e.caller.context, d.caller.context+"/"))
	others := below && slices.ContainsFunc(d.EventsFrom, func(from string) bool { return from != "@self" })
	named := slices.Contains(d.EnabledEvents, e.kind) || slices.Contains(d.EnabledEvents, "*")
	return d.Type == "webhook_endpoint" && d.Status == "enabled" && d.caller.live == e.caller.live && (own || others) && named
}

// deliver sends a payload until it is taken or the schedule ends.
func (s *Sandbox) deliver(ctx context.Context, d *destination, payload []byte) error {
	err := s.send(ctx, d, payload)
	for _, wait := range s.opts.DeliverySchedule {
		if err == nil || ctx.Err() != nil || errors.Is(err, ErrNotLoopback) {
			break
		}
		if sleep(ctx, wait) == nil {
			err = s.send(ctx, d, payload)
		}
	}
	if err != nil {
		s.opts.Logger.WarnContext(ctx, "delivery failed", "destination", d.ID, "error", err)
		return fmt.Errorf("deliver to %s: %w", d.ID, err)
	}
	return nil
}

// send makes one attempt, signed afresh. Stripe does not follow redirects, so neither does this.
func (s *Sandbox) send(ctx context.Context, d *destination, payload []byte) error {
	ctx, cancel := context.WithTimeout(ctx, deliveryTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url, bytes.NewReader(payload))
	if err != nil {
		return fmt.Errorf("build request: %w", err)
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("User-Agent", "Meterbridge-Sandbox/1")
	r.Header.Set(stripesig.Header, d.secret.Sign(payload, s.opts.Now()))
	response, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, maxBody)
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("endpoint answered %d", response.StatusCode)
	}
	return nil
}

// newDeliveryClient returns a client that reaches loopback addresses only. The address is checked after its name has
// been resolved, so that no name can lead elsewhere.
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

// notification returns a full event without what only the API returns.
func notification(full []byte) []byte {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(full, &members) // it was decoded as an object when it was stored
	delete(members, "data")
	delete(members, "changes")
	return encode(members)
}
