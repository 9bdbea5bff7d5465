package connect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
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
		return errors.New("Stripe has answered without a signing secret")
	}
	current, err := c.secret.Current(ctx)
	if err != nil {
		return err
	}
	merged, kept := merge(string(d.WebhookEndpoint.SigningSecret), current.Value, current.byConnector(), c.opts.Replace)
	if err := c.secret.Put(ctx, versionID(d.ID), merged); err != nil {
		return err
	}
	detail := ""
	if kept > 0 {
		detail = fmt.Sprintf("beside %d that the stack had", kept)
	}
	c.opts.Report(Step{Stored, d.ID, detail})
	return nil
}

// mostSecrets is how many secrets are kept in one value. Each is tried for each delivery.
const mostSecrets = 5

// merge returns a signing secret's value with fresh in front of the secrets of the value before it,
// and how many of those are kept. Of a value that a Connector has stored, fresh replaces the first
// one. What is not a signing secret is dropped, because with it the webhook would not start.
func merge(fresh, before string, byConnector, replace bool) (value string, kept int) {
	if replace {
		return fresh, 0
	}
	var stored []string
	if json.Unmarshal([]byte(before), &stored) != nil {
		stored = []string{before}
	}
	if byConnector && len(stored) > 0 {
		stored = stored[1:]
	}
	stored = slices.DeleteFunc(stored, func(text string) bool {
		return secret.CheckSigningSecret(text) != nil || text == fresh
	})
	stored = stored[:min(len(stored), mostSecrets-1)]
	if len(stored) == 0 {
		return fresh, 0
	}
	var b strings.Builder
	_ = json.NewEncoder(&b).Encode(append([]string{fresh}, stored...)) // texts have JSON
	return strings.TrimSpace(b.String()), len(stored)
}
