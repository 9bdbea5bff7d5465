package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/meterbridge/meterbridge/internal/awsctl"
	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/internal/stack"
	"github.com/meterbridge/meterbridge/internal/transport"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// A target is the stack that a command acts on: the flags --stack and --local.
type target struct {
	localFlag
	name string
	yes  bool
}

const targetHelp = `--stack names a deployed stack, whose outputs are read from CloudFormation. AWS credentials and the region are found as by the
aws command: AWS_PROFILE, AWS_REGION, single sign-on. --local means the stack that meterbridge local runs here; its sandbox and
keys are used without asking.`

func (t *target) add(command *cobra.Command) {
	t.localFlag.add(command)
	command.Flags().StringVar(&t.name, "stack", "", "name of the deployed stack")
	command.MarkFlagsMutuallyExclusive("local", "stack")
}

// addAct adds the flags of a command that changes something.
func (t *target) addAct(command *cobra.Command) {
	t.add(command)
	command.Flags().BoolVarP(&t.yes, "yes", "y", false, "do not ask for confirmation")
}

var errNoTarget = errors.New("which stack? Give --stack NAME for a deployed one, or --local for the one that meterbridge local runs")

// open finds the stack.
func (t *target) open(ctx context.Context) (*awsctl.Stack, error) {
	state, err := t.find(ctx)
	if err != nil {
		return nil, err
	}
	if state == nil && t.name == "" {
		return nil, errNoTarget
	}
	service, err := stack.OperatorConfig(ctx, emulator(state))
	if err != nil {
		return nil, err
	}
	if state != nil {
		return awsctl.Local(service, state.StackName, state.Outputs, state.Parameters, state.Resources), nil
	}
	found, err := awsctl.Open(ctx, service, t.name)
	if errors.Is(err, awsctl.ErrNoStack) {
		return nil, fmt.Errorf("%w: check --stack, AWS_PROFILE and AWS_REGION, or deploy it with make deploy", err)
	}
	return found, err
}

// emulator returns where the services of a local stack are, or nil for AWS.
func emulator(s *localState) *stack.Emulator {
	if s == nil {
		return nil
	}
	return &stack.Emulator{Endpoint: s.Endpoint, Region: s.Region, AccessKeyID: s.AccessKeyID, SecretAccessKey: s.SecretKey}
}

// flag is how the target is written in a command.
func (t *target) flag() string {
	switch t.folder {
	case "":
		return "--stack " + t.name
	case ".":
		return "--local"
	}
	return "--local=" + t.folder
}

// where describes the stack for a question.
func where(s *awsctl.Stack) string {
	if s.IsLocal() {
		return fmt.Sprintf("stack %s on this machine", s.Name)
	}
	return fmt.Sprintf("stack %s in account %s, region %s", s.Name, s.Account, s.Region)
}

// A mode is Stripe's live or test mode.
type mode string

const (
	modeLive mode = "live"
	modeTest mode = "test"
)

// modeOf returns the mode of an event.
func modeOf(live bool) mode {
	if live {
		return modeLive
	}
	return modeTest
}

// keyMode returns the mode of an API key. The key of an organization, which acts only on accounts
// that a request names, is an error.
func keyMode(key string) (mode, error) {
	if err := secret.CheckAPIKey(key); err != nil {
		return "", fmt.Errorf("API key %w", err)
	}
	if secret.IsOrganization(stripeapi.Key(key)) {
		return "", errors.New("this is the key of an organization: use a key of the account whose events the stack receives")
	}
	if strings.HasPrefix(key[len("sk_"):], "live_") {
		return modeLive, nil
	}
	return modeTest, nil
}

// A stripeAccount is a Stripe account as a key sees it.
type stripeAccount struct {
	key          string
	mode         mode
	destinations *v2events.Destinations
}

// openAccount returns the account of the key that may write event destinations.
func openAccount(ctx context.Context, p process, local *localState) (*stripeAccount, error) {
	key, err := operatorKey(ctx, p, local, "API key that may write event destinations (rk_… or sk_…)")
	if err != nil {
		return nil, err
	}
	in, err := keyMode(key)
	if err != nil {
		return nil, err
	}
	api, err := stripeFor(p, key, local)
	if err != nil {
		return nil, err
	}
	return &stripeAccount{key, in, v2events.NewClient(api).Destinations()}, nil
}

// stripeFor returns a client of Stripe's API with a key: of the local stack's Stripe, or of the one in
// the environment.
func stripeFor(p process, key string, local *localState) (*stripeapi.Client, error) {
	base, _ := p.env(config.StripeAPIBase)
	if local != nil {
		base = local.StripeAPI
	}
	return stripeAt(p, key, base)
}

// stackStripe returns a client with a stack's own key, which goes where the stack sends it.
func stackStripe(p process, key string, of *awsctl.Stack, local *localState) (*stripeapi.Client, error) {
	if base, given := p.env(config.StripeAPIBase); local == nil && !given {
		return stripeAt(p, key, cmp.Or(of.Parameters["StripeApiBase"], base))
	}
	return stripeFor(p, key, local)
}

func stripeAt(p process, key, base string) (*stripeapi.Client, error) {
	version, _ := p.env(config.StripeAPIVersion)
	return stripeapi.New(stripeapi.Key(key), &stripeapi.Options{
		BaseURL: base, APIVersion: version,
		HTTPClient: &http.Client{Transport: transport.New(0), Timeout: stripeapi.DefaultTimeout},
	})
}

// operatorKey returns the API key that a command acts with: the sandbox's, that in STRIPE_API_KEY,
// or one that is asked for.
func operatorKey(ctx context.Context, p process, local *localState, purpose string) (string, error) {
	if local != nil {
		if local.StripeAPIKey == "" {
			return "", errors.New("--local: this stack uses the real Stripe, which cannot reach this machine: forward events with stripe listen")
		}
		return local.StripeAPIKey, nil
	}
	if key, _ := p.env("STRIPE_API_KEY"); key != "" {
		if err := secret.CheckAPIKey(key); err != nil {
			return "", fmt.Errorf("STRIPE_API_KEY: API key %w", err)
		}
		return key, nil
	}
	key, err := p.askSecret(ctx, purpose)
	if err != nil {
		return "", err
	}
	if err := secret.CheckAPIKey(key); err != nil {
		return "", fmt.Errorf("API key %w", err)
	}
	return key, nil
}
