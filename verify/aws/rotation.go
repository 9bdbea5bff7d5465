package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// rotation rotates the signing secret a second time. A running webhook must start to accept the new
// version by itself. A newly started one must accept the two newest versions, and refuse the first.
func (w *workspace) rotation(ctx context.Context) (string, error) {
	if err := w.emulated.aws().rotate(ctx, w.emulated.name("SigningSecret"), string(thirdSecret)); err != nil {
		return "", err
	}
	waited, err := w.waitForNewSecret(ctx)
	if err != nil {
		return "", err
	}
	restarted := *w.emulated
	if restarted.webhook, err = w.startFunction(ctx, "WebhookFunction"); err != nil {
		return "", err
	}
	var answers []string
	for i, version := range []delivery{{secret: firstSecret, status: 400}, {secret: secondSecret, status: 200}, {secret: thirdSecret, status: 200}} {
		d := w.scenario.deliveries[0]
		d.secret = version.secret
		status, err := restarted.statusOf(ctx, d)
		if err != nil || status != version.status {
			return "", errors.Join(err, fmt.Errorf("version %d of the secret: answered %d, want %d", i+1, status, version.status))
		}
		answers = append(answers, fmt.Sprintf("version %d → %d", i+1, status))
	}
	return fmt.Sprintf("a running webhook accepted the new secret after %.0f s; a new one answers %s", waited.Seconds(), strings.Join(answers, ", ")), nil
}

// waitForNewSecret delivers an event signed with the newest secret until the webhook accepts it,
// and returns how long that took. The webhook reads the secret again at most once in 30 s, so that
// forged requests cannot run up costs at Secrets Manager.
func (w *workspace) waitForNewSecret(ctx context.Context) (time.Duration, error) {
	d := w.scenario.deliveries[0]
	d.secret = thirdSecret
	started := time.Now()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for time.Since(started) < 45*time.Second {
		status, err := w.emulated.statusOf(ctx, d)
		switch {
		case err != nil:
			return 0, err
		case status == http.StatusOK:
			return time.Since(started), nil
		case status != http.StatusBadRequest:
			return 0, fmt.Errorf("answered %d before the new secret was read, want 400", status)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return 0, errors.New("the webhook did not accept the new secret within 45 s")
}

func (s *emulatedStack) statusOf(ctx context.Context, d delivery) (int, error) {
	body, headers := d.request(time.Now())
	status, _, err := s.deliver(ctx, body, headers, d.binary)
	return status, err
}
