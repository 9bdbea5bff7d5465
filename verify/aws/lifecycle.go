package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"
)

// tolerance is the parameter that the checks change, and the webhook's variable with its value.
const tolerance, toleranceVariable = "SignatureTolerance", "SIGNATURE_TOLERANCE"

// lifecycle changes a parameter, lets an update fail, detects drift, deletes the stack with
// KeepData=Retain, and deploys it again.
func (w *workspace) lifecycle(ctx context.Context) (string, error) {
	s := w.ministack
	for _, step := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"change a parameter", s.parameterIsChanged},
		{"failing update", s.failingUpdateIsRolledBack},
		{"drift", s.driftIsDetected},
		{"delete", s.dataOutlivesTheStack},
		{"deploy again", s.canBeDeployedAgain},
	} {
		if err := step.run(ctx); err != nil {
			return "", fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return fmt.Sprintf("%d runs of make deploy: a changed parameter, a rolled-back update, drift, deletion with KeepData=Retain, a rolled-back first try, and a new stack beside what was left", s.deployments), nil
}

// parameterIsChanged changes one parameter, and checks that everything else is unchanged, including
// parameters and physical ids.
func (s *ministackStack) parameterIsChanged(ctx context.Context) error {
	before := s.state
	if err := s.deploy(ctx, tolerance+"=7m"); err != nil {
		return err
	}
	want := maps.Clone(before.parameters)
	want[tolerance] = "7m"
	if diff := cmp.Diff(want, s.state.parameters); diff != "" {
		return fmt.Errorf("parameters (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before.physical, s.state.physical); diff != "" {
		return fmt.Errorf("physical ids changed (-before +after):\n%s", diff)
	}
	return s.hasTolerance(ctx, "7m")
}

// hasTolerance checks the webhook's environment.
func (s *ministackStack) hasTolerance(ctx context.Context, want string) error {
	var configuration struct {
		Environment struct{ Variables map[string]string }
	}
	err := s.http(ctx, "lambda", http.MethodGet, "/2015-03-31/functions/"+s.name("WebhookFunction")+"/configuration", nil, &configuration)
	if got := configuration.Environment.Variables[toleranceVariable]; err == nil && got != want {
		err = fmt.Errorf("the webhook has %s=%s, want %s", toleranceVariable, got, want)
	}
	return err
}

// failing is a resource whose creation fails after the webhook was changed.
const failing = `
Resources:
  Fails:
    Type: AWS::Lambda::Url
    DependsOn: WebhookFunction
    Properties:
      TargetFunctionArn: none
      AuthType: AWS_IAM
`

// fail runs make deploy with a resource whose creation fails, and returns the reason.
func (s *ministackStack) fail(ctx context.Context, parameters ...string) (reason string, err error) {
	file := filepath.Join(s.checkout, "template.yaml")
	good, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(file, bytes.Replace(good, []byte("\nResources:\n"), []byte(failing), 1), 0o600); err != nil {
		return "", err
	}
	out, err := s.makeDeploy(ctx, parameters...)
	if err == nil {
		return "", fmt.Errorf("make deploy succeeded:\n%s", tail(out, 20))
	}
	if err := os.WriteFile(file, good, 0o600); err != nil {
		return "", err
	}
	if err := s.look(ctx); err != nil {
		return "", fmt.Errorf("%w\n%s", err, tail(out, 20))
	}
	reasons, err := s.reasons(ctx, s.id)
	if err == nil && !strings.Contains(reasons, "Fails: ") {
		err = fmt.Errorf("%s for another reason: %s\n%s", s.state.status, reasons, tail(out, 20))
	}
	return tail(reasons, 1), err
}

// failingUpdateIsRolledBack lets an update fail that also changes a parameter. Afterwards the stack
// must be unchanged and must work.
func (s *ministackStack) failingUpdateIsRolledBack(ctx context.Context) error {
	before := s.state
	reason, err := s.fail(ctx, tolerance+"=9m")
	if err != nil {
		return err
	}
	if want := "UPDATE_ROLLBACK_COMPLETE"; s.state.status != want {
		return fmt.Errorf("status %s, want %s", s.state.status, want)
	}
	if diff := cmp.Diff(before.parameters, s.state.parameters) + cmp.Diff(before.physical, s.state.physical); diff != "" {
		return fmt.Errorf("the rollback left differences (-before +after):\n%s", diff)
	}
	s.w.say("make deploy %s=9m with the URL of a function that does not exist: %s (%s)", tolerance, s.state.status, reason)
	if err := s.hasTolerance(ctx, "7m"); err != nil {
		return err
	}
	return s.deliverNew(ctx, "evt_test_after_rollback", secondSecret)
}

// driftIsDetected changes a queue without CloudFormation, and changes it back.
func (s *ministackStack) driftIsDetected(ctx context.Context) error {
	url := s.name("FetchQueue")
	set := func(timeout string) error {
		_, err := s.queues.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: &url, Attributes: map[string]string{"VisibilityTimeout": timeout}})
		return err
	}
	for _, step := range []struct{ timeout, want string }{
		{"360", ""},
		{"30", "FetchQueue /VisibilityTimeout: 360 → 30"},
		{"360", ""},
	} {
		if err := set(step.timeout); err != nil {
			return err
		}
		drifted, checked, err := s.drift(ctx)
		if err != nil {
			return err
		}
		if drifted != step.want {
			return fmt.Errorf("with a visibility timeout of %s: drift %q, want %q", step.timeout, drifted, step.want)
		}
		s.w.say("drift of %d resources: %q", checked, drifted)
	}
	return nil
}

