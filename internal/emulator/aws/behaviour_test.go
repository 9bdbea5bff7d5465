package aws_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	emulator "github.com/meterbridge/meterbridge/internal/emulator/aws"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
)

// TestMain makes this test binary a function where a runtime API is named: the templates below build it by copying it.
func TestMain(m *testing.M) {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		lambda.Start(echo)
		return
	}
	os.Exit(m.Run())
}

// echo prints what it got, and fails or answers as its environment says.
func echo(ctx context.Context, event json.RawMessage) (json.RawMessage, error) {
	fmt.Printf("%s got %s\n", os.Getenv("NAME"), event)
	if deadline, ok := ctx.Deadline(); os.Getenv("TELL_TIME") != "" && ok {
		fmt.Printf("%s has over three seconds: %t\n", os.Getenv("NAME"), time.Until(deadline) > 3*time.Second)
	}
	if os.Getenv("FAIL") != "" {
		return nil, errors.New("as told")
	}
	if answer := os.Getenv("ANSWER"); answer != "" {
		return json.RawMessage(answer), nil
	}
	return json.RawMessage(`null`), nil
}

// small opens a template with one bus, whose functions are copies of this binary, and returns a way to put events on the bus.
func small(t *testing.T, resources string) (*harness, func(source, detail string)) {
	t.Helper()
	source := "Transform: AWS::Serverless-2016-10-31\nGlobals: {Function: {Runtime: provided.al2023, Timeout: 20, CodeUri: .}}\nResources:\n" +
		"  Bus: {Type: AWS::Events::EventBus, Properties: {Name: bus}}\n" + resources
	h := &harness{t: t}
	stack, err := emulator.Open(t.Context(), emulator.Options{
		Template: copies(t, source), Listen: "127.0.0.1:0", Observer: activity.ObserverFunc(h.observe), ClockFactor: 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	h.stack = stack
	t.Cleanup(stack.Close)
	return h, func(source, detail string) {
		t.Helper()
		entry := types.PutEventsRequestEntry{EventBusName: aws.String("bus"), Source: &source, DetailType: aws.String("type"), Detail: &detail}
		out, err := client(h.stack.AWS()).PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{entry}})
		if err != nil || out.FailedEntryCount != 0 {
			t.Fatalf("PutEvents: %+v, %v", out, err)
		}
	}
}

// copies writes a template whose functions are built by copying this binary, and returns its path.
func copies(t *testing.T, source string) string {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for name, text := range map[string]string{
		"template.yaml": source,
		"Makefile":      "build-%:\n\tcp '" + executable + "' $(ARTIFACTS_DIR)/bootstrap\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(folder, "template.yaml")
}

// client is EventBridge's client, as the environment configures it.
func client(environment []string) *eventbridge.Client {
	env := map[string]string{}
	for _, variable := range environment {
		name, value, _ := strings.Cut(variable, "=")
		env[name] = value
	}
	return eventbridge.New(eventbridge.Options{
		BaseEndpoint: aws.String(env["AWS_ENDPOINT_URL"]), Region: env["AWS_REGION"], RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], ""),
	})
}

// TestFunctionsOwnRules: an EventBridgeRule event with a transformer, as SAM deploys it; a disabled rule beside it does nothing.
func TestFunctionsOwnRules(t *testing.T) {
	t.Parallel()
	h, put := small(t, `
  Consumer:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {NAME: consumer}}
      Events:
        Wanted:
          Type: EventBridgeRule
          Properties:
            EventBusName: !Ref Bus
            Pattern: {source: [a]}
            InputTransformer: {InputPathsMap: {id: $.detail.id}, InputTemplate: '{"only":"<id>"}'}
        Asleep:
          Type: EventBridgeRule
          Properties: {EventBusName: !Ref Bus, Pattern: {source: [b]}, State: DISABLED}
`)
	put("a", `{"id":"evt_1"}`)
	put("b", `{"id":"evt_2"}`)
	h.quiet()
	if got, want := h.log(), "Consumer: consumer got {\"only\":\"evt_1\"}\n"; got != want {
		t.Errorf("log %q, want %q", got, want)
	}
}

