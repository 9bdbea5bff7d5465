// Package target is what the emulated services deliver to, found by its ARN in a [Directory].
//
// A queue or a function adds itself to the directory as a [Target]; a rule, a schedule or a route
// looks it up. So a service that delivers need not know the service that receives.
package target

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/clock"
)

// Region and Account are where emulated resources claim to be.
const (
	Region  = "us-east-1"
	Account = "000000000000"
)

// ErrMissing is the error of a lookup whose ARN no resource has.
var ErrMissing = errors.New("not in the template")

// ARN returns the ARN of a resource of an emulated service, such as "sqs" and a queue's name.
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
	// HoldDeadLetters makes the queue report whatever it stores from now on as parked.
	HoldDeadLetters()
}

// A Directory finds targets by ARN. With it, services share a clock and a recorder of their steps.
// Lookups are safe for concurrent use once the last target is added.
type Directory struct {
	Clock    *clock.Clock
	Recorder *activity.Recorder

	targets map[string]Target
}

// NewDirectory returns an empty directory. A nil clock is real time; observer may be nil.
func NewDirectory(c *clock.Clock, observer activity.Observer) *Directory {
	c = cmp.Or(c, clock.New(1))
	return &Directory{Clock: c, Recorder: activity.NewRecorder(observer, c.Now), targets: map[string]Target{}}
}

// Add makes t the target with that ARN.
func (d *Directory) Add(arn string, t Target) { d.targets[arn] = t }

// Find returns the target with an ARN, or ErrMissing for a queue or a function. The target of
// another service discards everything, which the recorder is warned of.
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

// Queue returns the queue with an ARN, or ErrMissing.
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
