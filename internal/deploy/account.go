package deploy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// AWS runs the AWS CLI with these arguments and returns its output. An error contains the CLI's own
// message.
type AWS func(ctx context.Context, arguments ...string) ([]byte, error)

// FindAWS returns the AWS CLI of this machine for a region and a profile, either of which can be
// empty, or nil if it is not installed.
func FindAWS(region, profile string) AWS {
	program, err := exec.LookPath("aws")
	if err != nil {
		return nil
	}
	common := []string{"--cli-connect-timeout", "5", "--cli-read-timeout", "30"}
	if region != "" {
		common = append(common, "--region", region)
	}
	if profile != "" {
		common = append(common, "--profile", profile)
	}
	return func(ctx context.Context, arguments ...string) ([]byte, error) {
		command := exec.CommandContext(ctx, program, append(arguments, common...)...)
		command.Env = append(os.Environ(), "AWS_PAGER=", "AWS_MAX_ATTEMPTS=2")
		var stderr bytes.Buffer
		command.Stderr = &stderr
		out, err := command.Output()
		if message := strings.Join(strings.Fields(stderr.String()), " "); err != nil && message != "" {
			err = errors.New(message)
		}
		return out, err
	}
}

// stack is a deployed stack. The zero value means that there is none.
type stack struct {
	status     string
	parameters Parameters
	unknown    bool // the stack could not be looked up, so it may exist
}

// concurrency returns the concurrency that the stack's webhook reserves.
func (s stack) concurrency() int {
	n, _ := strconv.Atoi(s.parameters[reserved])
	return n
}

// stack looks up the stack. A stack whose first deployment was rolled back is deleted: it cannot be
// updated, and contains no data, because its resources are kept only once their creation succeeded
// (RetainExceptOnCreate).
func (d *Deployment) stack(ctx context.Context) (stack, error) {
	if d.AWS == nil {
		return stack{}, nil
	}
	name := d.Environment.Stack
	s, err := d.describe(ctx, name)
	if err != nil && !strings.Contains(err.Error(), "An error occurred (") { // not AWS's answer
		d.say("The AWS CLI got no answer (%v), so nothing is checked in the account.", err)
		d.AWS = nil
		return stack{unknown: true}, nil
	}
	if err != nil {
		d.say("The stack %s could not be looked up (%v).", name, err)
		return stack{unknown: true}, nil
	}
	switch {
	case s.status == "ROLLBACK_COMPLETE" || s.status == "ROLLBACK_FAILED":
		d.say("The first deployment of %s was rolled back. Such a stack cannot be updated, so it is deleted now.", name)
		if err := d.delete(ctx, name); err != nil {
			return stack{}, fmt.Errorf("%w: the stack %s, whose first deployment was rolled back, could not be deleted: %w\n"+
				"Look at its resources with: aws cloudformation describe-stack-events --stack-name %s", ErrBlocked, name, err, name)
		}
		return stack{}, nil
	case s.status == "REVIEW_IN_PROGRESS": // a change set that was never executed: nothing exists
		return stack{}, nil
	case s.status == "DELETE_FAILED":
		return stack{}, fmt.Errorf("%w: the deletion of the stack %s failed, and such a stack cannot be updated.\n"+
			"See why with: aws cloudformation describe-stack-events --stack-name %s\nThen finish it with: sam delete --stack-name %s", ErrBlocked, name, name, name)
	case s.status == "UPDATE_ROLLBACK_FAILED":
		return stack{}, fmt.Errorf("%w: an update of the stack %s failed, and so did its rollback.\n"+
			"Finish the rollback with: aws cloudformation continue-update-rollback --stack-name %s", ErrBlocked, name, name)
	case strings.HasSuffix(s.status, "_IN_PROGRESS"):
		return stack{}, fmt.Errorf("%w: the stack %s is being changed (%s). Wait until that has finished, then run make deploy again", ErrBlocked, name, s.status)
	}
	return s, nil
}

