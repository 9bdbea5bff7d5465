// Package awsctl asks AWS about a deployed stack, and stores its secrets, for the operator's
// commands.
//
// [Open] finds a stack by name in CloudFormation. [Local] is the stack that runs on this machine,
// which has no CloudFormation. The functions do not import this package.
package awsctl

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/ledger"
)

// ErrNoStack means that CloudFormation has no stack with the name.
var ErrNoStack = errors.New("awsctl: no such stack")

// A Stack is a deployed stack of Meterbridge. It is immutable and safe for concurrent use.
type Stack struct {
	Name    string
	ID      string // its ARN; of the local stack, a name that is the same in every run
	Account string // of 12 digits; "" for the local stack
	Region  string
	Status  string // CloudFormation's, such as UPDATE_COMPLETE; "" for the local stack

	Outputs    map[string]string
	Parameters map[string]string

	resources map[string]string // physical ids by logical id
	config    aws.Config
}

// Open returns the stack with a name in the account and region of the configuration. The error is
// [ErrNoStack], or one of AWS's; see [Explain].
func Open(ctx context.Context, config aws.Config, name string) (*Stack, error) {
	identity, err := sts.NewFromConfig(config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, Explain(fmt.Errorf("ask AWS who is calling: %w", err))
	}
	s := &Stack{
		Name: name, Account: aws.ToString(identity.Account), Region: config.Region, config: config,
		Outputs: map[string]string{}, Parameters: map[string]string{}, resources: map[string]string{},
	}
	formation := cloudformation.NewFromConfig(config)
	found, err := formation.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if refused, ok := errors.AsType[smithy.APIError](err); ok && refused.ErrorCode() == "ValidationError" && strings.Contains(refused.ErrorMessage(), "does not exist") {
		return nil, fmt.Errorf("%w: %s in account %s, region %s", ErrNoStack, name, s.Account, s.Region)
	}
	if err != nil {
		return nil, Explain(fmt.Errorf("describe stack %s: %w", name, err))
	}
	if len(found.Stacks) != 1 {
		return nil, fmt.Errorf("%w: %s in account %s, region %s", ErrNoStack, name, s.Account, s.Region)
	}
	s.describe(found.Stacks[0])
	pages := cloudformation.NewListStackResourcesPaginator(formation, &cloudformation.ListStackResourcesInput{StackName: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, Explain(fmt.Errorf("list the resources of stack %s: %w", name, err))
		}
		for _, r := range page.StackResourceSummaries {
			s.resources[aws.ToString(r.LogicalResourceId)] = aws.ToString(r.PhysicalResourceId)
		}
	}
	return s, nil
}

func (s *Stack) describe(found types.Stack) {
	s.ID, s.Status = aws.ToString(found.StackId), string(found.StackStatus)
	for _, o := range found.Outputs {
		s.Outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	for _, p := range found.Parameters {
		s.Parameters[aws.ToString(p.ParameterKey)] = aws.ToString(p.ParameterValue)
	}
}

// Local returns the stack that runs on this machine. The configuration is that of its emulated
// services; the maps are copied.
func Local(config aws.Config, name string, outputs, parameters, resources map[string]string) *Stack {
	return &Stack{
		Name: name, ID: "local/" + name, Region: config.Region, config: config,
		Outputs: maps.Clone(outputs), Parameters: maps.Clone(parameters), resources: maps.Clone(resources),
	}
}

// IsLocal reports whether the stack runs on this machine.
func (s *Stack) IsLocal() bool { return s.Account == "" }

// Config returns the configuration for clients of other services.
func (s *Stack) Config() aws.Config { return s.config }

// Output returns an output, or an error that says what to do if the stack has none of this name.
func (s *Stack) Output(name string) (string, error) {
	if value := s.Outputs[name]; value != "" {
		return value, nil
	}
	return "", fmt.Errorf("stack %s has no output %s: it is not a stack of Meterbridge, or its deployment has failed (status %s)", s.Name, name, s.Status)
}

// Ledger returns the stack's ledger.
func (s *Stack) Ledger() (*ledger.Ledger, error) {
	table, err := s.Output("LedgerTableName")
	if err != nil {
		return nil, err
	}
	return ledger.New(dynamodb.NewFromConfig(s.config), table, nil), nil
}

// Bus returns the stack's bus.
func (s *Stack) Bus() (*bus.Bus, error) {
	name, err := s.Output("EventBusName")
	if err != nil {
		return nil, err
	}
	return bus.New(eventbridge.NewFromConfig(s.config), name, nil), nil
}

// Resource returns the physical id of a resource, or "" if the stack has none with this logical id.
func (s *Stack) Resource(logicalID string) string { return s.resources[logicalID] }

// Types returns the event types that the stack fetches.
func (s *Stack) Types() []string {
	types := strings.FieldsFunc(s.Parameters["FetchedTypes"], func(r rune) bool { return r == ',' || r == ' ' })
	slices.Sort(types)
	return slices.Compact(types)
}

// Explain adds the next step to errors of AWS that every command can meet: expired credentials,
// missing permissions.
func Explain(err error) error {
	refused, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return err
	}
	switch code := refused.ErrorCode(); {
	case strings.HasPrefix(code, "ExpiredToken"), code == "RequestExpired":
		return fmt.Errorf("%w: log in again (aws sso login), or check this machine's clock", err)
	case code == "InvalidClientTokenId", code == "UnrecognizedClientException", code == "SignatureDoesNotMatch":
		return fmt.Errorf("%w: the credentials are not valid: log in as for the aws command, or set AWS_PROFILE", err)
	case strings.HasPrefix(code, "AccessDenied"), code == "UnauthorizedOperation", code == "AuthorizationError":
		return fmt.Errorf("%w: docs/commands.md lists the permissions that each command needs", err)
	}
	return err
}
