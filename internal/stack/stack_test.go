package stack_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/stack"
)

const outputs = `[
  {"OutputKey": "EventBusName", "OutputValue": "meterbridge", "Description": "Bus to add rules to."},
  {"OutputKey": "FetchQueueUrl", "OutputValue": "https://sqs.test/1/fetch"},
  {"OutputKey": "DeadLettersUrl", "OutputValue": "https://sqs.test/1/dead"},
  {"OutputKey": "RuleDeadLettersUrl", "OutputValue": "https://sqs.test/1/rule-dead"},
  {"OutputKey": "LedgerTableName", "OutputValue": "ledger"},
  {"OutputKey": "WebhookUrl", "OutputValue": "https://api.test/webhook"}
]`

var all = stack.Addresses{
	Bus: "meterbridge", FetchQueue: "https://sqs.test/1/fetch", DeadLetters: "https://sqs.test/1/dead",
	RuleDeadLetters: "https://sqs.test/1/rule-dead", Ledger: "ledger",
}

func TestOutputsOfBothCommandsAreRead(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text string
		want stack.Addresses
		err  error
	}{
		"sam list":        {outputs, all, nil},
		"describe-stacks": {`{"Stacks": [{"StackName": "s", "Outputs": ` + outputs + `}]}`, all, nil},
		"some":            {`[{"OutputKey": "EventBusName", "OutputValue": "b"}]`, stack.Addresses{Bus: "b"}, nil},
		"two stacks":      {`{"Stacks": [{"Outputs": ` + outputs + `}, {}]}`, stack.Addresses{}, stack.ErrOutputs},
		"another stack":   {`[{"OutputKey": "Url", "OutputValue": "b"}]`, stack.Addresses{}, stack.ErrOutputs},
		"no JSON":         {`EventBusName = b`, stack.Addresses{}, stack.ErrOutputs},
		"empty":           {``, stack.Addresses{}, stack.ErrOutputs},
	} {
		got, err := stack.ReadOutputs([]byte(tt.text))
		if diff := cmp.Diff(tt.want, got); diff != "" || !errors.Is(err, tt.err) {
			t.Errorf("%s: error %v, want %v; -want +got:\n%s", name, err, tt.err, diff)
		}
	}
}

func TestOrFillsUnknownAddresses(t *testing.T) {
	t.Parallel()
	want := all
	want.Bus = "other"
	if diff := cmp.Diff(want, stack.Addresses{Bus: "other"}.Or(all)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
