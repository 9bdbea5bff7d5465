package sqs

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/clock"
)

// Receive returns up to limit visible messages and hides them for visibility; [Default] means the
// queue's own timeout. If none is visible it waits, for at most wait on the clock and until ctx is
// done.
func (q *Queue) Receive(ctx context.Context, limit int, wait, visibility time.Duration) []Message {
	defer q.clock.Work()()
	return q.receive(ctx, limit, q.clock.Now().Add(wait), clock.Passing, visibility)
}

// Poll receives as an event source mapping does: it waits until a message is visible, and then
// until limit messages are, but not longer than window. The messages count as work until done is
// called. There are none if ctx ends first.
func (q *Queue) Poll(ctx context.Context, limit int, window time.Duration) (messages []Message, done func()) {
	done = q.clock.Work()
	messages = q.receive(ctx, limit, time.Time{}, clock.Passing, Default)
	end := q.clock.Now().Add(window)
	for n := len(messages); n > 0 && n < limit; {
		more := q.receive(ctx, limit-n, end, clock.Due, Default)
		if len(more) == 0 {
			break
		}
		messages = append(messages, more...)
		n = len(messages)
	}
	return messages, done
}

// receive is Receive, until a moment of a kind; zero means without end. The caller counts as work.
func (q *Queue) receive(ctx context.Context, limit int, until time.Time, kind clock.Kind, visibility time.Duration) []Message {
	if visibility < 0 {
		visibility = q.cfg.Load().VisibilityTimeout
	}
	for ctx.Err() == nil {
		messages, wake := q.take(limit, visibility)
		if len(messages) > 0 || !until.IsZero() && !q.clock.Now().Before(until) {
			return messages
		}
		_ = q.clock.Wait(ctx, until, kind, wake)
	}
	return nil
}

// take returns the visible messages or, if there are none, a channel that is closed when there is
// one.
func (q *Queue) take(limit int, visibility time.Duration) (messages []Message, wake <-chan struct{}) {
	now := q.lock()
	defer q.unlock()
	for len(messages) < limit && q.count[visible] > 0 {
		messages = append(messages, q.hide(q.pop(), now, visibility))
	}
	if len(messages) > 0 {
		return messages, nil
	}
	if q.wake == nil {
		q.wake = make(chan struct{})
	}
	return nil, q.wake
}

// pop removes the next visible entry from the list, and all entries before it that have left the
// queue.
func (q *Queue) pop() *entry {
	for {
		i := 0
		if q.cfg.Load().Pick != nil {
			i = q.cfg.Load().Pick(len(q.visible))
		}
		e := q.visible[i]
		copy(q.visible[1:i+1], q.visible[:i])
		q.visible[0] = nil
		q.visible = q.visible[1:]
		if e.state == visible {
			return e
		}
	}
}

// hide hides e and returns its message with a receipt that is valid until it is received again.
func (q *Queue) hide(e *entry, now time.Time, visibility time.Duration) Message {
	e.receives++
	e.ReceiveCount++
	e.received = now
	if e.FirstReceived.IsZero() {
		e.FirstReceived = now
	}
	e.Receipt = q.receipt(e)
	q.move(e, inFlight, now.Add(visibility))
	return e.Message
}

// Delete deletes the message that was received with a receipt, even if its timeout has passed. As
// in SQS it is not an error if the message was deleted or received again.
func (q *Queue) Delete(receipt string) error {
	q.mu.Lock()
	defer q.unlock()
	e, err := q.byReceipt(receipt)
	if err == nil && e != nil {
		q.drop(e)
	}
	return err
}

// ChangeVisibility makes a received message visible after d; zero means at once.
func (q *Queue) ChangeVisibility(receipt string, d time.Duration) error {
	now := q.lock()
	defer q.unlock()
	e, err := q.byReceipt(receipt)
	switch {
	case err != nil:
		return err
	case e == nil || e.state != inFlight:
		return ErrNotInFlight
	case d < 0 || now.Add(d).Sub(e.received) > MaxVisibility:
		return fmt.Errorf("%w: %v", ErrVisibility, d)
	}
	q.move(e, inFlight, now.Add(d))
	q.advance(now)
	return nil
}

// receipt encodes the queue, the entry and the receive; it is opaque to clients but not secret.
func (q *Queue) receipt(e *entry) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%q %d %d", q.cfg.Load().Name, e.key, e.receives))
}

// byReceipt returns the entry of a receipt, or nil if it was deleted or received again.
func (q *Queue) byReceipt(receipt string) (*entry, error) {
	var name string
	var key, receives uint64
	text, err := base64.StdEncoding.DecodeString(receipt)
	if err == nil {
		_, err = fmt.Sscanf(string(text), "%q %d %d", &name, &key, &receives)
	}
	if err != nil || name != q.cfg.Load().Name {
		return nil, ErrReceipt
	}
	if e := q.entries[key]; e != nil && e.Receipt == receipt {
		return e, nil
	}
	return nil, nil
}
