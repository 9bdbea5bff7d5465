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

// newSamples returns a delivery of each kind that the webhook distinguishes, with fresh ids.
func newSamples(secret stripesig.Secret, sandbox *stripe.Sandbox, now time.Time, token func() string) ([]sample, error) {
	var samples []sample
	add := func(name string, want int, body []byte, signer stripesig.Secret, at time.Time) *sample {
		samples = append(samples, sample{name, stripe.ContentType, body, signer.Sign(body, at), want})
		return &samples[len(samples)-1]
	}
	var thin json.RawMessage // thin form of the last sample
	published := stripe.Samples()
	for i, s := range append(published, published[0]) {
		s = s.Renew("evt_test_"+token(), now)
		if err := sandbox.AddEvent(s.Full); err != nil {
			return nil, fmt.Errorf("sample %s: %w", s.Name, err)
		}
		if thin = s.Thin; i < len(published) {
			add("thin event "+s.Name, http.StatusOK, thin, secret, now)
		}
	}
	add("thin event as binary, which the gateway encodes in base64", http.StatusOK, thin, secret, now).contentType = "application/octet-stream"
	add("v1 snapshot event", http.StatusOK, stripe.RenewSnapshot("evt_"+token(), now), secret, now)
	add("forged: signed with another secret", http.StatusBadRequest, thin, "whsec_forged", now)
	add("stale: signed ten minutes ago", http.StatusBadRequest, thin, secret, now.Add(-10*time.Minute))
	add("malformed: genuine signature, truncated body", http.StatusBadRequest, thin[:len(thin)/2], secret, now)
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
		s.console.printf("No samples sent: no function that reads %s has a POST route in the template.", config.SigningSecretID)
		return 1
	}
	if s.stripe.sandbox == nil {
		s.console.printf("No samples sent: %s does not know them.", s.stripe.origin)
		return 0 // with --once, check returns an error
	}
	samples, err := newSamples(s.secret, s.stripe.sandbox.Sandbox, time.Now(), s.flags.tokens())
	if err != nil {
		s.console.printf("No samples sent: %v", err)
		return 1
	}
	for i, sample := range samples {
		s.console.printf("sample %d of %d: %s", i+1, len(samples), sample.name)
		status, answer, err := s.deliver(ctx, sample)
		if err == nil && status != sample.want {
			err = fmt.Errorf("answered %d, want %d: %s", status, sample.want, answer)
		}
		if err != nil {
			s.console.printf("sample %d of %d: %v", i+1, len(samples), err)
			wrong++
		}
	}
	return wrong
}