// describe returns the zero stack if there is none.
func (d *Deployment) describe(ctx context.Context, name string) (stack, error) {
	out, err := d.AWS(ctx, "cloudformation", "describe-stacks", "--stack-name", name, "--output", "json")
	if err != nil && strings.Contains(err.Error(), "does not exist") {
		return stack{}, nil
	}
	if err != nil {
		return stack{}, err
	}
	var answer struct {
		Stacks []struct {
			StackStatus string
			Parameters  []struct{ ParameterKey, ParameterValue string }
		}
	}
	if err := json.Unmarshal(out, &answer); err != nil || len(answer.Stacks) != 1 {
		return stack{}, errors.Join(errors.New("cloudformation describe-stacks did not return a stack"), err)
	}
	s := stack{status: answer.Stacks[0].StackStatus, parameters: Parameters{}}
	for _, p := range answer.Stacks[0].Parameters {
		s.parameters[p.ParameterKey] = p.ParameterValue
	}
	return s, nil
}

func (d *Deployment) delete(ctx context.Context, name string) error {
	if _, err := d.AWS(ctx, "cloudformation", "delete-stack", "--stack-name", name); err != nil {
		return err
	}
	_, err := d.AWS(ctx, "cloudformation", "wait", "stack-delete-complete", "--stack-name", name)
	return err
}

// A named resource has a name chosen by the template, so an existing resource, in another stack or
// in none, can be in its way.
type named struct {
	property string                     // property with the name
	lookUp   func(name string) []string // AWS CLI command that prints the resource, or nothing
	remove   func(name string) (command string)
}

// namedTypes are the types of the template whose names are unique in an account and region.
var namedTypes = map[string]named{
	"AWS::Events::EventBus": {"Name",
		func(name string) []string { return []string{"events", "describe-event-bus", "--name", name} },
		nil},
	"AWS::Logs::LogGroup": {"LogGroupName",
		func(name string) []string {
			return []string{"logs", "describe-log-groups", "--log-group-name-prefix", name,
				"--query", "logGroups[?logGroupName=='" + name + "'].logGroupName"}
		},
		func(name string) string { return "aws logs delete-log-group --log-group-name " + name }},
	"AWS::Logs::DeliverySource": {"Name",
		func(name string) []string { return []string{"logs", "get-delivery-source", "--name", name} },
		func(name string) string { return "aws logs delete-delivery-source --name " + name }},
	"AWS::Logs::DeliveryDestination": {"Name",
		func(name string) []string { return []string{"logs", "get-delivery-destination", "--name", name} },
		func(name string) string { return "aws logs delete-delivery-destination --name " + name }},
	"AWS::CloudWatch::Dashboard": {"DashboardName",
		func(name string) []string {
			return []string{"cloudwatch", "list-dashboards", "--dashboard-name-prefix", name,
				"--query", "DashboardEntries[?DashboardName=='" + name + "'].DashboardName"}
		},
		func(name string) string { return "aws cloudwatch delete-dashboards --dashboard-names " + name }},
	"AWS::EventSchemas::Registry": {"RegistryName",
		func(name string) []string { return []string{"schemas", "describe-registry", "--registry-name", name} },
		func(name string) string { return "aws schemas delete-registry --registry-name " + name }},
}

// notFound matches the AWS CLI's messages about resources that do not exist.
var notFound = regexp.MustCompile(`\((\w*NotFound\w*)\)`)

// exists reports whether a named resource exists. An error means that this could not be determined.
func (d *Deployment) exists(ctx context.Context, n named, name string) (bool, error) {
	out, err := d.AWS(ctx, append(n.lookUp(name), "--output", "text")...)
	if err != nil && notFound.MatchString(err.Error()) {
		return false, nil
	}
	answer := strings.TrimSpace(string(out))
	return err == nil && answer != "" && answer != "None", err
}

// findObstacles looks for resources that have a name from the template but do not belong to the
// stack. CloudFormation would find them after minutes, and roll back.
func (d *Deployment) findObstacles(ctx context.Context, template *sam.Template, deployed stack) error {
	if deployed.unknown { // otherwise its own resources would be reported as obstacles
		d.say("It was not checked whether anything is in the way of %s.", d.Environment.Stack)
		return nil
	}
	own, err := d.owned(ctx, deployed)
	if err != nil {
		d.say("The resources of %s could not be listed (%v), so it was not checked whether anything is in their way.", d.Environment.Stack, err)
		return nil
	}
	var obstacles []string
	for _, resource := range template.Resources {
		n, ok := namedTypes[resource.Type]
		name, hasName := resource.Properties[n.property].(string)
		if !ok || !hasName || slices.Contains(own, [2]string{resource.Type, name}) {
			continue
		}
		exists, err := d.exists(ctx, n, name)
		switch {
		case err != nil:
			d.say("It was not checked whether %s %s is in the way (%v).", resource.Type, name, err)
		case exists:
			obstacles = append(obstacles, d.obstacle(ctx, resource.Type, n, name))
		}
	}
	if len(obstacles) == 0 {
		return nil
	}
	return fmt.Errorf("%w, because names that the stack %s needs are taken:\n\n  - %s", ErrBlocked, d.Environment.Stack, strings.Join(obstacles, "\n  - "))
}

