package sqs

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/clock"
)

// Limits of SQS, from https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html.
const (
	// MaxMessageSize is the most bytes a message may have, its body and its attributes together.
	MaxMessageSize = 1 << 20
	// MaxVisibility is the longest a message may stay hidden, counted from its receipt.
	MaxVisibility = 12 * time.Hour
	// MaxDelay is the longest a message may be delayed.
	MaxDelay = 15 * time.Minute
)

// Default, as a delay or a visibility timeout, stands for the queue's own setting.
const Default time.Duration = -1

// Errors of a Queue. Send returns ErrTooLarge, ErrContents, ErrAttribute or ErrDelay; Delete returns ErrReceipt;
// ChangeVisibility returns ErrReceipt, ErrVisibility or ErrNotInFlight.
var (
	ErrTooLarge    = errors.New("queue: message is larger than 1 MiB")
	ErrContents    = errors.New("queue: message body is empty or holds a character that SQS refuses")
	ErrAttribute   = errors.New("queue: message attribute is not valid")
	ErrDelay       = errors.New("queue: delay is over 15 minutes")
	ErrReceipt     = errors.New("queue: receipt handle was not issued by this queue")
	ErrVisibility  = errors.New("queue: visibility timeout is beyond 12 hours")
	ErrNotInFlight = errors.New("queue: message is not in flight")
)

// Config describes a queue. Zero durations are SQS's defaults.
type Config struct {
	// ID is the queue's logical id in a template. Empty: its name.
	ID             string
	Name, ARN, URL string

	// VisibilityTimeout is how long a received message stays hidden. Zero: 30 seconds.
	VisibilityTimeout time.Duration
	// Delay is how long a new message stays hidden. Zero: none.
	Delay time.Duration
	// Retention is how long a message lives from when it was first sent. Zero: 4 days.
	Retention time.Duration
	// ReceiveWait is how long a poll waits when it names no time itself. Zero: it does not.
	ReceiveWait time.Duration

	// DeadLetter takes a message that was received MaxReceiveCount times and became visible once more.
	// Nil, or a count below 1: a message is handed out until its retention ends.
	DeadLetter      *Queue
	MaxReceiveCount int

	// Duplicate reports whether a message being sent is stored twice, as a standard queue may. Nil: never.
	Duplicate func(Message) bool
	// Stored is told each message that enters the queue, sent or given up by another. It may be called concurrently. Nil: it is not reported.
	Stored func(Message)
	// Pick returns which of n visible messages, oldest first, is handed out next; at least 0 and below n. Nil: the oldest.
	Pick func(n int) int
}

// Queue is a standard queue in memory. It is safe for concurrent use and has no goroutine of its own.
type Queue struct {
	cfg     Config
	clock   *clock.Clock
	created time.Time

	mu       sync.Mutex
	lastKey  uint64
	entries  map[uint64]*entry
	visible  []*entry // oldest first; an entry that has left the queue stays here until it is reached
	schedule schedule
	count    [gone + 1]int
	wake     chan struct{} // closed when a poll that found nothing should look again; nil when none waits

	parks    atomic.Bool // whether what is stored is reported as parked
	consumed atomic.Bool // whether a function takes the messages
}

// Stats counts a queue's messages by what a receiver can do with them. Unlike SQS's own figures they are exact.
type Stats struct{ Visible, InFlight, Delayed int }

// NewQueue returns an empty queue that takes its time from c. The dead-letter queue exists first, so redrive never runs in a circle.
func NewQueue(cfg Config, c *clock.Clock) *Queue {
	cfg.ID = cmp.Or(cfg.ID, cfg.Name)
	cfg.VisibilityTimeout = cmp.Or(cfg.VisibilityTimeout, 30*time.Second)
	cfg.Retention = cmp.Or(cfg.Retention, 4*24*time.Hour)
	if cfg.Duplicate == nil {
		cfg.Duplicate = func(Message) bool { return false }
	}
	if cfg.Stored == nil {
		cfg.Stored = func(Message) {}
	}
	if cfg.Pick == nil {
		cfg.Pick = func(int) int { return 0 }
	}
	return &Queue{cfg: cfg, clock: c, created: c.Now(), entries: map[uint64]*entry{}}
}

// Config returns the configuration with its defaults filled in.
func (q *Queue) Config() Config { return q.cfg }

// Created returns when the queue was made, by its clock.
func (q *Queue) Created() time.Time { return q.created }

// ID implements [target.Target].
func (q *Queue) ID() string { return q.cfg.ID }

// Deliver implements [target.Target].
func (q *Queue) Deliver(body []byte, trace string) error {
	_, err := q.Send(Message{Body: string(body), TraceHeader: trace})
	return err
}

// Store implements [target.Queue].
func (q *Queue) Store(body []byte, attributes map[string]string) error {
	m := Message{Body: string(body), Attributes: make(map[string]Attribute, len(attributes))}
	for name, value := range attributes {
		m.Attributes[name] = Attribute{DataType: "String", StringValue: value}
	}
	_, err := q.Send(m)
	return err
}

// HoldDeadLetters implements [target.Queue]. The queue's service reports what it stores.
func (q *Queue) HoldDeadLetters() { q.parks.Store(true) }

// Consume says that a function takes the queue's messages, so that a service counts them as pending.
func (q *Queue) Consume() { q.consumed.Store(true) }

// Send stores m under a new id with the queue's own delay and returns it as stored.
func (q *Queue) Send(m Message) (Message, error) { return q.SendAfter(m, Default) }

// SendAfter is Send with a delay of its own; Default means the queue's.
func (q *Queue) SendAfter(m Message, delay time.Duration) (Message, error) {
	if delay < 0 {
		delay = q.cfg.Delay
	}
	if delay > MaxDelay {
		return Message{}, fmt.Errorf("%w: %v", ErrDelay, delay)
	}
	if err := m.validate(); err != nil {
		return Message{}, err
	}
	now := q.clock.Now()
	m = Message{
		ID: uuid.NewString(), Body: m.Body, Attributes: maps.Clone(m.Attributes),
		GroupID: m.GroupID, TraceHeader: m.TraceHeader, Sent: now,
	}
	q.store(m, now, delay)
	if q.cfg.Duplicate(m) {
		q.store(m, now, delay)
	}
	return m, nil
}

// store takes in a message that keeps its id and history: a new one, or one another queue gave up.
func (q *Queue) store(m Message, now time.Time, delay time.Duration) {
	q.cfg.Stored(m)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lastKey++
	e := &entry{Message: m, key: q.lastKey, expires: m.Sent.Add(q.cfg.Retention), index: -1}
	q.entries[e.key] = e
	q.count[e.state]++
	q.move(e, delayed, now.Add(delay))
	q.advance(now)
}

// Purge removes every message, also those in flight.
func (q *Queue) Purge() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, e := range q.entries {
		q.drop(e)
	}
}

// Due returns when the next message changes by itself: becomes visible, is given up, or ends its retention. Zero: there is none.
func (q *Queue) Due() time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.advance(q.clock.Now())
	if len(q.schedule) == 0 {
		return time.Time{}
	}
	return q.schedule[0].due
}

// Stats returns the counts at this moment.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.advance(q.clock.Now())
	return Stats{Visible: q.count[visible], InFlight: q.count[inFlight], Delayed: q.count[delayed]}
}
