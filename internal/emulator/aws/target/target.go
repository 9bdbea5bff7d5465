// Package target finds the resources to which emulated services deliver, by their ARNs.
//
// A queue or a function is added to a [Directory] as a [Target]; a rule, a schedule or a route
// looks it up there. So a service that delivers does not depend on the service that receives.
package target

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/clock"
)

// Region and Account are the region and account of all emulated resources.
const (
	Region  = "us-east-1"
	Account = "000000000000"
)

// ErrMissing means that no resource has the ARN.
var ErrMissing = errors.New("not in the template")

// ARN returns the ARN of a resource, given its service, such as "sqs", and its name.
func ARN(service, resource string) string {
	return "arn:aws:" + service + ":" + Region + ":" + Account + ":" + resource
}

// A Target accepts deliveries. It is safe for concurrent use.
type Target interface {
	// ID returns the logical id of the resource in the template.
	ID() string
	// Deliver returns when the body is accepted. trace is an X-Ray header, or empty.
	Deliver(body []byte, trace string) error
}

// A Queue is a target that can serve as a dead-letter queue.
type Queue interface {
	Target
	// Store stores a body with attributes of the type String.
	Store(body []byte, attributes map[string]string) error
	// HoldDeadLetters marks the queue as a dead-letter queue: it reports every message that it
	// stores from now on as parked.
	HoldDeadLetters()
}

// A Directory finds targets by ARN. It also contains the clock and the recorder that all services
// share. Lookups are safe for concurrent use once the last target is added.
type Directory struct {
	Clock    *clock.Clock
	Recorder *activity.Recorder

	targets map[string]Target
}

// NewDirectory returns an empty directory. A nil clock means real time; observer may be nil.
func NewDirectory(c *clock.Clock, observer activity.Observer) *Directory {
	c = cmp.Or(c, clock.New(1))
	return &Directory{Clock: c, Recorder: activity.NewRecorder(observer, c.Now), targets: map[string]Target{}}
}

// Next returns an empty directory with the same clock and recorder.
func (d *Directory) Next() *Directory {
	return &Directory{Clock: d.Clock, Recorder: d.Recorder, targets: map[string]Target{}}
}

// Add makes t the target with that ARN.
func (d *Directory) Add(arn string, t Target) { d.targets[arn] = t }

// Find returns the target with an ARN. If there is none, the error is [ErrMissing] for a queue or a
// function; for any other service Find records a warning and returns a target that discards
// everything.
func (d *Directory) Find(arn string) (Target, error) {
	if t, ok := d.targets[arn]; ok {
		return t, nil
	}
	service := strings.Split(arn+":::", ":")[2]
	if service == "sqs" || service == "lambda" {
		return nil, fmt.Errorf("%s is %w", arn, ErrMissing)
	}
	d.Recorder.Warn("target %s: %s is not run locally: what is delivered there ends there", arn, service)
	return discard(arn), nil
}

// ID returns the logical id of the target with an ARN, or "".
func (d *Directory) ID(arn string) string {
	if t, ok := d.targets[arn]; ok {
		return t.ID()
	}
	return ""
}

// Queue returns the queue with an ARN, or [ErrMissing].
func (d *Directory) Queue(arn string) (Queue, error) {
	if q, ok := d.targets[arn].(Queue); ok {
		return q, nil
	}
	return nil, fmt.Errorf("queue %q is %w", arn, ErrMissing)
}

// discard is the target of a service that is not emulated; its text is the ARN.
type discard string

func (d discard) ID() string { return string(d) }

func (discard) Deliver([]byte, string) error { return nil }