// owned lists the stack's resources, each by its type and physical name.
func (d *Deployment) owned(ctx context.Context, deployed stack) ([][2]string, error) {
	if deployed.status == "" {
		return nil, nil
	}
	out, err := d.AWS(ctx, "cloudformation", "list-stack-resources", "--stack-name", d.Environment.Stack,
		"--query", "StackResourceSummaries[].[ResourceType, PhysicalResourceId]", "--output", "json")
	if err != nil {
		return nil, err
	}
	var resources [][2]string
	if err := json.Unmarshal(out, &resources); err != nil {
		return nil, fmt.Errorf("cloudformation list-stack-resources: %w", err)
	}
	for i, r := range resources {
		if strings.HasPrefix(r[1], "arn:") { // some types are identified by their ARN
			resources[i][1] = r[1][strings.LastIndexAny(r[1], ":/")+1:]
		}
	}
	return resources, nil
}

// obstacle explains what to do about a resource that exists.
func (d *Deployment) obstacle(ctx context.Context, resourceType string, n named, name string) string {
	owner := d.owner(ctx, name)
	switch {
	case n.remove == nil:
		return d.takenBus(ctx, n, name, owner)
	case owner != "":
		return fmt.Sprintf("%s %s belongs to the stack %s. Give this stack another name, stack_name in samconfig.toml.", resourceType, name, owner)
	}
	return fmt.Sprintf("%s %s exists, but the stack %s does not own it. If nothing else uses it, delete it:\n      %s",
		resourceType, name, d.Environment.Stack, n.remove(name))
}

// owner returns the stack that a resource with this physical name belongs to, or "" if it belongs
// to none or that could not be determined. Resources that a deleted stack retained belong to none.
func (d *Deployment) owner(ctx context.Context, name string) string {
	out, err := d.AWS(ctx, "cloudformation", "describe-stack-resources", "--physical-resource-id", name,
		"--query", "StackResources[?!starts_with(ResourceStatus, 'DELETE_')] | [0].StackName", "--output", "text")
	if owner := strings.TrimSpace(string(out)); err == nil && owner != "None" {
		return owner
	}
	return ""
}

// takenBus explains what to do about an existing bus, which belongs to the stack owner unless that
// is "".
func (d *Deployment) takenBus(ctx context.Context, n named, name, owner string) string {
	free := ""
	for i := 2; free == "" && i < 10; i++ {
		candidate := d.Environment.Stack + "-" + strconv.Itoa(i)
		if exists, err := d.exists(ctx, n, candidate); err == nil && !exists {
			free = candidate
		}
	}
	if free == "" {
		free = d.Environment.Stack + "-…"
	}
	environment := ""
	if d.Environment.Name != "default" {
		environment = " ENVIRONMENT=" + d.Environment.Name
	}
	others := ""
	if len(d.Overrides) > 0 {
		others = "… "
	}
	command := fmt.Sprintf("make deploy%s PARAMETERS='%sBusName=%s'", environment, others, free)
	if owner != "" {
		return fmt.Sprintf("the event bus %s belongs to the stack %s. Give the new stack's bus another name:\n      %s", name, owner, command)
	}
	return fmt.Sprintf(`the event bus %s exists, but the stack %s does not own it. A stack that was deleted with
    KeepData=Retain leaves its bus, with the archive and the consumers' rules. Either keep that bus and
    give the new stack's another name, to which consumers move their rules:
      %s
    or, if nothing else uses it, delete what the old stack left, as docs/deploy.md shows under "Remove it".`, name, d.Environment.Stack, command)
}