// TestFailedEventsAreHandedOn: after its retries a function's on-failure destination gets the story, and nothing is dropped.
func TestFailedEventsAreHandedOn(t *testing.T) {
	t.Parallel()
	h, put := small(t, `
  Failures: {Type: AWS::SQS::Queue}
  Reader:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {NAME: reader}}
      Events: {Failures: {Type: SQS, Properties: {Queue: !GetAtt Failures.Arn, BatchSize: 1}}}
  Failing:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {NAME: failing, FAIL: "yes"}}
      EventInvokeConfig: {MaximumRetryAttempts: 1, DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Failures.Arn}}}
      Events: {All: {Type: EventBridgeRule, Properties: {EventBusName: !Ref Bus, Pattern: {source: [a]}}}}
`)
	put("a", `{"id":"evt_1"}`)
	h.quiet()
	log := h.log()
	if attempts := strings.Count(log, "failing got"); attempts != 2 {
		t.Errorf("the function was tried %d times, want 2", attempts)
	}
	if !strings.Contains(log, "RetriesExhausted") || !strings.Contains(log, "reader got") {
		t.Errorf("the destination got no record:\n%s", log)
	}
}

// TestMappingFilters: what no filter lets pass is deleted unseen, and a mapping that is switched off takes nothing.
func TestMappingFilters(t *testing.T) {
	t.Parallel()
	h, put := small(t, `
  Queue: {Type: AWS::SQS::Queue}
  Unread: {Type: AWS::SQS::Queue}
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Bus
      EventPattern: {source: [a]}
      Targets: [{Id: queue, Arn: !GetAtt Queue.Arn, InputPath: $.detail}, {Id: unread, Arn: !GetAtt Unread.Arn}]
  Consumer:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {NAME: consumer}}
      Events:
        Queue:
          Type: SQS
          Properties: {Queue: !GetAtt Queue.Arn, BatchSize: 1, FilterCriteria: {Filters: [{Pattern: '{"body":{"id":[{"prefix":"evt_"}]}}'}]}}
        Unread:
          Type: SQS
          Properties: {Queue: !GetAtt Unread.Arn, Enabled: false}
`)
	put("a", `{"id":"evt_1"}`)
	put("a", `{"id":"other"}`)
	h.quiet()
	if log := h.log(); strings.Count(log, "consumer got") != 1 || !strings.Contains(log, `evt_1`) {
		t.Errorf("log %q, want evt_1 once and nothing else", log)
	}
}

// TestUnknownFailureFailsTheBatch: as in Lambda, a report about a message that was not in the batch keeps all of it, until
// the queue gives up.
func TestUnknownFailureFailsTheBatch(t *testing.T) {
	t.Parallel()
	h, put := small(t, `
  Dead: {Type: AWS::SQS::Queue}
  Queue:
    Type: AWS::SQS::Queue
    Properties: {VisibilityTimeout: 2, RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 2}}
  Rule:
    Type: AWS::Events::Rule
    Properties: {EventBusName: !Ref Bus, EventPattern: {source: [a]}, Targets: [{Id: queue, Arn: !GetAtt Queue.Arn}]}
  Consumer:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {NAME: consumer, ANSWER: '{"batchItemFailures":[{"itemIdentifier":"unknown"}]}'}}
      Events: {Queue: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn, FunctionResponseTypes: [ReportBatchItemFailures]}}}
`)
	put("a", `{"id":"evt_1"}`)
	h.quiet()
	if parked := h.all(activity.Parked); len(parked) != 1 || parked[0].Name != "Dead" || parked[0].EventID != "evt_1" {
		t.Errorf("parked %+v, want evt_1 in Dead", parked)
	}
	if attempts := strings.Count(h.log(), "consumer got"); attempts != 2 {
		t.Errorf("the function was tried %d times, want 2", attempts)
	}
}

// TestUndeliverableGoesToTheRulesDeadLetters: here because the transformer's text is no JSON, which EventBridge refuses as well.
func TestUndeliverableGoesToTheRulesDeadLetters(t *testing.T) {
	t.Parallel()
	h, put := small(t, `
  Dead: {Type: AWS::SQS::Queue}
  Queue: {Type: AWS::SQS::Queue}
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Bus
      EventPattern: {source: [a]}
      Targets: [{Id: queue, Arn: !GetAtt Queue.Arn, InputPath: $.detail.missing, DeadLetterConfig: {Arn: !GetAtt Dead.Arn}}]
`)
	put("a", `{"id":"evt_1"}`)
	h.quiet()
	if parked := h.all(activity.Parked); len(parked) != 1 || parked[0].Name != "Dead" || parked[0].EventID != "evt_1" {
		t.Errorf("parked %+v, want evt_1 in Dead", parked)
	}
}

