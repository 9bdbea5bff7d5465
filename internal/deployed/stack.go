package deployed

import (
	"encoding/json"
	"errors"
)

// ErrOutputs means that a text holds no outputs of a stack.
var ErrOutputs = errors.New("deployed: not the outputs of a stack")

// A Stack is the addresses of a deployed stack. What is not known is empty.
type Stack struct {
	Bus             string // name or ARN of the event bus
	FetchQueue      string // URL of the queue that feeds the fetcher
	DeadLetters     string // URL of the queue for what the fetcher gave up
	RuleDeadLetters string // URL of the queue for what a rule could not deliver
	Ledger          string // name of the ledger's table
}

// output is one output of a CloudFormation stack.
type output struct{ OutputKey, OutputValue string }

// ReadOutputs reads a Stack from the JSON that either of these prints; outputs that no command needs are passed over:
//
//	sam list stack-outputs --stack-name NAME --output json
//	aws cloudformation describe-stacks --stack-name NAME
//
// The error is ErrOutputs, also if none of the outputs is Meterbridge's.
func ReadOutputs(text []byte) (Stack, error) {
	var list []output
	if json.Unmarshal(text, &list) != nil {
		var described struct{ Stacks []struct{ Outputs []output } }
		if err := json.Unmarshal(text, &described); err != nil || len(described.Stacks) != 1 {
			return Stack{}, ErrOutputs
		}
		list = described.Stacks[0].Outputs
	}
	var s Stack
	fields := map[string]*string{
		"EventBusName": &s.Bus, "FetchQueueUrl": &s.FetchQueue, "DeadLettersUrl": &s.DeadLetters,
		"RuleDeadLettersUrl": &s.RuleDeadLetters, "LedgerTableName": &s.Ledger,
	}
	for _, o := range list {
		if field := fields[o.OutputKey]; field != nil {
			*field = o.OutputValue
		}
	}
	if s == (Stack{}) {
		return Stack{}, ErrOutputs
	}
	return s, nil
}

// Or returns the stack with what is not known taken from other.
func (s Stack) Or(other Stack) Stack {
	for _, pair := range [...]struct {
		field *string
		other string
	}{
		{&s.Bus, other.Bus},
		{&s.FetchQueue, other.FetchQueue},
		{&s.DeadLetters, other.DeadLetters},
		{&s.RuleDeadLetters, other.RuleDeadLetters},
		{&s.Ledger, other.Ledger},
	} {
		if *pair.field == "" {
			*pair.field = pair.other
		}
	}
	return s
}
