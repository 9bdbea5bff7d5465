package connect

import (
	"context"
	"fmt"
	"time"

	"github.com/meterbridge/meterbridge/internal/ledger"
)

const (
	// pollInterval is how often the ledger is asked about a ping.
	pollInterval = 500 * time.Millisecond
	// pingInterval is how long a ping is awaited before another one is sent. An instance of the
	// webhook that has just read the secret reads a new one after half a minute, and Stripe's own
	// redelivery may take longer than a person waits.
	pingInterval = 10 * time.Second
)

// A Ping is a test event.
type Ping struct {
	Event ledger.Event
	Sent  time.Time // when Stripe was asked for it
}

// Prove asks Stripe to send pings to a destination, until the stack has emitted the full event of
// one, which it returns. The error is [ErrParked], [ErrNoArrival] after the wait, or one of
// Stripe's or AWS's. The ids are reported in steps. The wait
// must be below five minutes: after that the reconciler republishes pings that the webhook refused.
func (c *Connector) Prove(ctx context.Context, destination string, wait time.Duration) (Ping, error) {
	var sent []Ping
	var next time.Time
	for end := c.opts.Now().Add(wait); ; {
		if now := c.opts.Now(); !now.Before(next) {
			event, err := c.destinations.Ping(ctx, destination)
			if err != nil {
				return Ping{}, err
			}
			c.opts.Report(Step{Pinged, event.ID, []string{"", "again, because the first has not arrived"}[min(len(sent), 1)]})
			sent = append(sent, Ping{ledger.Event{ID: event.ID, Context: event.Context}, now})
			next = now.Add(pingInterval)
		}
		arrived, pending, err := c.arrived(ctx, sent)
		switch {
		case arrived != nil:
			return *arrived, nil
		case err != nil:
			return Ping{}, err
		case !c.opts.Now().Before(end) && pending != "":
			return Ping{}, fmt.Errorf("%w: after %s it is %s", ErrParked, wait, pending)
		case !c.opts.Now().Before(end):
			return Ping{}, fmt.Errorf("%w after %s", ErrNoArrival, wait)
		}
		if err := c.opts.Sleep(ctx, pollInterval); err != nil {
			return Ping{}, err
		}
	}
}

// arrived returns the first of the pings that was emitted. If there is none, pending says what the
// ledger has of one.
func (c *Connector) arrived(ctx context.Context, sent []Ping) (arrived *Ping, pending string, err error) {
	for _, ping := range sent {
		record, err := c.ledger.Look(ctx, ping.Event)
		switch {
		case err != nil:
			return nil, "", err
		case record.Phase == ledger.Emitted:
			return &ping, "", nil
		case record.Phase == ledger.Parked:
			return nil, "", fmt.Errorf("%w: %s is parked: %s: %s", ErrParked, ping.Event.ID, record.Reason, record.LastError)
		case record.Phase != "":
			pending = fmt.Sprintf("%s: %s", record.Phase, record.LastError)
		}
	}
	return nil, pending, nil
}
