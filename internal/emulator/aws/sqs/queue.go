package sqs

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/clock"
)

// Limits of SQS, from
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html.
const (
	// MaxMessageSize is the limit of a message in bytes, its body and its attributes together.
	MaxMessageSize = 1 << 20
	// MaxVisibility is the longest visibility timeout, counted from the receive.
	MaxVisibility = 12 * time.Hour
	// MaxDelay is the longest delay of a message.
	MaxDelay = 15 * time.Minute
)

// Default, as a delay or a visibility timeout, means the queue's own setting.
const Default time.Duration = -1

// NotHidden, as a queue's visibility timeout, is a timeout of zero.
const NotHidden time.Duration = -1

// Errors of a [Queue]. [Queue.Send] returns [ErrTooLarge], [ErrContents], [ErrAttribute] or
// [ErrDelay]; [Queue.Delete] returns [ErrReceipt]; [Queue.ChangeVisibility] returns [ErrReceipt],
// [ErrVisibility] or [ErrNotInFlight].
var (
	ErrTooLarge    = errors.New("sqs: message is larger than 1 MiB")
	ErrContents    = errors.New("sqs: message body is empty or contains a character that SQS refuses")
	ErrAttribute   = errors.New("sqs: message attribute is not valid")
	ErrDelay       = errors.New("sqs: delay is over 15 minutes")
	ErrReceipt     = errors.New("sqs: receipt handle was not issued by this queue")
	ErrVisibility  = errors.New("sqs: visibility timeout is beyond 12 hours")
	ErrNotInFlight = errors.New("sqs: message is not in flight")
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
	// Retention is how long a message is kept after it was first sent. Zero: 4 days.
	Retention time.Duration
	// ReceiveWait is how long a receive waits by default. Zero: it does not wait.
	ReceiveWait time.Duration
	// DeadLetter gets each message that has been received MaxReceiveCount times and becomes visible
	// again. Nil, or a count below 1: a message can be received until its retention ends.
	DeadLetter      *Queue
	MaxReceiveCount int
	// Duplicate reports whether a message is stored twice, as a standard queue may do. Nil: never.
	Duplicate func(Message) bool
	// Stored is called, concurrently, with each message that enters the queue. Nil: no call.
	Stored func(Message)
	// Expired is called with each message that leaves the queue because its retention has ended. It
	// is called with the queue's lock held, so it must not use the queue. Nil: no call.
	Expired func(Message)
	// Pick returns which of n visible messages, oldest first, is received next. Nil: the oldest.
	Pick func(n int) int
}

// Queue is a standard queue in memory, without a goroutine. It is safe for concurrent use.
type Queue struct {
	cfg     atomic.Pointer[Config] // immutable, but can be replaced by one with the same names
	clock   *clock.Clock
	created time.Time

	mu       sync.Mutex
	lastKey  uint64
	entries  map[uint64]*entry
	visible  []*entry // oldest first; may contain entries that have left the queue
	schedule schedule
	count    [gone + 1]int
	wake     chan struct{} // closed when waiting receives should look again; nil when none waits
	alarm    *clock.Alarm  // set to the next change if somebody waits for it
	polled   bool          // whether a function polls the queue
	done     func()        // ends the work that the visible messages of a polled queue are; nil if there are none

	parks atomic.Bool // whether stored messages are reported as parked
}

// Stats counts the messages of a queue by state. Unlike SQS's figures it is exact.
type Stats struct{ Visible, InFlight, Delayed int }

// NewQueue returns an empty queue that uses the clock c.
func NewQueue(cfg Config, c *clock.Clock) *Queue {
	cfg.setDefaults()
	q := &Queue{clock: c, created: c.Now(), entries: map[uint64]*entry{}}
	q.cfg.Store(&cfg)
	q.alarm = c.Alarm(func() {
		q.lock()
		q.unlock()
	})
	return q
}

func (c *Config) setDefaults() {
	c.ID = cmp.Or(c.ID, c.Name)
	c.VisibilityTimeout = max(0, cmp.Or(c.VisibilityTimeout, 30*time.Second))
	c.Retention = cmp.Or(c.Retention, 4*24*time.Hour)
}

// lock locks the queue and makes all state changes that are due. It returns the clock's time.
func (q *Queue) lock() (now time.Time) {
	q.mu.Lock()
	now = q.clock.Now()
	q.advance(now)
	return now
}

// unlock tells the clock what the queue waits for, and unlocks the queue. A message that a function
// can poll is work in flight; the next change is due if it may make one available. Neither count
// falls to zero while a message passes from one to the other.
func (q *Queue) unlock() {
	defer q.mu.Unlock()
	working := q.polled && q.count[visible] > 0
	if working && q.done == nil {
		q.done = q.clock.Work()
	}
	var next time.Time
	if len(q.schedule) > 0 && (q.polled || q.wake != nil) {
		next = q.schedule[0].due
	}
	q.alarm.Set(next, clock.Kind(q.polled))
	if !working && q.done != nil {
		q.done()
		q.done = nil
	}
}

// Config returns the configuration with its defaults filled in.
func (q *Queue) Config() Config { return *q.cfg.Load() }

// Created returns the time at which the queue was created, by its clock.
func (q *Queue) Created() time.Time { return q.created }

// ID implements [target.Target].
func (q *Queue) ID() string { return q.cfg.Load().ID }

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

// HoldDeadLetters implements [target.Queue]: the [Service] reports messages that are stored from
// now on as parked.
func (q *Queue) HoldDeadLetters() { q.parks.Store(true) }

