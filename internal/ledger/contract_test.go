package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/ledger/model"
	"github.com/meterbridge/meterbridge/internal/testbed"
)

// A situation is a record and the set of workers that have claimed it: without a claim a worker
// cannot settle.
type situation struct {
	model.Cell
	has [2]bool
}

func (s situation) possible(o op) bool { return o.name != "settle" || s.has[o.worker] }

func (s situation) after(o op) (situation, error) {
	next, err := o.apply(s.Cell)
	s.Cell = next
	if o.name == "claim" && err == nil {
		s.has[o.worker] = true
	}
	return s, err
}

// maxAttempts keeps the number of situations finite.
const maxAttempts = 1

// situations returns every possible situation with the shortest path to it.
func situations() map[situation][]op {
	paths := map[situation][]op{{}: nil}
	for queue := []situation{{}}; len(queue) > 0; queue = queue[1:] {
		from := queue[0]
		for _, o := range ops() {
			if !from.possible(o) {
				continue
			}
			next, _ := from.after(o)
			if _, seen := paths[next]; seen || next.Attempts > maxAttempts {
				continue
			}
			paths[next] = append(append([]op{}, paths[from]...), o)
			queue = append(queue, next)
		}
	}
	return paths
}

// A driver applies the model's operations to the real adapter.
type driver struct {
	ledger *ledger.Ledger
	bed    *testbed.Bed
	event  ledger.Event
	claims [2]ledger.Claim
}

const leaseTime = time.Minute

func (d *driver) do(ctx context.Context, o op) (attempts int, err error) {
	switch o.name {
	case leaseEnds:
		d.bed.SetNow(d.bed.Now().Add(leaseTime))
	case recordsExpire:
		d.bed.SetNow(d.bed.Now().Add(ledger.Retention))
	case "claim":
		var c ledger.Claim
		c, err = d.ledger.Claim(ctx, d.event, fmt.Sprint(o.delivery), d.bed.Now().Add(leaseTime))
		if err == nil {
			d.claims[o.worker] = c
		}
		return c.Attempts, err
	case "settle":
		return 0, d.ledger.Settle(ctx, d.claims[o.worker], ledger.Settlement{
			Phase: o.phase, Until: d.bed.Now().Add(leaseTime), Attempted: o.attempted, Reason: "reason", LastError: "error",
		})
	}
	return 0, nil
}

// The test brings a table, through the SDK and DynamoDB's wire protocol, into every situation that
// a record can be in, and tries every operation there.
func TestTableBehavesAsTheModel(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, nil)
	tried := 0
	for from, path := range situations() {
		for _, o := range ops() {
			if !from.possible(o) {
				continue
			}
			tried++
			b.SetNow(start)
			d := &driver{ledger: newLedger(b), bed: b, event: ledger.Event{ID: fmt.Sprint("evt_", tried)}}
			for _, step := range path {
				if _, err := d.do(t.Context(), step); err != nil && !expected(err) {
					t.Fatalf("%v: %v: %v", path, step, err)
				}
			}
			want, wantErr := from.after(o)
			attempts, err := d.do(t.Context(), o)
			if !errors.Is(err, wantErr) || (err == nil) != (wantErr == nil) {
				t.Errorf("after %v, %v = %v, want %v", path, o, err, wantErr)
			}
			if o.name == "claim" && err == nil && attempts != want.Attempts {
				t.Errorf("after %v, %v sees %d attempts, want %d", path, o, attempts, want.Attempts)
			}
			known, done, err := d.ledger.Known(t.Context(), d.event)
			wantKnown, wantDone := want.Known(0)
			if err != nil || known != wantKnown || done != wantDone {
				t.Errorf("after %v and %v, Known = %v, %v, %v, want %v, %v", path, o, known, done, err, wantKnown, wantDone)
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
