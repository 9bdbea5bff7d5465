package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/meterbridge/meterbridge/internal/awsctl"
	"github.com/meterbridge/meterbridge/internal/connect"
)

// A roundTrip is how an event went from Stripe to the bus, as far as the functions' logs and the
// ledger tell.
type roundTrip struct {
	EventID string    `json:"event_id"`
	Sent    time.Time `json:"sent"`            // when Stripe was asked for it
	Stored  time.Time `json:"stored,omitzero"` // when the webhook logged that it had put it on the bus
	Emitted time.Time `json:"emitted"`         // when the fetcher logged its full event, or the ledger had it
}

// follow returns the way of an event that has been emitted. CloudWatch has the lines of the logs
// some seconds after the functions have logged them; without them, the times are not known.
func follow(ctx context.Context, stack *awsctl.Stack, ping connect.Ping) *roundTrip {
	id, sent := ping.Event.ID, ping.Sent
	trip := &roundTrip{EventID: id, Sent: sent.UTC(), Emitted: time.Now().UTC()}
	const most = 15 * time.Second
	for started := time.Now(); time.Since(started) < most; {
		lines, err := stack.Lines(ctx, sent.Add(-time.Minute), time.Now().Add(time.Minute), id)
		if err != nil || stack.Resource("WebhookLogs") == "" {
			return trip
		}
		fetched := false
		for _, line := range lines {
			said, ok := parseLogLine(line.Text)
			switch {
			case !ok || said.EventID != id:
			case line.Function == "webhook" && trip.Stored.IsZero() && said.Status == 200:
				trip.Stored = loggedAt(line)
			case line.Function == "fetcher" && said.Outcome == "emitted":
				trip.Emitted, fetched = loggedAt(line), true
			}
		}
		if fetched && !trip.Stored.IsZero() {
			return trip
		}
		select {
		case <-ctx.Done():
			return trip
		case <-time.After(500 * time.Millisecond):
		}
	}
	return trip
}

// loggedAt returns the time in a line, or when Lambda received it.
func loggedAt(line awsctl.Line) time.Time {
	var stamp struct {
		Timestamp time.Time `json:"timestamp"`
	}
	if json.Unmarshal([]byte(line.Text), &stamp) == nil && !stamp.Timestamp.IsZero() {
		return stamp.Timestamp.UTC()
	}
	return line.Time.UTC()
}

func (r *roundTrip) show(s *screen) {
	after := func(at time.Time) string { return fmt.Sprintf("after %s", duration(max(0, at.Sub(r.Sent)))) }
	s.line(pad("", 10), 10, "sent      "+r.Sent.Format(time.TimeOnly)+" UTC")
	stored := "at a time that the logs do not tell yet"
	if !r.Stored.IsZero() {
		stored = after(r.Stored)
	}
	s.line(pad("", 10), 10, "received and stored   "+stored)
	s.line(pad("", 10), 10, "fetched and emitted   "+after(r.Emitted))
}