// Consume marks the queue as polled by a function: from now on its visible messages count as work in
// flight, and the hidden ones as work that is due when they become visible.
func (q *Queue) Consume() {
	q.lock()
	defer q.unlock()
	q.polled = true
}

// Release ends Consume: no function polls the queue any more, and its messages are no work.
func (q *Queue) Release() {
	q.lock()
	defer q.unlock()
	q.polled = false
}

// Send stores m under a new id, with the queue's own delay, and returns it as stored.
func (q *Queue) Send(m Message) (Message, error) { return q.SendAfter(m, Default) }

// SendAfter is Send with a delay; Default means the queue's own.
func (q *Queue) SendAfter(m Message, delay time.Duration) (Message, error) {
	if delay < 0 {
		delay = q.cfg.Load().Delay
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
	if q.cfg.Load().Duplicate != nil && q.cfg.Load().Duplicate(m) {
		q.store(m, now, delay)
	}
	return m, nil
}

// store adds a message with its id and history: a new one, or one from another queue.
func (q *Queue) store(m Message, now time.Time, delay time.Duration) {
	if q.cfg.Load().Stored != nil {
		q.cfg.Load().Stored(m)
	}
	q.lock()
	defer q.unlock()
	q.lastKey++
	e := &entry{Message: m, key: q.lastKey, expires: m.Sent.Add(q.cfg.Load().Retention), index: -1}
	q.entries[e.key] = e
	q.count[e.state]++
	q.move(e, delayed, now.Add(delay))
	q.advance(now)
}

// Purge removes every message, including those in flight.
func (q *Queue) Purge() {
	q.lock()
	defer q.unlock()
	for _, e := range q.entries {
		q.drop(e)
	}
}

// MaxReceives returns how often a message is received before it moves to the dead-letter queue. Zero
// means that there is none.
func (q *Queue) MaxReceives() int {
	if q.cfg.Load().DeadLetter == nil {
		return 0
	}
	return max(0, q.cfg.Load().MaxReceiveCount)
}

// HiddenUntil returns when the message that was received with a receipt becomes visible again. Zero:
// it is visible, has been received again or has left the queue.
func (q *Queue) HiddenUntil(receipt string) time.Time {
	q.lock()
	defer q.unlock()
	if e, err := q.byReceipt(receipt); err == nil && e != nil && e.state == inFlight {
		return e.due
	}
	return time.Time{}
}

// Stats returns the current counts.
func (q *Queue) Stats() Stats {
	q.lock()
	defer q.unlock()
	return Stats{Visible: q.count[visible], InFlight: q.count[inFlight], Delayed: q.count[delayed]}
}

// state is the state of an entry, which determines what a receiver can do with it.
type state int

const (
	delayed  state = iota // nothing yet
	visible               // receive it
	inFlight              // delete it, or change how long it stays hidden
	gone                  // nothing: it has left the queue
)

// entry is one stored copy of a message.
type entry struct {
	Message
	key      uint64
	state    state
	expires  time.Time // when retention ends
	received time.Time // when it was last received
	receives int       // from this queue; Message counts those from all queues

	due   time.Time // when its state changes by itself
	index int       // index in the schedule; negative if not in it
}

// move puts e into state s until the given time or the end of its retention. The caller holds the
// lock.
func (q *Queue) move(e *entry, s state, until time.Time) {
	q.count[e.state]--
	q.count[s]++
	e.state, e.due = s, until
	if e.expires.Before(until) {
		e.due = e.expires
	}
	if e.index < 0 {
		heap.Push(&q.schedule, e)
	} else {
		heap.Fix(&q.schedule, e.index)
	}
	if s == visible {
		q.visible = append(q.visible, e)
	}
	if s == visible && q.wake != nil {
		close(q.wake)
		q.wake = nil
	}
}

// drop removes e for good. The caller holds the lock.
func (q *Queue) drop(e *entry) {
	q.count[e.state]--
	e.state = gone
	heap.Remove(&q.schedule, e.index)
	delete(q.entries, e.key)
}

// advance makes all state changes that are due. The caller holds the lock.
func (q *Queue) advance(now time.Time) {
	for len(q.schedule) > 0 && !q.schedule[0].due.After(now) {
		e := q.schedule[0]
		switch {
		case !e.expires.After(now):
			q.drop(e)
			if q.cfg.Load().Expired != nil {
				q.cfg.Load().Expired(e.Message)
			}
		case q.exhausted(e):
			q.redrive(e, now)
		default:
			q.move(e, visible, e.expires)
		}
	}
}

// exhausted reports whether e was received as often as the queue allows. SQS checks this at the
// next receive; a receiver cannot observe the difference.
func (q *Queue) exhausted(e *entry) bool {
	most := q.MaxReceives()
	return most > 0 && e.receives >= most
}

// redrive moves e to the dead-letter queue. It holds both locks, so that the message is always in
// one of the two queues' counts.
func (q *Queue) redrive(e *entry, now time.Time) {
	q.drop(e)
	m := e.Message
	m.Receipt, m.DeadLetterSource = "", q.cfg.Load().ARN
	q.cfg.Load().DeadLetter.store(m, now, 0)
}

// schedule is a heap of entries with the next one to change on top.
type schedule []*entry

func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, j int) bool { return s[i].due.Before(s[j].due) }

func (s schedule) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].index, s[j].index = i, j
}

func (s *schedule) Push(x any) {
	e := x.(*entry)
	e.index = len(*s)
	*s = append(*s, e)
}

func (s *schedule) Pop() any {
	last := len(*s) - 1
	e := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	e.index = -1
	return e
}
