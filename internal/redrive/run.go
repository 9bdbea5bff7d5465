package redrive

import (
	"context"
	"crypto/sha256"
	"errors"
	"maps"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/meterbridge/meterbridge/internal/pace"
	"github.com/meterbridge/meterbridge/internal/queue"
)

// A run remembers the letters it has received, since it can receive them again: SQS may return a
// message twice, a letter may no longer be hidden, or the fetcher may already have parked the copy.
type run struct {
	*Redriver
	limiter  *rate.Limiter
	counts   Counts
	selected int // letters that the filter and the limit selected

	sent     map[string]bool            // message ids of letters whose copy is confirmed; true if the letter is deleted
	contents map[[sha256.Size]byte]bool // the contents of those letters
}

func newRun(r *Redriver) *run {
	return &run{Redriver: r, limiter: pace.Burst(r.opts.Rate, queue.MaxBatch), sent: map[string]bool{}, contents: map[[sha256.Size]byte]bool{}}
}

// uninterrupted returns a context for one call of AWS. An interrupt does not abort the call: its
// result must be known, or a letter could be sent and stay as well.
func uninterrupted(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
}

// empty goes through one queue and leaves nothing hidden in it.
func (r *run) empty(ctx context.Context, from *queue.Queue) error {
	hidden := &hiddenLetters{receipts: map[string]string{}}
	err := r.drain(ctx, from, hidden)
	return errors.Join(err, hidden.reveal(ctx, from))
}

func (r *run) drain(ctx context.Context, from *queue.Queue, hidden *hiddenLetters) error {
	for !r.full() {
		if err := ctx.Err(); err != nil {
			return err
		}
		letters, err := r.receive(ctx, from)
		if err != nil || len(letters) == 0 {
			return err
		}
		selected := r.choose(hidden.add(r.unsent(ctx, from, letters)))
		if hidden.complete() {
			return nil
		}
		for chunk := range slices.Chunk(selected, r.limiter.Burst()) {
			if err := r.redrive(ctx, from, hidden, chunk); err != nil {
				return err
			}
		}
	}
	return nil
}

// full reports whether the limit is reached.
func (r *run) full() bool { return r.opts.Limit > 0 && r.selected >= r.opts.Limit }

func (r *run) receive(ctx context.Context, from *queue.Queue) ([]*Letter, error) {
	ctx, cancel := uninterrupted(ctx)
	defer cancel()
	messages, err := from.Receive(ctx, r.hide())
	letters := make([]*Letter, 0, len(messages))
	for _, m := range messages {
		letters = append(letters, read(m))
	}
	return letters, err
}

// unsent returns the letters that have not been sent yet, and deletes the others, which should
// already be deleted.
func (r *run) unsent(ctx context.Context, from *queue.Queue, letters []*Letter) []*Letter {
	var sent []*Letter
	unsent := slices.DeleteFunc(letters, func(l *Letter) bool {
		_, is := r.sent[l.MessageID]
		if is {
			sent = append(sent, l)
		}
		return is
	})
	r.delete(ctx, from, sent)
	return unsent
}

// choose returns the letters to send now, and counts the others.
func (r *run) choose(letters []*Letter) []*Letter {
	var selected []*Letter
	for _, l := range letters {
		r.counts.Seen++
		switch {
		case !r.opts.Match(l) || r.full():
			r.counts.Skipped++
			r.opts.Report(*l, Skipped, nil)
		case r.contents[l.sum()]:
			r.counts.Returned++
			r.opts.Report(*l, Returned, nil)
		case r.opts.DryRun:
			r.selected++
			r.counts.Matched++
			r.opts.Report(*l, Matched, nil)
		default:
			r.selected++
			selected = append(selected, l)
		}
	}
	return selected
}

// redrive sends letters, or discards them, and deletes those that are done with. An error means that
// AWS does not accept any of them at present.
func (r *run) redrive(ctx context.Context, from *queue.Queue, hidden *hiddenLetters, letters []*Letter) error {
	if err := r.limiter.WaitN(ctx, len(letters)); err != nil {
		return err
	}
	sending, cancel := uninterrupted(ctx)
	defer cancel()
	var confirmed []*Letter
	var temporary error
	errs := make([]error, len(letters))
	if !r.opts.Discard {
		errs = r.send(sending, letters)
	}
	for i, err := range errs {
		l := letters[i]
		if err != nil {
			r.counts.Failed++
			r.opts.Report(*l, Failed, err)
			if !errors.Is(err, errFinal) {
				temporary = err
			}
			continue
		}
		outcome := Redriven
		if r.opts.Discard {
			outcome = Discarded
			r.counts.Discarded++
		} else {
			r.counts.Redriven++
			r.contents[l.sum()] = true
		}
		r.sent[l.MessageID] = false
		hidden.remove(l)
		confirmed = append(confirmed, l)
		r.opts.Report(*l, outcome, nil)
	}
	r.delete(ctx, from, confirmed)
	if len(confirmed) > 0 {
		return nil
	}
	return temporary
}

// delete deletes letters whose copy is confirmed. It retries, because the next run would send an
// undeleted letter again.
func (r *run) delete(ctx context.Context, from *queue.Queue, letters []*Letter) {
	ctx, cancel := uninterrupted(ctx)
	defer cancel()
	for attempt := 0; attempt < 3 && len(letters) > 0; attempt++ {
		receipts := make([]string, 0, len(letters))
		for _, l := range letters {
			receipts = append(receipts, l.message.Receipt)
		}
		var left []*Letter
		for i, err := range from.Delete(ctx, receipts) {
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

// hiddenLetters contains the letters of one queue that were received and not deleted: their message
// ids, and the receipts to make them visible again. They stay hidden until the queue is done,
// because each receive would otherwise return the same ones. SQS hides up to 120,000 messages of a
// queue at once, and then returns no more.
type hiddenLetters struct {
	receipts map[string]string
	repeats  int // consecutive letters received that had been hidden before
}

// add remembers received letters and returns those that are new.
func (h *hiddenLetters) add(letters []*Letter) []*Letter {
	var fresh []*Letter
	for _, l := range letters {
		h.repeats++
		if _, again := h.receipts[l.MessageID]; !again {
			h.repeats = 0
			fresh = append(fresh, l)
		}
		h.receipts[l.MessageID] = l.message.Receipt
	}
	return fresh
}

func (h *hiddenLetters) remove(l *Letter) { delete(h.receipts, l.MessageID) }

// complete reports whether as many letters in a row as are hidden were received again: they have
// become visible before the end of the run, and nothing else is in the queue.
func (h *hiddenLetters) complete() bool { return h.repeats > 0 && h.repeats >= len(h.receipts) }

// reveal makes all letters visible again at once.
func (h *hiddenLetters) reveal(ctx context.Context, from *queue.Queue) error {
	var errs []error
	for receipts := range slices.Chunk(slices.Collect(maps.Values(h.receipts)), queue.MaxBatch) {
		ctx, cancel := uninterrupted(ctx)
		err := from.Reveal(ctx, receipts)
		cancel()
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
