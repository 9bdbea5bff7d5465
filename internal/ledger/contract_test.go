package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/internal/ledger"
)

// situation is a record together with which workers have ever claimed it, without which they cannot
// settle.
type situation struct {
	cell
	has [2]bool
}

func (s situation) possible(o op) bool { return o.name != "settle" || s.has[o.worker] }

func (s situation) after(o op) (situation, error) {
	next, err := o.apply(s.cell)
	s.cell = next
	if o.name == "claim" && err == nil {
		s.has[o.worker] = true
	}
	return s, err
}

// maxAttempts keeps the number of situations finite.
const maxAttempts = 1

// situations returns every one that there is, with the shortest way to it.
func situations() map[situation][]op {
	ways := map[situation][]op{{}: nil}
	for queue := []situation{{}}; len(queue) > 0; queue = queue[1:] {
		from := queue[0]
		for _, o := range ops() {
			if !from.possible(o) {
				continue
			}
			next, _ := from.after(o)
			if _, seen := ways[next]; seen || next.attempts > maxAttempts {
				continue
			}
			ways[next] = append(append([]op{}, ways[from]...), o)
			queue = append(queue, next)
		}
	}
	return ways
}

// driver drives the real adapter as the model's operations say.
type driver struct {
	ledger *ledger.Ledger
	clock  *clock
	event  ledger.Event
	claims [2]ledger.Claim
}

const leaseTime = time.Minute

func (d *driver) do(ctx context.Context, o op) (attempts int, err error) {
	switch o.name {
	case leaseEnds:
		d.clock.Time = d.clock.Add(leaseTime)
	case recordsExpire:
		d.clock.Time = d.clock.Add(ledger.Retention)
	case "claim":
		var c ledger.Claim
		c, err = d.ledger.Claim(ctx, d.event, fmt.Sprint(o.delivery), d.clock.Add(leaseTime))
		if err == nil {
			d.claims[o.worker] = c
		}
		return c.Attempts, err
	case "settle":
		return 0, d.ledger.Settle(ctx, d.claims[o.worker], ledger.Settlement{
			Phase: o.phase, Until: d.clock.Add(leaseTime), Attempted: o.attempted, Reason: "reason", LastError: "error",
		})
	}
	return 0, nil
}

// TestTableBehavesAsTheModel takes the table, through the SDK and DynamoDB's wire protocol, into
// every situation that a record can be in, and tries every operation there.
func TestTableBehavesAsTheModel(t *testing.T) {
	t.Parallel()
	s := serve(t)
	tried := 0
	for from, way := range situations() {
		for _, o := range ops() {
			if !from.possible(o) {
				continue
			}
			tried++
			c := &clock{start}
			d := &driver{ledger: newLedger(s, c), clock: c, event: ledger.Event{ID: fmt.Sprint("evt_", tried)}}
			for _, step := range way {
				if _, err := d.do(t.Context(), step); err != nil && !expected(err) {
					t.Fatalf("%v: %v: %v", way, step, err)
				}
			}
			want, wantErr := from.after(o)
			attempts, err := d.do(t.Context(), o)
			if !errors.Is(err, wantErr) || (err == nil) != (wantErr == nil) {
				t.Errorf("after %v, %v = %v, want %v", way, o, err, wantErr)
			}
			if o.name == "claim" && err == nil && attempts != want.attempts {
				t.Errorf("after %v, %v sees %d attempts, want %d", way, o, attempts, want.attempts)
			}
			known, err := d.ledger.Known(t.Context(), d.event)
			if err != nil || known != want.known() {
				t.Errorf("after %v and %v, Known = %v, %v, want %v", way, o, known, err, want.known())
			}
		}
	}
	if n := len(situations()); n < 100 || tried < 1000 {
		t.Errorf("tried %d operations in %d situations, want far more", tried, n)
	}
}

func expected(err error) bool {
	return errors.Is(err, ledger.ErrDone) || errors.Is(err, ledger.ErrHeld) || errors.Is(err, ledger.ErrLost)
}
