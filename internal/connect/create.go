package connect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// create makes a destination and stores its secret, and deletes the destination again if that
// fails.
func (c *Connector) create(ctx context.Context) (*v2events.Destination, error) {
	params := v2events.ThinWebhook(c.opts.Name, c.opts.URL, c.opts.Types...)
	params.Metadata = map[string]string{stackKey: c.opts.Stack}
	params.Description = "Made by meterbridge connect."
	d, err := c.destinations.Create(ctx, params)
	if err != nil {
		return nil, err
	}
	c.opts.Report(Step{Created, d.ID, d.Name})
	if err := c.store(ctx, d); err != nil {
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		err = fmt.Errorf("%w: %w", ErrNotStored, err)
		if undone := c.delete(cleanup, d, "its secret was not stored"); undone != nil {
			return nil, fmt.Errorf("%w; the destination %s remains, and the next run deletes it: %w", err, d.ID, undone)
		}
		return nil, err
	}
	return d, nil
}

// store stores the secret of a new destination, in front of those that the stack has for others. If
// it replaces them, they stay in the previous version.
func (c *Connector) store(ctx context.Context, d *v2events.Destination) error {
	if d.WebhookEndpoint == nil || d.WebhookEndpoint.SigningSecret == "" {
		return errors.New("no signing secret in the answer of Stripe")
	}
	current, err := c.secret.Current(ctx)
	if err != nil {
		return err
	}
	previous, err := c.secret.Previous(ctx)
	if err != nil {
		return err
	}
	fresh := string(d.WebhookEndpoint.SigningSecret)
	kept := []string{}
	if !c.opts.Replace {
		kept = others(fresh, c.opts.Mode, current, previous)
	}
	if err := c.secret.Put(ctx, c.versionID(d.ID), join(fresh, kept)); err != nil {
		return err
	}
	detail := ""
	if len(kept) > 0 {
		detail = fmt.Sprintf("beside %d that the stack had", len(kept))
	}
	c.opts.Report(Step{Stored, d.ID, detail})
	return nil
}

// mostSecrets is how many secrets are kept in one value. Each is tried for each delivery.
const mostSecrets = 5

// others returns the secrets of the current version that stay beside a fresh one. Those that a
// Connector has stored for a destination of the same mode are left out: fresh replaces them. What is
// not a signing secret is left out too, because with it the webhook would not start.
func others(fresh, mode string, current, previous Version) []string {
	replaced := []string{fresh}
	for _, v := range []Version{current, previous} {
		if v.ofMode(mode) {
			replaced = append(replaced, secrets(v.Value)[0])
		}
	}
	kept := slices.DeleteFunc(secrets(current.Value), func(text string) bool {
		return secret.CheckSigningSecret(text) != nil || slices.Contains(replaced, text)
	})
	return kept[:min(len(kept), mostSecrets-1)]
}

// secrets returns the texts in a value, at least one.
func secrets(value string) (texts []string) {
	if json.Unmarshal([]byte(value), &texts) != nil || len(texts) == 0 {
		return []string{value}
	}
	return texts
}

// join returns a value with fresh in front of others.
func join(fresh string, others []string) string {
	if len(others) == 0 {
		return fresh
	}
	text, _ := json.Marshal(append([]string{fresh}, others...)) // texts have JSON
	return string(text)
}
