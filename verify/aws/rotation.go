package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// rotation rotates the secret under a running webhook, which finds the new version by itself, and starts another, for which
// the first version is no more.
func (w *workshop) rotation(ctx context.Context) (string, error) {
	if err := w.others.cloud().rotate(ctx, w.others.name("SigningSecret"), string(thirdSecret)); err != nil {
		return "", err
	}
	waited, err := w.untilNoticed(ctx)
	if err != nil {
		return "", err
	}
	another := *w.others
	if another.webhook, err = w.startEmulator(ctx, "WebhookFunction"); err != nil {
		return "", err
	}
	var answers []string
	for i, version := range []delivery{{secret: firstSecret, status: 400}, {secret: secondSecret, status: 200}, {secret: thirdSecret, status: 200}} {
		d := w.script.deliveries[0]
		d.secret = version.secret
		status, err := w.attempt(ctx, &another, d)
		if err != nil || status != version.status {
			return "", errors.Join(err, fmt.Errorf("version %d of the secret: answered %d, want %d", i+1, status, version.status))
		}
		answers = append(answers, fmt.Sprintf("version %d → %d", i+1, status))
	}
	return fmt.Sprintf("a running webhook took the new secret after %.0f s; a new one answers %s", waited.Seconds(), strings.Join(answers, ", ")), nil
}

// untilNoticed delivers until a signature with the newest secret is taken. The webhook looks once in 30 s, so that forgeries
// do not become a bill of Secrets Manager's; Stripe delivers again meanwhile.
func (w *workshop) untilNoticed(ctx context.Context) (time.Duration, error) {
	d := w.script.deliveries[0]
	d.secret = thirdSecret
	started := time.Now()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for time.Since(started) < 45*time.Second {
		status, err := w.attempt(ctx, w.others, d)
		switch {
		case err != nil:
			return 0, err
		case status == 200:
			return time.Since(started), nil
		case status != 400:
			return 0, fmt.Errorf("answered %d meanwhile, want 400", status)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return 0, errors.New("the webhook has not noticed the rotation within 45 s")
}

func (w *workshop) attempt(ctx context.Context, o *others, d delivery) (int, error) {
	body, headers := d.request(time.Now())
	status, _, err := o.deliver(ctx, body, headers, d.binary)
	return status, err
}
