// Package deploy is what make deploy does before it runs the SAM CLI: it merges the parameters of
// samconfig.toml with those of the command line, and looks at the account for what would make the
// deployment fail after minutes.
//
// [ReadEnvironment] and [ParseParameters] read the two layers of parameters, and [Plan] returns
// those to deploy with. The package calls AWS through the AWS CLI. It changes nothing, except that
// it deletes a stack whose first deployment was rolled back.
package deploy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// A Deployment is what make deploy was asked for.
type Deployment struct {
	Environment Environment
	Overrides   Parameters // of the command line; they win over the environment's
	Template    []byte     // text of template.yaml
	Region      string     // region to deploy to
	AWS         AWS        // nil if the AWS CLI is not installed
	Out         io.Writer  // what was found and decided, for people
}

// ErrBlocked marks an error that only the operator can remove. The text around it says how.
var ErrBlocked = errors.New("nothing was deployed")

// Plan looks at the account and returns the parameters to deploy with. Without the AWS CLI, and
// where the account does not let it look, it says so and continues: the deployment itself then
// finds out. An error that wraps [ErrBlocked] says what is in the way and how to remove it.
func (d *Deployment) Plan(ctx context.Context) (Parameters, error) {
	parameters := d.Environment.Parameters.With(d.Overrides)
	deployed, err := d.stack(ctx)
	if err != nil {
		return nil, err
	}
	template, err := d.resolve(parameters, deployed.parameters)
	if err != nil {
		return nil, err
	}
	if d.AWS == nil {
		d.say("The AWS CLI is not installed, so nothing was checked in the account: neither whether something of the same name is in the way nor the Lambda quota.")
		return d.withoutQuota(parameters, deployed), nil
	}
	if err := d.findObstacles(ctx, template, deployed); err != nil {
		return nil, err
	}
	return d.reserveConcurrency(ctx, parameters, deployed), nil
}

func (d *Deployment) say(format string, arguments ...any) {
	fmt.Fprintf(d.Out, format+"\n", arguments...)
}

// resolve resolves the template, which finds unknown parameters and values that it does not allow.
// Parameters that are not given keep the values of the deployed stack, unless the template has
// dropped them.
func (d *Deployment) resolve(given, deployed Parameters) (*sam.Template, error) {
	defaults, err := sam.Parse(d.Template, nil)
	if err != nil {
		return nil, err
	}
	parameters := given.With(nil)
	for name, value := range deployed {
		_, known := defaults.Parameters[name]
		if _, isGiven := given[name]; known && !isGiven {
			parameters[name] = value
		}
	}
	template, err := sam.Parse(d.Template, &sam.Options{Parameters: parameters, Region: d.Region, StackName: d.Environment.Stack})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBlocked, err)
	}
	return template, nil
}

const reserved = "WebhookReservedConcurrency"

// leastUnreserved is the concurrency that Lambda insists on keeping for functions that reserve
// none: https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html.
const leastUnreserved = 100

// reserveConcurrency takes back a reservation that the account's quota does not allow, because
// Lambda would refuse it and CloudFormation would roll the deployment back.
func (d *Deployment) reserveConcurrency(ctx context.Context, parameters Parameters, deployed stack) Parameters {
	held := deployed.concurrency()
	wanted, given := held, false
	if value, ok := parameters[reserved]; ok {
		number, err := strconv.Atoi(value)
		wanted, given = number, err == nil
	}
	quota, unreserved, err := d.quota(ctx)
	switch {
	case err != nil:
		d.say("Lambda's concurrency quota could not be read (%v).", err)
		return d.withoutQuota(parameters, deployed)
	case wanted == 0:
		d.say("Lambda concurrency: none is reserved for the webhook. The account's quota is %d, of which %d are unreserved.", quota, unreserved)
	case !given || wanted <= held:
		d.say("Lambda concurrency: %d stay reserved for the webhook. The account's quota is %d, of which %d are unreserved.", wanted, quota, unreserved)
	case unreserved+held-wanted >= leastUnreserved:
		d.say("Lambda concurrency: %d are reserved for the webhook. That leaves %d of the account's quota of %d unreserved.", wanted, unreserved+held-wanted, quota)
	default:
		d.say("Lambda concurrency: %s=%d was not applied and stays at %d. The account's quota is %d, of which %d are unreserved, and Lambda keeps %d of them unreserved.\n"+
			"To reserve it, request an increase of the quota \"Concurrent executions\" of Lambda.", reserved, wanted, held, quota, unreserved, leastUnreserved)
		return parameters.With(Parameters{reserved: strconv.Itoa(held)})
	}
	return parameters
}

// withoutQuota leaves out a reservation that comes from samconfig.toml, so that the stack keeps
// what it has. One that was typed is passed on.
func (d *Deployment) withoutQuota(parameters Parameters, deployed stack) Parameters {
	wanted, ok := parameters[reserved]
	if !ok || wanted == "0" || wanted == strconv.Itoa(deployed.concurrency()) {
		return parameters
	}
	if _, typed := d.Overrides[reserved]; typed {
		d.say("%s=%s was not compared with the account's quota. If that leaves fewer than %d unreserved, the deployment is rolled back.", reserved, wanted, leastUnreserved)
		return parameters
	}
	d.say("%s=%s of samconfig.toml is left out, because the account's quota may not allow it: the stack keeps what it reserves now.", reserved, wanted)
	parameters = parameters.With(nil)
	delete(parameters, reserved)
	return parameters
}

// quota returns the account's concurrency and how much of it no function reserves.
func (d *Deployment) quota(ctx context.Context) (quota, unreserved int, err error) {
	out, err := d.AWS(ctx, "lambda", "get-account-settings",
		"--query", "AccountLimit.[ConcurrentExecutions, UnreservedConcurrentExecutions]", "--output", "text")
	if err != nil {
		return 0, 0, err
	}
	if _, err := fmt.Sscan(string(out), &quota, &unreserved); err != nil {
		return 0, 0, fmt.Errorf("lambda get-account-settings answered %q", strings.TrimSpace(string(out)))
	}
	return quota, unreserved, nil
}
