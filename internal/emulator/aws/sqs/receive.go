package sqs

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Receive hands out up to limit visible messages and hides each for the visibility timeout; Default means the queue's.
// With nothing to hand out it waits for at most wait of the clock's time and returns none after it, or when ctx is done.
func (q *Queue) Receive(ctx context.Context, limit int, wait, visibility time.Duration) []Message {
	if visibility < 0 {
		visibility = q.cfg.VisibilityTimeout
	}
	deadline := q.clock.Now().Add(wait)
	for ctx.Err() == nil {
		messages, wake, next := q.take(limit, visibility)
		now := q.clock.Now()
		if len(messages) > 0 || !now.Before(deadline) {
			return messages
		}
		if next.IsZero() || next.After(deadline) {
			next = deadline
		}
		q.await(ctx, wake, next.Sub(now))
	}
	return nil
}

// await returns when ctx is done, a change may have made something visible, or d has passed.
func (q *Queue) await(ctx context.Context, wake <-chan struct{}, d time.Duration) {
	timer := time.NewTimer(q.clock.Real(d))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-wake:
	case <-timer.C:
	}
}

// take hands out what is visible now. When that is nothing it returns how to learn of the next change.
func (q *Queue) take(limit int, visibility time.Duration) (messages []Message, wake <-chan struct{}, next time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.clock.Now()
	q.advance(now)
	for len(messages) < limit && q.count[visible] > 0 {
		messages = append(messages, q.handOut(q.pop(), now, visibility))
	}
	if len(messages) > 0 {
		return messages, nil, time.Time{}
	}
	if q.wake == nil {
		q.wake = make(chan struct{})
	}
	if len(q.schedule) > 0 {
		next = q.schedule[0].due
	}
	return nil, q.wake, next
}

// pop takes the next visible entry off the list, which must hold one, and forgets those before it that have left the queue.
func (q *Queue) pop() *entry {
	for {
		i := q.cfg.Pick(len(q.visible))
		e := q.visible[i]
		copy(q.visible[1:i+1], q.visible[:i])
		q.visible[0] = nil
		q.visible = q.visible[1:]
		if e.state == visible {
			return e
		}
	}
}

// handOut hides e and returns its message with a receipt that holds until the next time it is handed out.
func (q *Queue) handOut(e *entry, now time.Time, visibility time.Duration) Message {
	e.handouts++
	e.ReceiveCount++
	e.received = now
	if e.FirstReceived.IsZero() {
		e.FirstReceived = now
	}
	e.Receipt = q.receipt(e)
	q.move(e, inFlight, now.Add(visibility))
	return e.Message
}

// Delete removes the message that a receipt stands for. As in SQS it is no error if the message is gone already,
// and nothing happens if it has been handed out again since; a receipt whose visibility timeout has passed still counts.
func (q *Queue) Delete(receipt string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	e, err := q.find(receipt)
	if err == nil && e != nil {
		q.drop(e)
	}
	return err
}

// ChangeVisibility lets the message that a receipt stands for become visible d from now; zero is at once.
func (q *Queue) ChangeVisibility(receipt string, d time.Duration) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.clock.Now()
	q.advance(now)
	e, err := q.find(receipt)
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

// receipt names the queue, the entry and the handout; it is opaque to clients, not secret.
func (q *Queue) receipt(e *entry) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s %d %d", q.cfg.Name, e.key, e.handouts))
}

// find returns the entry of a receipt, or nil if it is gone or was handed out again.
func (q *Queue) find(receipt string) (*entry, error) {
	text, err := base64.StdEncoding.DecodeString(receipt)
	if err != nil {
		return nil, ErrReceipt
	}
	fields := strings.Split(string(text), " ")
	if len(fields) != 3 || fields[0] != q.cfg.Name {
		return nil, ErrReceipt
	}
	key, keyErr := strconv.ParseUint(fields[1], 10, 64)
	handout, handoutErr := strconv.Atoi(fields[2])
	if keyErr != nil || handoutErr != nil {
		return nil, ErrReceipt
	}
	if e := q.entries[key]; e != nil && e.handouts == handout {
		return e, nil
	}
	return nil, nil
}
