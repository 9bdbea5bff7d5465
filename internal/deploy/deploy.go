// Package deploy prepares make deploy: it merges the parameters of samconfig.toml with those of the
// command line, and checks the account for problems that would make the deployment fail after
// minutes.
//
// [ReadEnvironment] and [ParseParameters] read the two layers of parameters, and [Plan] returns
// those to deploy with. The package calls AWS through the AWS CLI. It changes nothing, except that
// it deletes a stack whose first deployment was rolled back.
package deploy

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// A Deployment is the input of make deploy.
type Deployment struct {
	Environment Environment
	Overrides   Parameters // from the command line; they override the environment's
	Template    []byte     // text of template.yaml
	Region      string     // region to deploy to
	AWS         AWS        // nil if the AWS CLI is not installed
	Out         io.Writer  // messages about findings and decisions
}

// ErrBlocked marks an error that only the operator can remove. The text around it says how.
var ErrBlocked = errors.New("nothing was deployed")

// Plan checks the account and returns the parameters to deploy with. If the AWS CLI is not
// installed, or a check is not permitted, it says so and continues; the deployment then fails if
// something is wrong. An error that wraps [ErrBlocked] says what is in the way and how to remove
// it.
func (d *Deployment) Plan(ctx context.Context) (Parameters, error) {
	parameters := d.Environment.Parameters.With(d.Overrides)
	if d.AWS == nil {
		d.say("The AWS CLI is not installed, so nothing is checked in the account: neither whether something of the same name is in the way nor the Lambda quota.")
	}
	deployed, err := d.stack(ctx)
	if err != nil {
		return nil, err
	}
	if err := d.checkNames(parameters, deployed.parameters); err != nil {
		return nil, err
	}
	if err := d.checkNumbers(parameters); err != nil {
		return nil, err
	}
	template, err := d.resolve(parameters, deployed.parameters)
	if err != nil {
		return nil, err
	}
	if err := checkConfigurations(template); err != nil {
		return nil, err
	}
	if err := checkCeilings(template); err != nil {
		return nil, err
	}
	d.warnOfFlight(template)
	if d.AWS == nil {
		d.withoutQuota(parameters)
		return parameters, nil
	}
	if err := d.findObstacles(ctx, template, deployed); err != nil {
		return nil, err
	}
	return d.reserveConcurrency(ctx, parameters, deployed), nil
}

func (d *Deployment) say(format string, arguments ...any) {
	fmt.Fprintf(d.Out, format+"\n", arguments...)
}

// resolve resolves the template, which detects unknown parameters and values that are not allowed.
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

// maxStackName is the longest name of a stack without a ShortName: with "-bus-errors" appended, it
// fits into the 60 characters that CloudWatch Logs allows for the name of a delivery source.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutDeliverySource.html
const maxStackName = 49

