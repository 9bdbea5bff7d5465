// Package faults injects faults into the emulated stack, to show that Meterbridge's guarantees hold
// nevertheless.
//
// [All] lists the faults. An [Injector] hooks into the emulators of AWS and Stripe and decides
// which of their operations fail. It decides by hashing the seed, the fault, the operation, the
// event and the number of earlier attempts, rather than by drawing from a shared random stream, so
// the same seed has the same effect on the same event in whatever order concurrent requests arrive.
// Two kinds of decisions depend on timing: bursts and the order of a queue are decided by the
// number of the request, and the scheduler decides which events share a batch. So a run is
// repeatable as far as concurrency allows.
package faults

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrUnknown means that there is no fault with the given name. The errors of [Parse] list all
// names.
var ErrUnknown = errors.New("unknown fault")

// A Fault is one way in which the stack can fail.
type Fault struct {
	Name   string // name on the command line
	Effect string // description of the effect
	Where  string // description of what it affects

	share float64 // how often it strikes, between 0 and 1
	burst bool    // whether it strikes many consecutive requests instead of single ones
}

// Names of the faults.
const (
	Stripe429          = "stripe-429"
	Stripe500          = "stripe-500"
	StripeHang         = "stripe-hang"
	StripeTrickle      = "stripe-trickle"
	StripeTruncate     = "stripe-truncate"
	StripeReset        = "stripe-reset"
	EventsThrottle     = "events-throttle"
	EventsPartial      = "events-partial"
	Events500          = "events-500"
	EventsLost         = "events-lost"
	SecretsDown        = "secrets-down"
	SecretsRotate      = "secrets-rotate"
	LedgerThrottle     = "ledger-throttle"
	QueueDuplicate     = "queue-duplicate"
	QueueReorder       = "queue-reorder"
	FunctionKill       = "function-kill"
	WebhookUnreachable = "webhook-unreachable"
	RuleDisabled       = "rule-disabled"
)

// All returns every fault.
func All() []Fault {
	return []Fault{
		{Stripe429, "429 to many requests in a row", "requests to Stripe", 0.1, true},
		{Stripe500, "500", "requests to Stripe", 0.05, false},
		{StripeHang, "no answer", "requests to Stripe", 0.01, false},
		{StripeTrickle, "the answer, byte by byte over five seconds", "requests to Stripe", 0.01, false},
		{StripeTruncate, "half of the answer", "requests to Stripe", 0.03, false},
		{StripeReset, "the connection is reset instead of an answer", "requests to Stripe", 0.03, false},
		{EventsThrottle, "ThrottlingException", "calls of PutEvents", 0.03, false},
		{EventsPartial, "some entries fail, the others are put", "entries of PutEvents", 0.05, false},
		{Events500, "InternalException", "calls of PutEvents", 0.03, false},
		{EventsLost, "the entries are put, but the answer is lost", "calls of PutEvents", 0.01, false},
		{SecretsDown, "InternalServiceError", "calls of Secrets Manager", 0.4, false},
		{SecretsRotate, "both secrets are rotated, once", "the secrets, while requests arrive", 1, false},
		{LedgerThrottle, "ProvisionedThroughputExceededException", "calls of DynamoDB", 0.04, false},
		{QueueDuplicate, "a message is stored twice", "messages sent to a queue", 0.05, false},
		{QueueReorder, "any message may be next", "messages received from a queue", 0.2, false},
		{FunctionKill, "SIGKILL to the process, before or after its events are put", "running functions", 0.02, false},
		{WebhookUnreachable, "the connection is closed, many times in a row", "requests to the webhook", 0.1, true},
		{RuleDisabled, "it is disabled, once, until the reconciler has compared the events several times", "the rule that feeds the fetcher", 1, false},
	}
}

// Parse parses a comma-separated list of names, or "all". Its error is [ErrUnknown].
func Parse(list string) ([]string, error) {
	var known []string
	for _, f := range All() {
		known = append(known, f.Name)
	}
	if list == "all" {
		return known, nil
	}
	var chosen []string
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("%w %q: choose all, or from %s", ErrUnknown, name, strings.Join(known, ","))
		}
		chosen = append(chosen, name)
	}
	return chosen, nil
}
