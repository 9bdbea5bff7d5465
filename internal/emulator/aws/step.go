package aws

import (
	"encoding/json"
	"time"
)

// Kind says what a Step tells.
type Kind int

// The kinds of steps, in the order in which an event meets them.
const (
	Building  Kind = iota // a function's build says something: Name, Text
	Built                 // a function is built: Name, Took
	Received              // a request came to the front door: Name is the function, Text the route, Count the body's bytes
	Answered              // the front door answered a request: Name is the function, Status, Took
	Put                   // an event was put on a bus: Name is the bus, Source, Envelope
	Matched               // a rule took the event: Name is the rule, Target
	Unmatched             // no rule of the bus took the event: Name is the bus
	Invoked               // a function worked: Name, Count of messages, Failed of them, Batch, Took, Err
	Parked                // an event came to rest in a queue that nothing consumes: Name is the queue, Text the reason
	Faulted               // a fault was injected: Name of the fault, Text where, Batch of the events it struck, Source if they share one
	Logged                // a function printed a line: Name, Text
	Warned                // something deserves attention: Text
)

// Step is one thing that happened to an event on its way, or to the stack. Fields that its Kind does not name are zero.
type Step struct {
	Kind      Kind
	Time      time.Time
	EventID   string // Stripe's id of the event, where the step concerns one
	EventType string
	Source    string
	Name      string // logical id of the route's function, bus, rule, function or queue
	Target    string // logical id of what a rule delivered to
	Text      string
	Status    int
	Batch     []string // Stripe's ids of the events in a batch, where the step concerns several
	Count     int
	Failed    int
	Took      time.Duration
	Err       error
	Envelope  json.RawMessage // the EventBridge event, as consumers receive it
}

// Observer is told every step, by many goroutines at once.
type Observer interface {
	Observe(Step)
}

// Observers tells each of several observers, in order.
type Observers []Observer

// Observe implements Observer.
func (o Observers) Observe(s Step) {
	for _, observer := range o {
		observer.Observe(s)
	}
}

// ObserverFunc is a function that observes.
type ObserverFunc func(Step)

// Observe implements Observer.
func (f ObserverFunc) Observe(s Step) { f(s) }
