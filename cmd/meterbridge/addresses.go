package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/meterbridge/meterbridge/internal/awsctl"
	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/stack"
)

// ruleDeadLetterQueueURL is not in config, because no function reads the variable.
const ruleDeadLetterQueueURL = "RULE_DEAD_LETTER_QUEUE_URL"

// addressHelp is the end of the help of each command that works on a deployed stack.
const addressHelp = targetHelp + `

Without either, the stack's addresses are taken from flags, then from the file of --outputs, then from the environment, so that
CloudFormation is not asked.`

// An address is one resource of a deployed stack that a command needs.
type address struct {
	flag, env, usage string
	field            func(*stack.Addresses) *string // where its value is stored
}

var (
	addressQueue           = address{"queue", config.FetchQueueURL, "URL of the queue that feeds the fetcher", func(s *stack.Addresses) *string { return &s.FetchQueue }}
	addressDeadLetters     = address{"dead-letters", config.DeadLetterQueueURL, "URL of the queue of events that the fetcher gave up", func(s *stack.Addresses) *string { return &s.DeadLetters }}
	addressRuleDeadLetters = address{"rule-dead-letters", ruleDeadLetterQueueURL, "URL of the queue of events that rules could not deliver", func(s *stack.Addresses) *string { return &s.RuleDeadLetters }}
	addressBus             = address{"bus", config.EventBusName, "name or ARN of the event bus", func(s *stack.Addresses) *string { return &s.Bus }}
	addressLedger          = address{"ledger", config.LedgerTable, "name of the ledger's table", func(s *stack.Addresses) *string { return &s.Ledger }}
)

// stackFlags are the flags for the addresses of a stack, or for the stack itself.
type stackFlags struct {
	target
	outputs   string
	given     stack.Addresses
	addresses []address
	deployed  *awsctl.Stack // the one that --stack or --local names
}

func (f *stackFlags) add(command *cobra.Command, addresses ...address) {
	f.addresses = addresses
	f.target.add(command)
	flags := command.Flags()
	flags.StringVar(&f.outputs, "outputs", "", "file with the stack's outputs, as printed by sam list stack-outputs or aws cloudformation describe-stacks")
	for _, a := range addresses {
		flags.StringVar(a.field(&f.given), a.flag, "", a.usage+" (or "+a.env+")")
	}
	command.MarkFlagsMutuallyExclusive("local", "outputs", "stack")
}

// resolve returns the addresses given by flags, outputs and environment. Earlier ones win. The local
// stack leaves nothing to the environment, which may be that of another stack.
func (f *stackFlags) resolve(ctx context.Context, p process) (stack.Addresses, error) {
	known := f.given
	if f.name != "" || f.folder != "" {
		found, err := f.open(ctx)
		if err != nil {
			return stack.Addresses{}, err
		}
		f.deployed = found
		return known.Or(stack.FromOutputs(found.Outputs)), nil
	}
	if f.outputs != "" {
		text, err := os.ReadFile(f.outputs)
		if err != nil {
			return stack.Addresses{}, fmt.Errorf("--outputs: %w", err)
		}
		outputs, err := stack.ReadOutputs(text)
		if err != nil {
			return stack.Addresses{}, fmt.Errorf("--outputs %s: %w; %s", f.outputs, err, howToList)
		}
		known = known.Or(outputs)
	}
	var environment stack.Addresses
	for _, a := range f.addresses {
		*a.field(&environment), _ = p.env(a.env)
	}
	return known.Or(environment), nil
}

const howToList = `create the file with:
  sam list stack-outputs --stack-name meterbridge --output json`

// need returns an error that names each address that is missing.
func need(known stack.Addresses, addresses ...address) error {
	var missing []string
	for _, a := range addresses {
		if *a.field(&known) == "" {
			missing = append(missing, fmt.Sprintf("--%s (or %s), the %s", a.flag, a.env, a.usage))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("missing: %s; or name the stack with --stack NAME", strings.Join(missing, "; "))
}
