package redrive

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"golang.org/x/time/rate"
)

// A run remembers what it has seen, since SQS hands messages out again: because it may, because a letter's time hidden
// was over, or because the fetcher has parked the successor already.
type run struct {
	*Redriver
	limiter *rate.Limiter
	counts  Counts
	taken   int // letters that the filter and the limit admitted

	sent   map[string]bool            // message ids of letters whose successor is confirmed; true if the letter is deleted
	bodies map[[sha256.Size]byte]bool // what those letters held
}

func newRun(r *Redriver) *run {
	return &run{Redriver: r, limiter: r.limiter(), sent: map[string]bool{}, bodies: map[[sha256.Size]byte]bool{}}
}

// step returns a context for one call of AWS. An interrupt does not cut the call off: whether it took effect must be
// known, or a letter could be brought back and stay as well.
func step(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
}

// empty goes through one queue and leaves nothing hidden in it.
func (r *run) empty(ctx context.Context, inbox queue) error {
	held := newShelf()
	err := r.drain(ctx, inbox, held)
	return errors.Join(err, held.release(ctx, inbox))
}

func (r *run) drain(ctx context.Context, inbox queue, held *shelf) error {
	for !r.full() {
		if err := ctx.Err(); err != nil {
			return err
		}
		letters, err := r.receive(ctx, inbox)
		if err != nil || len(letters) == 0 {
			return err
		}
		chosen := r.choose(held.take(r.unsent(ctx, inbox, letters)))
		if held.complete() {
			return nil
		}
		for chunk := range slices.Chunk(chosen, r.limiter.Burst()) {
			if err := r.bringBack(ctx, inbox, held, chunk); err != nil {
				return err
			}
		}
	}
	return nil
}

// full reports whether the limit is reached.
func (r *run) full() bool { return r.opts.Limit > 0 && r.taken >= r.opts.Limit }

func (r *run) receive(ctx context.Context, inbox queue) ([]*Letter, error) {
	ctx, cancel := step(ctx)
	defer cancel()
	return inbox.receive(ctx, r.hide())
}

// unsent returns the letters that have no successor yet, and deletes the others: they should be gone already.
func (r *run) unsent(ctx context.Context, inbox queue, letters []*Letter) []*Letter {
	var sent []*Letter
	unsent := slices.DeleteFunc(letters, func(l *Letter) bool {
		_, is := r.sent[l.MessageID]
		if is {
			sent = append(sent, l)
		}
		return is
	})
	r.delete(ctx, inbox, sent)
	return unsent
}

// choose returns those letters that are to be brought back now, and counts the others.
func (r *run) choose(letters []*Letter) []*Letter {
	var chosen []*Letter
	for _, l := range letters {
		r.counts.Seen++
		switch {
		case !r.opts.Match(l) || r.full():
			r.counts.Skipped++
			r.opts.Report(*l, Skipped, nil)
		case r.bodies[l.sum()]:
			r.counts.Returned++
			r.opts.Report(*l, Returned, nil)
		case r.opts.DryRun:
			r.taken++
			r.counts.Matched++
			r.opts.Report(*l, Matched, nil)
		default:
			r.taken++
			chosen = append(chosen, l)
		}
	}
	return chosen
}

// bringBack puts letters where they belong and deletes those that are confirmed there. An error means that AWS takes
// nothing at present, not even one of them.
func (r *run) bringBack(ctx context.Context, inbox queue, held *shelf, letters []*Letter) error {
	if err := r.limiter.WaitN(ctx, len(letters)); err != nil {
		return err
	}
	sending, cancel := step(ctx)
	defer cancel()
	var confirmed []*Letter
	var passing error
	for i, err := range r.send(sending, letters) {
		l := letters[i]
		if err != nil {
			r.counts.Failed++
			r.opts.Report(*l, Failed, err)
			if !errors.Is(err, errOwnFault) {
				passing = err
			}
			continue
		}
		r.counts.Redriven++
		r.sent[l.MessageID], r.bodies[l.sum()] = false, true
		held.forget(l)
		confirmed = append(confirmed, l)
		r.opts.Report(*l, Redriven, nil)
	}
	r.delete(ctx, inbox, confirmed)
	if len(confirmed) > 0 {
		return nil
	}
	return passing
}

// delete removes letters whose successors are confirmed. One that cannot be removed is doubled by the next run, so it is
// tried more than once.
func (r *run) delete(ctx context.Context, inbox queue, letters []*Letter) {
	ctx, cancel := step(ctx)
	defer cancel()
	for attempt := 0; attempt < 3 && len(letters) > 0; attempt++ {
		var left []*Letter
		for i, err := range inbox.remove(ctx, letters) {
			r.sent[letters[i].MessageID] = err == nil
			if err != nil {
				left = append(left, letters[i])
			}
		}
		letters = left
	}
}

// sum returns the counts of the run so far.
func (r *run) sum() Counts {
	counts := r.counts
	for _, deleted := range r.sent {
		if !deleted {
			counts.Undeleted++
		}
	}
	return counts
}
