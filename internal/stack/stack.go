// Package stack finds the resources of a deployed stack and configures the AWS SDK.
//
// [Addresses] are the names and URLs that the operator's commands act on. [OperatorConfig]
// configures the AWS SDK for such a command, and [FunctionConfig] for a Lambda function of the
// stack.
package stack

import (
	"cmp"
	"encoding/json"
	"errors"
)

// ErrOutputs means that a text is not a list of a stack's outputs.
var ErrOutputs = errors.New("stack: not the outputs of a stack")

// Addresses are the names and URLs of a deployed stack's resources. An unknown one is empty.
type Addresses struct {
	Bus             string // name or ARN of the event bus
	FetchQueue      string // URL of the queue that feeds the fetcher
	DeadLetters     string // URL of the queue for events that the fetcher or SQS gave up
	RuleDeadLetters string // URL of the queue for events that a rule could not deliver
	Ledger          string // name of the ledger's table
}

// ReadOutputs reads Addresses from the JSON that either of these commands prints, and ignores other
// outputs:
//
//	sam list stack-outputs --stack-name NAME --output json
//	aws cloudformation describe-stacks --stack-name NAME
//
// The error is [ErrOutputs], including if none of the outputs is one of Meterbridge's.
func ReadOutputs(text []byte) (Addresses, error) {
	type output struct{ OutputKey, OutputValue string }
	var list []output
	if json.Unmarshal(text, &list) != nil {
		var described struct{ Stacks []struct{ Outputs []output } }
		if err := json.Unmarshal(text, &described); err != nil || len(described.Stacks) != 1 {
			return Addresses{}, ErrOutputs
		}
		list = described.Stacks[0].Outputs
	}
	values := map[string]string{}
	for _, o := range list {
		values[o.OutputKey] = o.OutputValue
	}
	a := FromOutputs(values)
	if a == (Addresses{}) {
		return Addresses{}, ErrOutputs
	}
	return a, nil
}

// FromOutputs returns the Addresses among a stack's outputs, which are given by name.
func FromOutputs(values map[string]string) Addresses {
	return Addresses{
		Bus: values["EventBusName"], FetchQueue: values["FetchQueueUrl"], DeadLetters: values["DeadLettersUrl"],
		RuleDeadLetters: values["RuleDeadLettersUrl"], Ledger: values["LedgerTableName"],
	}
}

// Or returns a with each unknown address filled in from other.
func (a Addresses) Or(other Addresses) Addresses {
	return Addresses{
		Bus:             cmp.Or(a.Bus, other.Bus),
		FetchQueue:      cmp.Or(a.FetchQueue, other.FetchQueue),
		DeadLetters:     cmp.Or(a.DeadLetters, other.DeadLetters),
		RuleDeadLetters: cmp.Or(a.RuleDeadLetters, other.RuleDeadLetters),
		Ledger:          cmp.Or(a.Ledger, other.Ledger),
	}
}
