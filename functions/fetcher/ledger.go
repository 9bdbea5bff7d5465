package main

import (
	"context"

	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// A ledger remembers what became of events, so that one that is delivered twice is emitted once.
type ledger interface {
	// Claim takes an event for this delivery. It reports false if the event was emitted or parked before. An error means
	// not now: another delivery is at work on the event, or the ledger is out of reach.
	Claim(ctx context.Context, thin *v2events.ThinEvent) (bool, error)
	// Settle records what became of a claimed event. A deferred one is free to be claimed again.
	Settle(ctx context.Context, thin *v2events.ThinEvent, o outcome) error
}

// unrecorded is the ledger of a stack that has none: every delivery of an event is fetched and emitted, and consumers
// tell duplicates by the event's id.
type unrecorded struct{}

func (unrecorded) Claim(context.Context, *v2events.ThinEvent) (bool, error) { return true, nil }

func (unrecorded) Settle(context.Context, *v2events.ThinEvent, outcome) error { return nil }
