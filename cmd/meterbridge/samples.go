package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
	"github.com/meterbridge/meterbridge/internal/transport"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// sample is one delivery to the webhook, and the expected status of the answer.
type sample struct {
	name, contentType string
	body              []byte
	signature         string
	want              int
}

// newSamples returns a delivery of each kind that the webhook distinguishes. Each is about an event
// of its own, so that no story is mistaken for another.
func newSamples(secret stripesig.Secret, sandbox *stripe.Sandbox, now time.Time, token func() string) ([]sample, error) {
	const binary, text = "application/octet-stream", stripe.ContentType
	var samples []sample
	add := func(name string, want int, contentType string, body []byte, signer stripesig.Secret, at time.Time) {
		samples = append(samples, sample{name, contentType, body, signer.Sign(body, at), want})
	}
	published := stripe.Samples()
	genuine := func(s stripe.Sample, name, contentType string) error {
		s = s.Renew("evt_test_"+token(), now)
		add(name, http.StatusOK, contentType, s.Thin, secret, now)
		return sandbox.AddEvent(s.Full)
	}
	for _, s := range published {
		if err := genuine(s, "thin event "+s.Name, text); err != nil {
			return nil, fmt.Errorf("sample %s: %w", s.Name, err)
		}
	}
	if err := genuine(published[0], "thin event as binary, which the gateway encodes in base64", binary); err != nil {
		return nil, fmt.Errorf("sample %s: %w", published[0].Name, err)
	}
	add("v1 snapshot event", http.StatusOK, text, stripe.RenewSnapshot("evt_"+token(), now), secret, now)
	unknown := func() json.RawMessage { return published[0].Renew("evt_test_"+token(), now).Thin }
	add("forged: signed with another secret", http.StatusBadRequest, text, unknown(), "whsec_forged", now)
	add("stale: signed ten minutes ago", http.StatusBadRequest, text, unknown(), secret, now.Add(-10*time.Minute))
	malformed := unknown()
	add("malformed: genuine signature, truncated body", http.StatusBadRequest, text, malformed[:len(malformed)/2], secret, now)
	return samples, nil
}

// webhookClient sends deliveries as Stripe does.
var webhookClient = &http.Client{Transport: transport.New(0)}

// sendSamples delivers the samples in order and returns the number of unexpected answers.
func (s *session) sendSamples(ctx context.Context) (wrong int) {
	if s.flags.noSamples {
		return 0
	}
	if s.webhook == "" {
		s.console.warn("no samples sent: no function that reads %s has a POST route in the template", config.SigningSecretID)
		return 1
	}
	if s.stripe.sandbox == nil {
		s.console.note("No samples sent: %s does not know them.", s.stripe.origin)
		return 0 // with --once, check returns an error
	}
	samples, err := newSamples(s.secret, s.stripe.sandbox.Sandbox, time.Now(), s.flags.tokens())
	if err != nil {
		s.console.warn("no samples sent: %v", err)
		return 1
	}
	s.console.samples(true)
	defer s.console.samples(false)
	for i, sample := range samples {
		s.console.tell(entry{Time: s.console.clock(), Kind: kindSample, Text: fmt.Sprintf("sample %d of %d: %s", i+1, len(samples), sample.name)})
		status, answer, err := s.deliver(ctx, sample)
		if err == nil && status != sample.want {
			err = fmt.Errorf("answered %d, want %d: %s", status, sample.want, answer)
		}
		if err != nil {
			s.console.warn("sample %d of %d: %v", i+1, len(samples), err)
			wrong++
		}
	}
	return wrong
}