// TestMostSpecificRouteWins, whatever the order in the template.
func TestMostSpecificRouteWins(t *testing.T) {
	t.Parallel()
	function := func(name, method, path string) string {
		return fmt.Sprintf(`
  %[1]s:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {ANSWER: '{"statusCode":200,"body":"%[1]s"}'}}
      Events: {Route: {Type: HttpApi, Properties: {Method: %[2]s, Path: '%[3]s'}}}
`, name, method, path)
	}
	h, _ := small(t, function("A", "ANY", "/{proxy+}")+function("B", "ANY", "/x/{id}")+function("C", "POST", "/x/y")+function("D", "GET", "/x/{id}"))
	for request, want := range map[string]string{
		"POST /x/y": "C", "GET /x/y": "D", "PUT /x/y": "B", "POST /x/z": "B", "POST /x/y/z": "A", "GET /": "A", "POST /other": "A",
	} {
		method, path, _ := strings.Cut(request, " ")
		if status, body := fetch(t, method, h.stack.URL()+path); status != http.StatusOK || body != want {
			t.Errorf("%s: %d %s, want %s", request, status, body, want)
		}
	}
}

// TestUnknownPathsAreNotFound: only the template's routes lead to a function.
func TestUnknownPathsAreNotFound(t *testing.T) {
	t.Parallel()
	h, _ := small(t, `
  A:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {ANSWER: '{"statusCode":999}'}}
      Events: {Route: {Type: HttpApi, Properties: {Method: POST, Path: /webhook}}}
`)
	for request, want := range map[string]int{
		"POST /webhook": 500, // for a status that is none
		"GET /webhook":  404, "POST /": 404, "POST /webhook/x": 404, "POST /other": 404, "POST /Webhook": 404,
	} {
		method, path, _ := strings.Cut(request, " ")
		if status, body := fetch(t, method, h.stack.URL()+path); status != want {
			t.Errorf("%s: %d %s, want %d", request, status, body, want)
		}
	}
}

// TestStrangersGetNothingFromTheStandInForAWS: only the functions of this stack hold its access key.
func TestStrangersGetNothingFromTheStandInForAWS(t *testing.T) {
	t.Parallel()
	h, _ := small(t, "")
	environment := h.stack.AWS()
	environment[2] = "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE"
	_, err := client(environment).PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{
		{EventBusName: aws.String("bus"), Source: aws.String("stripe.thin"), DetailType: aws.String("t"), Detail: aws.String("{}")},
	}})
	if err == nil || !strings.Contains(err.Error(), "UnrecognizedClientException") {
		t.Errorf("PutEvents = %v, want UnrecognizedClientException", err)
	}
	if got := h.all(activity.Put); len(got) != 0 {
		t.Errorf("events on the bus: %v", got)
	}
}

// TestWhatIsNotRunIsSaid: by name, in one warning; a runtime that can not run is an error.
func TestWhatIsNotRunIsSaid(t *testing.T) {
	t.Parallel()
	h, _ := small(t, "  Machine: {Type: AWS::Serverless::StateMachine}\n  Stream: {Type: AWS::Kinesis::Stream}\n  Role: {Type: AWS::IAM::Role}\n")
	warnings := h.all(activity.Warned)
	if len(warnings) != 1 || !strings.Contains(warnings[0].Text, "Machine") || !strings.Contains(warnings[0].Text, "Stream") || strings.Contains(warnings[0].Text, "Role") {
		t.Errorf("warnings %+v, want one that names Machine and Stream", warnings)
	}
	name := filepath.Join(t.TempDir(), "template.yaml")
	template := "Transform: AWS::Serverless-2016-10-31\nResources: {Snake: {Type: AWS::Serverless::Function, Properties: {Runtime: python3.13, CodeUri: ., Handler: a.b}}}\n"
	if err := os.WriteFile(name, []byte(template), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := emulator.Open(t.Context(), emulator.Options{Template: name, Listen: "127.0.0.1:0"}); err == nil || !strings.Contains(err.Error(), "python3.13") {
		t.Errorf("Open = %v, want an error that names the runtime", err)
	}
}

// TestInterruptedBuildEndsAtOnce: with everything that the makefile started.
func TestInterruptedBuildEndsAtOnce(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, text := range map[string]string{
		"template.yaml": "Transform: AWS::Serverless-2016-10-31\nResources: {Slow: {Type: AWS::Serverless::Function, Properties: {Runtime: provided.al2023, CodeUri: .}}}\n",
		"Makefile":      "build-Slow:\n\techo started; sleep 600\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, interrupt := context.WithCancel(t.Context())
	_, err := emulator.Open(ctx, emulator.Options{
		Template: filepath.Join(folder, "template.yaml"), Listen: "127.0.0.1:0",
		Observer: activity.ObserverFunc(func(s activity.Step) {
			if s.Text == "started" {
				interrupt()
			}
		}),
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Open = %v, want context.Canceled", err)
	}
}

func fetch(t *testing.T, method, url string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var body strings.Builder
	if err := response.Write(&body); err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(body.String(), "\r\n\r\n")
	return response.StatusCode, text
}