// stackName matches the names that CloudFormation accepts for a stack.
var stackName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*$`)

// checkNames checks the names of the stack and of its bus.
func (d *Deployment) checkNames(given, deployed Parameters) error {
	name := d.Environment.Stack
	value := func(parameter string) string {
		if text, isGiven := given[parameter]; isGiven {
			return text
		}
		return deployed[parameter]
	}
	switch {
	case !stackName.MatchString(name):
		return fmt.Errorf("%w: stack_name = %q: a stack's name starts with a letter, and has only letters, digits and hyphens", ErrBlocked, name)
	case len(name) > maxStackName && value("ShortName") == "":
		return fmt.Errorf("%w: stack_name = %q has %d characters, and names that are made from it have room for %d. Shorten it, or give another name to make them from: PARAMETERS='ShortName=…'",
			ErrBlocked, name, len(name), maxStackName)
	case cmp.Or(value("BusName"), name) == "default":
		return fmt.Errorf("%w: no bus can be created with the name default, which every account's own has. Give it another: PARAMETERS='BusName=meterbridge'", ErrBlocked)
	}
	return nil
}

var (
	// wholeNumber and decimalNumber match numbers in plain notation. CloudFormation also accepts
	// other notations, such as 1e1 or 00, passes them on unchanged, and compares them as text:
	// ArchiveDays=00 would create an archive that keeps events forever.
	wholeNumber   = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})$`)
	decimalNumber = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})(\.[0-9]*[1-9])?$`)
)

// fractional lists the parameters of type Number that can be fractions.
var fractional = []string{"StripeRateLimit", "ReconcileRateLimit", "WebhookThrottleRate"}

// checkNumbers checks the notation of the given numbers.
func (d *Deployment) checkNumbers(given Parameters) error {
	var template struct {
		Parameters map[string]struct {
			Type string `yaml:"Type"`
		} `yaml:"Parameters"`
	}
	if err := yaml.Unmarshal(d.Template, &template); err != nil {
		return fmt.Errorf("template.yaml: %w", err)
	}
	var faults []string
	for _, name := range slices.Sorted(maps.Keys(given)) {
		want, form := wholeNumber, "a whole number"
		if slices.Contains(fractional, name) {
			want, form = decimalNumber, "a number"
		}
		if template.Parameters[name].Type == "Number" && !want.MatchString(given[name]) {
			faults = append(faults, fmt.Sprintf("%s=%s is not %s from 0, written in digits", name, given[name], form))
		}
	}
	if len(faults) > 0 {
		return fmt.Errorf("%w: %s", ErrBlocked, strings.Join(faults, "\n"))
	}
	return nil
}

// checkConfigurations reads the environment of each function as the function does. With a fault in
// it the function would not start, although the deployment would succeed.
func checkConfigurations(template *sam.Template) error {
	var faults []error
	for id, load := range map[string]func(config.Lookup) error{
		"WebhookFunction":    func(l config.Lookup) error { _, err := config.LoadWebhook(l); return err },
		"FetcherFunction":    func(l config.Lookup) error { _, err := config.LoadFetcher(l); return err },
		"ReconcilerFunction": func(l config.Lookup) error { _, err := config.LoadReconciler(l); return err },
	} {
		function, ok := template.Resource(id)
		if !ok {
			continue
		}
		environment, _ := function.Properties["Environment"].(map[string]any)
		variables, _ := environment["Variables"].(map[string]any)
		err := load(func(name string) (string, bool) {
			value, set := variables[name]
			return fmt.Sprint(value), set
		})
		if err != nil {
			faults = append(faults, fmt.Errorf("%s would not start: %w", id, err))
		}
	}
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("%w: %w\nEach variable is set from the parameter with the same name", ErrBlocked, err)
	}
	return nil
}

// Limits that neither CloudFormation's parameters nor SAM can express.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const (
	maxPattern     = 2048    // characters of an event pattern
	maxEnvironment = 4096    // bytes of a function's environment
	maxInFlight    = 120_000 // messages of a queue in flight, including those that wait for a retry
	longestWait    = 3600    // longest wait of a deferred message, in seconds
)

// checkCeilings looks for rules and functions that AWS would refuse because FetchedTypes or
// ReconcileContexts is too long.
func checkCeilings(template *sam.Template) error {
	var faults []string
	for _, r := range template.Resources {
		switch r.Type {
		case "AWS::Events::Rule":
			pattern, err := json.Marshal(r.Properties["EventPattern"])
			if err != nil {
				return err
			}
			if len(pattern) > maxPattern {
				faults = append(faults, fmt.Sprintf("the pattern of %s has %d characters, and EventBridge allows %d: shorten FetchedTypes, and add a rule of your own for the other types",
					r.LogicalID, len(pattern), maxPattern))
			}
		case "AWS::Serverless::Function":
			if size := environmentSize(r); size > maxEnvironment {
				faults = append(faults, fmt.Sprintf("the environment of %s has %d bytes, and Lambda allows %d: shorten FetchedTypes or ReconcileContexts",
					r.LogicalID, size, maxEnvironment))
			}
		}
	}
	if len(faults) > 0 {
		return fmt.Errorf("%w: %s", ErrBlocked, strings.Join(faults, "\n"))
	}
	return nil
}

// environmentSize returns the size of a function's environment as JSON, which is more than AWS
// counts.
func environmentSize(r sam.Resource) int {
	environment, _ := r.Properties["Environment"].(map[string]any)
	encoded, err := json.Marshal(environment["Variables"])
	if err != nil {
		return 0
	}
	return len(encoded)
}

// warnOfFlight warns if the messages that are deferred in an hour of failures do not fit into the
// queue. No message is lost then, but none is processed either until some of them are visible
// again.
func (d *Deployment) warnOfFlight(template *sam.Template) {
	instances, _ := strconv.ParseFloat(template.Parameters["FetcherConcurrency"], 64)
	rate, _ := strconv.ParseFloat(template.Parameters["StripeRateLimit"], 64)
	switch waiting := instances * rate * longestWait; {
	case rate == 0:
		d.say("StripeRateLimit=0 sets no limit. If Stripe fails for an hour while more than %d events wait, the queue delivers nothing until their waits end.", maxInFlight)
	case waiting > maxInFlight:
		d.say("FetcherConcurrency × StripeRateLimit is %.0f requests per second. If Stripe fails for an hour, %.0f events wait, more than the %d that SQS allows in flight:\n"+
			"the queue then delivers nothing until their waits end. At most %d per second avoids that.", instances*rate, waiting, maxInFlight, maxInFlight/longestWait)
	}
}

const reserved = "WebhookReservedConcurrency"

// leastUnreserved is the concurrency that Lambda requires to be left for functions that reserve
// none: https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html.
const leastUnreserved = 100

// reserveConcurrency decides how much concurrency the webhook reserves. It does not request more
// than the account's quota allows, because Lambda would refuse it and CloudFormation would roll the
// deployment back.
func (d *Deployment) reserveConcurrency(ctx context.Context, parameters Parameters, deployed stack) Parameters {
	held := deployed.concurrency()
	wanted := held
	if value, given := parameters[reserved]; given {
		wanted, _ = strconv.Atoi(value) // the template accepts only numbers
	} else if d.Environment.Reserve > 0 {
		wanted = d.Environment.Reserve
	}
	quota, unreserved, err := d.quota(ctx)
	switch {
	case err != nil:
		d.say("Lambda's concurrency quota could not be read (%v).", err)
		d.withoutQuota(parameters)
		return parameters
	case wanted == 0:
		d.say("Lambda concurrency: none is reserved for the webhook. The account's quota is %d, of which %d are unreserved.", quota, unreserved)
	case wanted <= held:
		d.say("Lambda concurrency: %d stay reserved for the webhook. The account's quota is %d, of which %d are unreserved.", wanted, quota, unreserved)
	case unreserved+held-wanted >= leastUnreserved:
		d.say("Lambda concurrency: %d are reserved for the webhook. That leaves %d of the account's quota of %d unreserved.", wanted, unreserved+held-wanted, quota)
	case deployed.unknown: // 0 would remove a reservation that the stack may have
		d.say("Lambda concurrency: %d are not reserved for the webhook, which keeps what it has. Of the account's quota of %d, %d are unreserved, and Lambda keeps %d of them unreserved.",
			wanted, quota, unreserved, leastUnreserved)
		kept := parameters.With(nil)
		delete(kept, reserved)
		return kept
	default:
		d.say("Lambda concurrency: %d are not reserved for the webhook; it keeps %d. The account's quota is %d, of which %d are unreserved, and Lambda keeps %d of them unreserved.\n"+
			"To reserve more, request an increase of the quota \"Concurrent executions\" of Lambda.", wanted, held, quota, unreserved, leastUnreserved)
		wanted = held
	}
	if _, given := parameters[reserved]; !given && wanted == held {
		return parameters
	}
	return parameters.With(Parameters{reserved: strconv.Itoa(wanted)})
}

// withoutQuota explains what happens if the quota is unknown: only a reservation given as a
// parameter is passed on.
func (d *Deployment) withoutQuota(parameters Parameters) {
	if value, given := parameters[reserved]; given && value != "0" {
		d.say("%s=%s was not compared with the account's quota. If that leaves fewer than %d unreserved, the deployment is rolled back.", reserved, value, leastUnreserved)
	} else if !given && d.Environment.Reserve > 0 {
		d.say("%d would be reserved for the webhook, but the account's quota may not allow it: the stack keeps what it reserves now.", d.Environment.Reserve)
	}
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
