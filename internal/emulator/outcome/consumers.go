package outcome

import (
	"maps"
	"slices"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
)

// A Consumer is a function or a queue that rules deliver to, with the outcomes of its deliveries.
type Consumer struct {
	Name      string         // logical id
	Delivered int            // deliveries by rules, and those that failed
	OK        int            // deliveries that the function processed, or that the queue stored if no function polls it
	Filtered  int            // deliveries that the function's filter left out
	Dropped   int            // deliveries that were given up
	Failed    int            // attempts that failed, also those of deliveries that succeeded later
	Kept      map[string]int // dropped deliveries by the logical id of the queue that stored them
	Events    []string       // ids of the first maxEvents dropped events, where they are known
}

// maxEvents limits [Consumer.Events].
const maxEvents = 20

// Open returns how many deliveries have no outcome yet.
func (c Consumer) Open() int { return max(0, c.Delivered-c.OK-c.Filtered-c.Dropped) }

// consumer is what the steps have shown of a target, whether or not rules deliver to it.
type consumer struct {
	Consumer
	polled bool // a function takes its messages
}

// observeTarget counts a step of something that might be a consumer.
func (t *Tracker) observeTarget(s activity.Step) {
	switch s.Kind {
	case activity.Matched:
		t.target(s.Target).Delivered++
	case activity.Undelivered:
		if s.Kept == "" { // otherwise it is parked
			t.target(s.Target).drop(s.EventID, "")
		}
	case activity.Invoked:
		t.invoked(s)
	case activity.Returned:
		t.target(s.Target).polled = true
		t.target(s.Target).Failed++
	case activity.Filtered:
		t.target(s.Target).polled = true
		t.target(s.Target).Filtered++
	case activity.GaveUp:
		t.target(s.Name).drop(s.EventID, s.Kept)
		if s.Kept != "" {
			t.deadLetters[s.Kept] = true
		}
	case activity.Parked:
		t.deadLetters[s.Name] = true
		if s.Target != "" {
			t.target(s.Target).drop(s.EventID, s.Name)
		}
	case activity.Expired:
		if c := t.target(s.Name); c.polled {
			c.drop(s.EventID, "")
		}
	}
}

// invoked counts the invocation of a function by a rule, or with a batch from a queue.
func (t *Tracker) invoked(s activity.Step) {
	switch {
	case s.Target != "":
		c := t.target(s.Target)
		c.polled = true
		c.OK += s.Count - s.Failed
	case s.Attempt > 0 && s.Err == nil:
		t.target(s.Name).OK++
	case s.Attempt > 0:
		t.target(s.Name).Failed++
	}
}

func (t *Tracker) target(name string) *consumer {
	c := t.targets[name]
	if c == nil {
		c = &consumer{Consumer: Consumer{Name: name, Kept: map[string]int{}}}
		t.targets[name] = c
	}
	return c
}

func (c *consumer) drop(event, kept string) {
	c.Dropped++
	if kept != "" {
		c.Kept[kept]++
	}
	if event != "" && len(c.Events) < maxEvents {
		c.Events = append(c.Events, event)
	}
}

// DeadLetters returns the logical ids of the queues that have stored what could not be processed, in
// order.
func (t *Tracker) DeadLetters() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Sorted(maps.Keys(t.deadLetters))
}

// A Target is something that rules deliver to.
type Target struct {
	Name string // logical id
	// Answers means that a function processes what is delivered. Otherwise a delivery that was
	// accepted is all that can be known.
	Answers bool
}

// Consumers returns the state of the consumers among the targets: of all but the fetch queue, and in
// that order.
func (t *Tracker) Consumers(targets []Target) []Consumer {
	t.mu.Lock()
	defer t.mu.Unlock()
	var consumers []Consumer
	for _, target := range targets {
		if target.Name == t.fetchQueue {
			continue
		}
		c := t.target(target.Name).Consumer
		c.Kept, c.Events = maps.Clone(c.Kept), slices.Clone(c.Events)
		if !target.Answers {
			c.OK = c.Delivered - c.Dropped
		}
		consumers = append(consumers, c)
	}
	return consumers
}
