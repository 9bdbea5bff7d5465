package faults

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrUnknown means that there is no fault of that name. The error's text lists the names that there are.
var ErrUnknown = errors.New("unknown fault")

// A Fault is one way in which the stack can be made to fail.
type Fault struct {
	Name   string // as the command line takes it
	Effect string // what happens
	Where  string // what it happens to

	share float64 // of the decisions in which it strikes
	storm bool    // whether it strikes many requests in a row rather than single ones
}

// The names of the faults.
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
)

// All returns every fault.
func All() []Fault {
	return []Fault{
		{Stripe429, "429 to many requests in a row", "requests to Stripe", 0.1, true},
		{Stripe500, "500", "requests to Stripe", 0.05, false},
		{StripeHang, "no answer, ever", "requests to Stripe", 0.01, false},
		{StripeTrickle, "the answer, byte by byte over five seconds", "requests to Stripe", 0.01, false},
		{StripeTruncate, "half of the answer", "requests to Stripe", 0.03, false},
		{StripeReset, "the connection is reset instead of an answer", "requests to Stripe", 0.03, false},
		{EventsThrottle, "ThrottlingException", "calls of PutEvents", 0.03, false},
		{EventsPartial, "some of the entries fail, the others are put", "entries of PutEvents", 0.05, false},
		{Events500, "InternalException", "calls of PutEvents", 0.03, false},
		{EventsLost, "the entries are put and the answer is lost", "calls of PutEvents", 0.01, false},
		{SecretsDown, "InternalServiceError", "calls of Secrets Manager", 0.4, false},
		{SecretsRotate, "both secrets are rotated, once", "the secrets, while requests come in", 1, false},
		{LedgerThrottle, "ProvisionedThroughputExceededException", "calls of DynamoDB", 0.04, false},
		{QueueDuplicate, "a message is stored twice", "messages sent to a queue", 0.05, false},
		{QueueReorder, "any message comes next", "messages taken from a queue", 0.2, false},
		{FunctionKill, "SIGKILL to the process, before or after its events are put", "functions at work", 0.02, false},
		{WebhookUnreachable, "the connection is closed, many times in a row", "requests to the webhook", 0.1, true},
	}
}

// Parse reads a list of names with commas between them, or "all". Its error is [ErrUnknown].
func Parse(list string) ([]string, error) {
	known := names()
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

func names() []string {
	var names []string
	for _, f := range All() {
		names = append(names, f.Name)
	}
	return names
}