// drift detects the drift of the stack. It returns the differences, and the number of resources that
// were compared.
func (s *ministackStack) drift(ctx context.Context) (differences string, checked int, err error) {
	client := s.cloudformation()
	detection, err := client.DetectStackDrift(ctx, &cloudformation.DetectStackDriftInput{StackName: &s.id})
	if err != nil {
		return "", 0, err
	}
	for range 200 {
		status, err := client.DescribeStackDriftDetectionStatus(ctx, &cloudformation.DescribeStackDriftDetectionStatusInput{
			StackDriftDetectionId: detection.StackDriftDetectionId})
		if err != nil {
			return "", 0, err
		}
		if status.DetectionStatus == types.StackDriftDetectionStatusDetectionComplete {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	drifts, err := client.DescribeStackResourceDrifts(ctx, &cloudformation.DescribeStackResourceDriftsInput{StackName: &s.id, MaxResults: aws.Int32(100)})
	if err != nil {
		return "", 0, err
	}
	var lines []string
	for _, d := range drifts.StackResourceDrifts {
		if d.StackResourceDriftStatus != types.StackResourceDriftStatusNotChecked {
			checked++
		}
		for _, p := range d.PropertyDifferences {
			lines = append(lines, fmt.Sprintf("%s %s: %s → %s", *d.LogicalResourceId, *p.PropertyPath, *p.ExpectedValue, *p.ActualValue))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "; "), checked, nil
}

// dataOutlivesTheStack deletes the stack, and checks that exactly the resources that the template
// retains still exist.
func (s *ministackStack) dataOutlivesTheStack(ctx context.Context) error {
	described, err := s.cloudformation().DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &s.id})
	if err != nil {
		return err
	}
	s.id = *described.Stacks[0].StackId
	template, err := readTemplate(filepath.Join(s.checkout, "template.yaml"))
	if err != nil {
		return err
	}
	_, err = s.command().output(ctx, s.w.tools["sam"].path, "delete", "--stack-name", ministackName, "--no-prompts")
	if err != nil {
		return err
	}
	events, err := s.events(ctx, s.id)
	if err != nil {
		return err
	}
	var want, kept []string
	for id, resource := range members(template.section("Resources")) {
		if member(resource, "DeletionPolicy") != nil {
			want = append(want, id)
		}
	}
	for _, e := range events {
		if e.ResourceStatus == types.ResourceStatusDeleteSkipped {
			kept = append(kept, *e.LogicalResourceId)
		}
	}
	slices.Sort(want)
	slices.Sort(kept)
	if diff := cmp.Diff(want, kept); diff != "" {
		return fmt.Errorf("kept resources (-want +got):\n%s", diff)
	}
	if err := s.exist(ctx, kept); err != nil {
		return err
	}
	s.w.say("sam delete: %s; kept: %s", events[0].ResourceStatus, strings.Join(kept, ", "))
	return nil
}

// exist checks that the stack's retained resources exist.
func (s *ministackStack) exist(ctx context.Context, ids []string) error {
	var problems []error
	for _, id := range ids {
		var err error
		switch s.state.types[id] {
		case "AWS::SQS::Queue":
			_, err = s.depth(ctx, id)
		case "AWS::DynamoDB::Table":
			err = s.callAs(ctx, root, "dynamodb", "DynamoDB_20120810.DescribeTable", map[string]any{"TableName": s.name(id)})
		case "AWS::Events::EventBus":
			err = s.callAs(ctx, root, "events", "AWSEvents.DescribeEventBus", map[string]any{"Name": s.name(id)})
		default:
			err = errors.New("this check cannot look for a " + s.state.types[id])
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", id, err))
		}
	}
	return errors.Join(problems...)
}

// canBeDeployedAgain deploys the stack a second time. The first one's bus is in the way, and make
// deploy must report that before it builds anything; with another name for the bus it must succeed,
// even after a first try that was rolled back.
func (s *ministackStack) canBeDeployedAgain(ctx context.Context) error {
	s.id = ministackName
	left := s.state
	parameters := []string{"StripeApiBase=" + s.stripe.Origin, "StripeRateLimit=0"}
	out, err := s.makeDeploy(ctx, parameters...)
	if err == nil {
		return fmt.Errorf("make deploy succeeded although the bus exists:\n%s", tail(out, 20))
	}
	advised := regexp.MustCompile(`BusName=[\w-]+`).FindString(out)
	if advised == "" || strings.Contains(out, "Build Succeeded") {
		return fmt.Errorf("make deploy did not say what to do:\n%s", tail(out, 40))
	}
	if _, err := s.describe(ctx, ministackName); err == nil {
		return errors.New("make deploy created a stack although the bus exists")
	}
	s.w.say("make deploy again: stopped before building, advises %s", advised)
	parameters = append(parameters, advised)
	reason, err := s.fail(ctx, parameters...)
	if err != nil {
		return err
	}
	if want := "ROLLBACK_COMPLETE"; s.state.status != want {
		return fmt.Errorf("status %s after a first deployment that failed, want %s", s.state.status, want)
	}
	s.w.say("make deploy %s with the URL of a function that does not exist: %s (%s)", advised, s.state.status, reason)
	if err := s.deploy(ctx, parameters...); err != nil {
		return err
	}
	if s.name("EventBus") == left.physical["EventBus"] {
		return fmt.Errorf("the new stack has the bus %s that the old one left", s.name("EventBus"))
	}
	if s.name("FetchQueue") == left.physical["FetchQueue"] {
		s.w.say("MiniStack's generated names have no random end: the new stack's queues and ledger have the names of those that were left")
	}
	if err := s.setSecrets(ctx); err != nil {
		return err
	}
	return s.deliverNew(ctx, "evt_test_second_stack", firstSecret)
}
