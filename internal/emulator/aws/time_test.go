package aws_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	emulator "github.com/meterbridge/meterbridge/internal/emulator/aws"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
)

// TestHastenSkipsTheWaiting: an event that Stripe does not know is tried for minutes before it is parked, at a clock that runs in
// real time.
func TestHastenSkipsTheWaiting(t *testing.T) {
	t.Parallel()
	h := newHarness(t, setup{})
	h.deliverSigned([]byte(`{"id":"evt_missing_1","object":"v2.core.event","type":"v2.core.event_destination.ping","created":"2026-01-02T03:04:05Z","livemode":false}`))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := h.stack.Hasten(ctx); err != nil {
		t.Fatalf("Hasten: %v\n%s", err, h.log())
	}
	parked, stored := h.all(activity.Parked), h.all(activity.Put)
	if len(parked) != 1 || parked[0].EventID != "evt_missing_1" {
		t.Fatalf("parked = %+v, want evt_missing_1\n%s", parked, h.log())
	}
	if took := parked[0].Time.Sub(stored[0].Time); took < 5*time.Minute {
		t.Errorf("parked %v after it was stored by the stack's clock, want the minutes that all its waits add up to", took)
	}
}

// TestHastenEndsWithItsContext: a message that no function ever takes for good keeps the stack from being quiet.
func TestHastenEndsWithItsContext(t *testing.T) {
	t.Parallel()
	h := newHarness(t, setup{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h.deliverSigned([]byte(`{"id":"evt_missing_2","object":"v2.core.event","type":"v2.core.event_destination.ping","created":"2026-01-02T03:04:05Z","livemode":false}`))
	if err := h.stack.Hasten(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Hasten = %v, want context.Canceled", err)
	}
}

// TestCompressedTimeoutIsToldToTheFunction: a function that a queue feeds meets the clock's factor in its deadline, one that nobody
// feeds does not.
func TestCompressedTimeoutIsToldToTheFunction(t *testing.T) {
	t.Parallel()
	h, put := small(t, `
  Jobs: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 120}}
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !GetAtt Bus.Name
      EventPattern: {source: [x]}
      Targets: [{Id: Jobs, Arn: !GetAtt Jobs.Arn}]
  Fed:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {NAME: fed, TELL_TIME: "yes"}}
      Events: {Jobs: {Type: SQS, Properties: {Queue: !GetAtt Jobs.Arn}}}
  Called:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {NAME: called, TELL_TIME: "yes"}}
      Events: {Bus: {Type: EventBridgeRule, Properties: {EventBusName: !GetAtt Bus.Name, Pattern: {source: [x]}}}}
`)
	put("x", `{"id":"evt_1"}`)
	h.quiet()
	for _, want := range []string{"fed has over three seconds: false\n", "called has over three seconds: true\n"} { // of 20 s
		h.await(want, func() bool { return strings.Contains(h.log(), want) })
	}
}

// TestPrebuiltFunctionsAreNotBuiltAgain: the second stack takes what the first one built.
func TestPrebuiltFunctionsAreNotBuiltAgain(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	share := func(o *emulator.Options) { o.BuildDir, o.Prebuilt = folder, true }
	for n, want := range []int{1, 0} {
		h, err := openScheduled(t, share)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(h.all(activity.Built)); got != want {
			t.Errorf("stack %d built %d functions, want %d", n+1, got, want)
		}
		if got := h.stack.RunSchedules(); len(got) == 0 {
			t.Errorf("stack %d has no function to run", n+1)
		}
		h.quiet()
	}
}

// TestRotate: the secret has the new value, and the last one is still there as the previous.
func TestRotate(t *testing.T) {
	t.Parallel()
	h, _ := small(t, `
  Secret: {Type: AWS::SecretsManager::Secret, Properties: {Name: password, SecretString: old}}
  Keeper:
    Type: AWS::Serverless::Function
    Properties: {Environment: {Variables: {PASSWORD_ID: !Ref Secret, OTHER_ID: missing}}}
`)
	if err := h.stack.Rotate("PASSWORD_ID", "new"); err != nil {
		t.Fatal(err)
	}
	if err := h.stack.Rotate("OTHER_ID", "new"); err == nil || !strings.Contains(err.Error(), "OTHER_ID") {
		t.Errorf("Rotate of a secret that does not exist = %v, want an error that names the variable", err)
	}
	env := client(h.stack.AWS()).Options()
	secrets := secretsmanager.New(secretsmanager.Options{BaseEndpoint: env.BaseEndpoint, Region: env.Region, Credentials: env.Credentials})
	for stage, want := range map[string]string{"AWSCURRENT": "new", "AWSPREVIOUS": "old"} {
		output, err := secrets.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{
			SecretId: aws.String("password"), VersionStage: &stage,
		})
		if err != nil || aws.ToString(output.SecretString) != want {
			t.Errorf("%s: %v, %v; want %s", stage, output, err, want)
		}
	}
}
