package stripeapi

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestBudgetBoundsACall(t *testing.T) {
	t.Parallel()
	// Waits of 0.5 and 1 s end at 1.5 s; the next, of 2 s, would end at 3.5 s and is not begun.
	inBubble(t, Options{MaxRetries: 9, Budget: 3 * time.Second}, []attempt{{status: 503}}, func(t *testing.T, c *Client, n *network) {
		_, err := c.Do(t.Context(), get)
		if spent := time.Since(n.start); spent != 1500*time.Millisecond || len(n.begun) != 3 || !errors.Is(err, ErrUnavailable) {
			t.Errorf("gave up after %v and %d tries: %v; want 1.5s, 3, %v", spent, len(n.begun), err, ErrUnavailable)
		}
	})
	inBubble(t, Options{Budget: 3 * time.Second}, []attempt{{takes: time.Minute}}, func(t *testing.T, c *Client, n *network) {
		_, err := c.Do(t.Context(), get)
		if spent := time.Since(n.start); spent != 3*time.Second || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrUnavailable) {
			t.Errorf("ended after %v: %v; want 3s, %v", spent, err, context.DeadlineExceeded)
		}
	})
	inBubble(t, Options{}, []attempt{{status: 503}}, func(t *testing.T, c *Client, n *network) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Do(ctx, get)
		if spent := time.Since(n.start); spent != 500*time.Millisecond || len(n.begun) != 2 || !errors.Is(err, ErrUnavailable) {
			t.Errorf("with the caller's deadline: %v, %d tries, %v; want 500ms, 2, %v", spent, len(n.begun), err, ErrUnavailable)
		}
	})
}

func TestCancelStopsAtOnce(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]attempt{"in a wait": {status: 503}, "in a try": {takes: time.Minute}} {
		inBubble(t, Options{}, []attempt{a}, func(t *testing.T, c *Client, n *network) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(200*time.Millisecond, cancel)
			_, err := c.Do(ctx, get)
			var fault *Error
			if spent := time.Since(n.start); spent != 200*time.Millisecond || !errors.Is(err, context.Canceled) || !errors.As(err, &fault) || fault.Status != a.status {
				t.Errorf("%s: ended after %v: %v; want 200ms, %v, status %d", name, spent, err, context.Canceled, a.status)
			}
		})
	}
	inBubble(t, Options{}, []attempt{{status: 200}}, func(t *testing.T, c *Client, n *network) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.Do(ctx, get); !errors.Is(err, context.Canceled) || len(n.begun) != 0 {
			t.Errorf("cancelled before: %d tries, %v; want none, %v", len(n.begun), err, context.Canceled)
		}
	})
}
