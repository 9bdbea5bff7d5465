package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
	"github.com/meterbridge/meterbridge/internal/transport"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// sample is one delivery to the webhook, and the status that it must be answered with.
type sample struct {
	name, contentType string
	body              []byte
	signature         string
	want              int
}

// newSamples returns a delivery of each kind that the webhook distinguishes. Each event has a token
// in its id, and the sandbox knows its full form.
func newSamples(secret stripesig.Secret, sandbox *stripe.Sandbox, now time.Time, token func() string) ([]sample, error) {
	var samples []sample
	add := func(name string, want int, body []byte, signer stripesig.Secret, at time.Time) *sample {
		samples = append(samples, sample{name, "application/json; charset=utf-8", body, signer.Sign(body, at), want})
		return &samples[len(samples)-1]
	}
	known := func(s stripe.Sample) (stripe.Sample, error) {
		s = s.Renew("evt_test_"+token(), now)
		return s, sandbox.AddEvent(s.Full)
	}
	published := stripe.Samples()
	for _, s := range published {
		s, err := known(s)
		if err != nil {
			return nil, fmt.Errorf("sample %s: %w", s.Name, err)
		}
		add("thin event "+s.Name, http.StatusOK, s.Thin, secret, now)
	}
	first, err := known(published[0])
	if err != nil {
		return nil, fmt.Errorf("sample %s: %w", first.Name, err)
	}
	add("thin event as binary, which the gateway encodes in base64", http.StatusOK, first.Thin, secret, now).contentType = "application/octet-stream"
	snapshot := stripe.RenewSnapshot("evt_"+token(), now)
	add("v1 snapshot event", http.StatusOK, snapshot, secret, now)
	add("forged: signed with another secret", http.StatusBadRequest, first.Thin, "whsec_forged", now)
	add("stale: signed ten minutes ago", http.StatusBadRequest, first.Thin, secret, now.Add(-10*time.Minute))
	add("malformed: genuine signature, truncated body", http.StatusBadRequest, first.Thin[:len(first.Thin)/2], secret, now)
	return samples, nil
}

// webhookClient delivers the samples.
var webhookClient = &http.Client{Transport: transport.New(0)}

// send delivers the sample as Stripe would and returns the status and the body of the answer.
func (s sample) send(ctx context.Context, url string) (int, string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(s.body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Content-Type", s.contentType)
	request.Header.Set("User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
	request.Header.Set(stripesig.Header, s.signature)
	response, err := webhookClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 4<<10))
	return response.StatusCode, strings.TrimSpace(string(answer)), err
}

// sendSamples delivers the samples one after the other and returns how many were answered with
// another status than wanted.
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
