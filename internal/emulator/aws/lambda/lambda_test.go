package lambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/clock"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/lambda"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/target"
)

// bed is the functions and queues of a template.
type bed struct {
	t         *testing.T
	built     string // the folder of what is built
	directory *target.Directory
	queues    *sqs.Service
	functions *lambda.Service
	activity.History
}

// patience is how long a test waits for what must happen: long enough for a machine that has much
// else to do.
const patience = 5 * time.Minute

// newBed adds the resources of a template without starting it. Its functions are copies of this
// test binary.
func newBed(t *testing.T, folder, resources string, opts lambda.Options) *bed {
	t.Helper()
	return newBedWith(t, clock.New(1), folder, resources, opts)
}

func newBedWith(t *testing.T, c *clock.Clock, folder, resources string, opts lambda.Options) *bed {
	t.Helper()
	template, err := sam.Parse([]byte("Transform: AWS::Serverless-2016-10-31\n"+
		"Globals: {Function: {Runtime: provided.al2023, Timeout: 20, CodeUri: .}}\nResources:\n"+resources),
		&sam.Options{File: filepath.Join(folder, "template.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{t: t}
	b.directory = target.NewDirectory(c, &b.History)
	b.queues = sqs.New(b.directory, nil)
	opts.Environment = map[string]string{bootstrapVariable: "service"}
	if opts.BuildDir == "" {
		opts.BuildDir = t.TempDir()
	}
	b.built, b.functions = opts.BuildDir, lambda.New(b.directory, &opts)
	t.Cleanup(b.functions.Close)
	var generated []sam.Resource
	for _, r := range template.Resources {
		switch r.Type {
		case "AWS::SQS::Queue":
			err = b.queues.Add(r)
		case "AWS::Serverless::Function":
			var events []sam.Resource
			events, err = sam.Events(r, nil)
			generated = append(generated, events...)
			err = errors.Join(err, b.functions.Add(r))
		default:
			generated = append(generated, r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range generated {
		if err := b.functions.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range template.Resources {
		if err := b.queues.Connect(r); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// start is newBed with a makefile that copies this binary, started.
func start(t *testing.T, resources string) *bed {
	t.Helper()
	return startWith(t, clock.New(1), resources)
}

func startWith(t *testing.T, c *clock.Clock, resources string) *bed {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b := newBedWith(t, c, makefile(t, "build-%:\n\tcp '"+executable+"' $(ARTIFACTS_DIR)/bootstrap\n"), resources, lambda.Options{})
	if err := b.functions.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

// makefile writes a makefile into a new folder and returns the folder.
func makefile(t *testing.T, text string) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "Makefile"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

// deliver delivers a body to the function or the queue with a logical id, as a rule would.
func (b *bed) deliver(arn, body string) {
	b.t.Helper()
	found, err := b.directory.Find(arn)
	if err == nil {
		err = found.Deliver([]byte(body), "")
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func queueARN(id string) string    { return target.ARN("sqs", "meterbridge-"+id) }
func functionARN(id string) string { return target.ARN("lambda", "function:meterbridge-"+id) }

// waitIdle waits until nothing works, and skips waits.
func (b *bed) waitIdle() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	if err := b.directory.Clock.FastForward(ctx); err != nil {
		b.t.Fatalf("not idle: %v\n%s", err, b.Text(activity.Logged))
	}
}

// waitLog waits until the functions have printed a text: the last lines of an instance come after
// its answer.
func (b *bed) waitLog(want string) {
	b.t.Helper()
	for started := time.Now(); !strings.Contains(b.Text(activity.Logged), want); time.Sleep(5 * time.Millisecond) {
		if time.Since(started) > patience {
			b.t.Fatalf("the log lacks %q:\n%s", want, b.Text(activity.Logged))
		}
	}
}

// TestFailedInvocationGoesToItsDestination after its retries: a record of it to an on-failure
// destination, the event itself to a dead-letter queue.
func TestFailedInvocationGoesToItsDestination(t *testing.T) {
	t.Parallel()
	b := start(t, `
  Failures: {Type: AWS::SQS::Queue}
  Dead: {Type: AWS::SQS::Queue}
  Reader:
    Type: AWS::Serverless::Function
    Properties:
      Events: {Failures: {Type: SQS, Properties: {Queue: !GetAtt Failures.Arn, BatchSize: 1}}}
  Recorded:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {FAIL: "yes"}}
      EventInvokeConfig: {MaximumRetryAttempts: 1, DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Failures.Arn}}}
  Kept:
    Type: AWS::Serverless::Function
    Properties: {Environment: {Variables: {FAIL: "yes"}}, DeadLetterQueue: {Type: SQS, TargetArn: !GetAtt Dead.Arn}}
  Dropped:
    Type: AWS::Serverless::Function
    Properties: {Environment: {Variables: {FAIL: "yes"}}, EventInvokeConfig: {MaximumRetryAttempts: 0}}
`)
	for _, id := range []string{"Recorded", "Kept", "Dropped"} {
		b.deliver(functionARN(id), `{"detail":{"id":"evt_`+id+`"}}`)
	}
	b.waitIdle()
	b.waitLog("RetriesExhausted")
	attempts := map[string]int{}
	for _, s := range b.Steps(activity.Invoked) {
		if s.Err != nil {
			attempts[s.Name]++
		}
	}
	if attempts["Recorded"] != 2 || attempts["Kept"] != 3 || attempts["Dropped"] != 1 {
		t.Errorf("attempts %v, want 2 by Recorded, 3 by Kept and 1 by Dropped", attempts)
	}
	if log := b.Text(activity.Logged); !strings.Contains(log, `evt_Recorded`) || !strings.Contains(log, "Reader: got") {
		t.Errorf("the destination got no record:\n%s", log)
	}
	dead := b.queues.QueueAt("http://x/000000000000/meterbridge-Dead").Receive(t.Context(), 1, 0, sqs.Default)
	if len(dead) != 1 || dead[0].Body != `{"detail":{"id":"evt_Kept"}}` || dead[0].Attributes["ErrorMessage"].StringValue == "" {
		t.Errorf("dead letters %+v, want the event with an error message", dead)
	}
	kept := map[string]string{}
	for _, s := range b.Steps(activity.GaveUp) {
		kept[s.Name+" "+s.EventID] = fmt.Sprintf("%s after %d", s.Kept, s.Attempt)
	}
	want := map[string]string{"Recorded evt_Recorded": "Failures after 2", "Kept evt_Kept": "Dead after 3", "Dropped evt_Dropped": " after 1"}
	if !maps.Equal(kept, want) {
		t.Errorf("given up %q, want %q", kept, want)
	}
}

// TestEachAttemptTellsWhenTheNextOneIs, and the last one that there is none.
func TestEachAttemptTellsWhenTheNextOneIs(t *testing.T) {
	t.Parallel()
	b := start(t, `
  Failing:
    Type: AWS::Serverless::Function
    Properties: {Environment: {Variables: {FAIL: "yes"}}, EventInvokeConfig: {MaximumRetryAttempts: 1}}
`)
	b.deliver(functionARN("Failing"), `{"id":"evt_1"}`)
	b.waitIdle()
	steps := b.Steps(activity.Invoked)
	if len(steps) != 2 || steps[0].Attempt != 1 || steps[0].Attempts != 2 || steps[0].After <= 0 || steps[1].Attempt != 2 || steps[1].After != 0 {
		t.Errorf("attempts %+v, want the first of two with a wait, and the second without", steps)
	}
	if steps[0].EventID != "evt_1" {
		t.Errorf("event id %q, want that of a detail that is passed on alone", steps[0].EventID)
	}
}

// TestPayloadThatIsNotJSONIsDroppedWithAWarning, because a record of its invocation cannot contain
// it.
func TestPayloadThatIsNotJSONIsDroppedWithAWarning(t *testing.T) {
	t.Parallel()
	b := start(t, `
  Failures: {Type: AWS::SQS::Queue}
  Failing:
    Type: AWS::Serverless::Function
    Properties:
      EventInvokeConfig: {MaximumRetryAttempts: 0, DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Failures.Arn}}}
`)
	b.deliver(functionARN("Failing"), "not JSON")
	b.waitIdle()
	if got := b.Text(activity.Warned); !strings.Contains(got, "which Failures refused") {
		t.Errorf("warnings %q, want one of the lost payload", got)
	}
}

// TestMappingDeletesMessagesThatNoFilterMatches, and a mapping that is disabled polls nothing.
func TestMappingDeletesMessagesThatNoFilterMatches(t *testing.T) {
	t.Parallel()
	b := start(t, `
  Queue: {Type: AWS::SQS::Queue}
  Unread: {Type: AWS::SQS::Queue}
  Consumer:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Queue:
          Type: SQS
          Properties: {Queue: !GetAtt Queue.Arn, BatchSize: 1, FilterCriteria: {Filters: [{Pattern: '{"body":{"id":[{"prefix":"evt_"}]}}'}]}}
        Unread:
          Type: SQS
          Properties: {Queue: !GetAtt Unread.Arn, Enabled: false}
`)
	b.deliver(queueARN("Queue"), `{"id":"evt_1"}`)
	b.deliver(queueARN("Queue"), `{"id":"other"}`)
	b.deliver(queueARN("Unread"), `{"id":"evt_2"}`)
	b.waitIdle()
	b.waitLog("evt_1")
	if filtered := b.Steps(activity.Filtered); len(filtered) != 1 || filtered[0].Name != "Consumer" || filtered[0].Target != "Queue" || filtered[0].EventID != "other" {
		t.Errorf("filtered %+v, want other, from Queue", filtered)
	}
	if log := b.Text(activity.Logged); strings.Count(log, "Consumer: got") != 1 {
		t.Errorf("log %q, want evt_1 once and nothing else", log)
	}
	if left := b.queues.QueueAt("http://x/000000000000/meterbridge-Unread").Stats(); left.Visible != 1 {
		t.Errorf("the queue of the disabled mapping holds %+v, want its message", left)
	}
}

// TestUnknownFailureFailsTheBatch: as in Lambda, a report about a message that was not in the batch
// keeps all of it, until the queue gives up.
func TestUnknownFailureFailsTheBatch(t *testing.T) {
	t.Parallel()
	b := start(t, `
  Dead: {Type: AWS::SQS::Queue}
  Queue:
    Type: AWS::SQS::Queue
    Properties: {VisibilityTimeout: 2, RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 2}}
  Consumer:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {ANSWER: '{"batchItemFailures":[{"itemIdentifier":"unknown"}]}'}}
      Events: {Queue: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn, FunctionResponseTypes: [ReportBatchItemFailures]}}}
`)
	b.deliver(queueARN("Queue"), `{"detail":{"id":"evt_1"}}`)
	b.waitIdle()
	if parked := b.Steps(activity.Parked); len(parked) != 1 || parked[0].Name != "Dead" || parked[0].EventID != "evt_1" {
		t.Errorf("parked %+v, want evt_1 in Dead", parked)
	}
	if parked := b.Steps(activity.Parked); len(parked) == 1 && parked[0].Target != "Queue" {
		t.Errorf("parked from %q, want Queue", parked[0].Target)
	}
	invoked := b.Steps(activity.Invoked)
	if len(invoked) != 2 || invoked[0].Failed != 1 || invoked[0].Batch[0] != "evt_1" || invoked[0].Target != "Queue" {
		t.Errorf("invocations %+v, want two from Queue that fail evt_1", invoked)
	}
	returned := b.Steps(activity.Returned)
	if len(returned) != 2 || returned[0].EventID != "evt_1" || returned[0].Attempt != 1 || returned[0].Attempts != 2 || returned[0].MessageID == "" {
		t.Fatalf("returned %+v, want evt_1 after its first and its second try of two", returned)
	}
	if wait := returned[0].After; wait > 2*time.Second {
		t.Errorf("returned for %v, want at most the visibility timeout of 2 s", wait)
	}
}

// TestMappingThatCannotRunCausesAWarning: a template may contain mappings from other sources and to
// functions that are not run.
func TestMappingThatCannotRunCausesAWarning(t *testing.T) {
	t.Parallel()
	b := newBed(t, t.TempDir(), `
  Queue: {Type: AWS::SQS::Queue}
  Function: {Type: AWS::Serverless::Function}
  Stream:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {EventSourceArn: 'arn:aws:kinesis:us-east-1:000000000000:stream/s', FunctionName: !Ref Function}
  Other:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {EventSourceArn: !GetAtt Queue.Arn, FunctionName: other}
  Fine:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {EventSourceArn: !GetAtt Queue.Arn, FunctionName: !Ref Function}
`, lambda.Options{})
	if got := b.Text(activity.Warned); strings.Count(got, "not run locally") != 2 || strings.Contains(got, "Fine") {
		t.Errorf("warnings of Stream and Other wanted:\n%s", got)
	}
	missing := sam.Resource{LogicalID: "Missing", Type: "AWS::Lambda::EventSourceMapping", Properties: map[string]any{
		"EventSourceArn": queueARN("Missing"), "FunctionName": functionARN("Function"),
	}}
	if err := b.functions.Add(missing); !errors.Is(err, target.ErrMissing) {
		t.Errorf("Add of a mapping from a missing queue = %v, want ErrMissing", err)
	}
}

// TestDeadlinesAreReal: neither a fast clock nor a skipped wait shortens a function's timeout.
func TestDeadlinesAreReal(t *testing.T) {
	t.Parallel()
	b := startWith(t, clock.New(10), `
  Jobs: {Type: AWS::SQS::Queue, Properties: {DelaySeconds: 600, VisibilityTimeout: 3600}}
  Fed:
    Type: AWS::Serverless::Function
    Properties: {Events: {Jobs: {Type: SQS, Properties: {Queue: !GetAtt Jobs.Arn}}}}
  Called: {Type: AWS::Serverless::Function}
`)
	b.deliver(queueARN("Jobs"), "{}")
	b.deliver(functionARN("Called"), "{}")
	b.waitIdle()
	b.waitLog("Fed: over three seconds left: true\n") // of 20 s
	b.waitLog("Called: over three seconds left: true\n")
}

// TestPrebuiltFunctionIsNotBuiltAgain: the second service uses the first one's build.
func TestPrebuiltFunctionIsNotBuiltAgain(t *testing.T) {
	t.Parallel()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder := makefile(t, "build-%:\n\tcp '"+executable+"' $(ARTIFACTS_DIR)/bootstrap\n")
	built := t.TempDir()
	for n, want := range []int{1, 0} {
		b := newBed(t, folder, "  F: {Type: AWS::Serverless::Function}\n", lambda.Options{BuildDir: built, Prebuilt: true})
		if err := b.functions.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := len(b.Steps(activity.Built)); got != want {
			t.Errorf("service %d built %d functions, want %d", n+1, got, want)
		}
		b.deliver(functionARN("F"), "{}")
		b.waitIdle()
		b.waitLog("F: got {}")
	}
}

// TestInterruptedBuildEndsAtOnce, with everything that the makefile started.
func TestInterruptedBuildEndsAtOnce(t *testing.T) {
	t.Parallel()
	b := newBed(t, makefile(t, "build-Slow:\n\techo started; sleep 600\n"), "  Slow: {Type: AWS::Serverless::Function}\n", lambda.Options{})
	ctx, interrupt := context.WithCancel(t.Context())
	go func() {
		for len(b.Steps(activity.Building)) < 2 && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		interrupt()
	}()
	if err := b.functions.Start(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Start = %v, want context.Canceled", err)
	}
}

// TestFailedBuildIsAnError that quotes what the makefile printed.
func TestFailedBuildIsAnError(t *testing.T) {
	t.Parallel()
	for want, text := range map[string]string{
		"cannot compile":                "build-F:\n\t@echo cannot compile; exit 1\n",
		"no executable named bootstrap": "build-F:\n\ttrue\n",
	} {
		b := newBed(t, makefile(t, text), "  F: {Type: AWS::Serverless::Function}\n", lambda.Options{})
		if err := b.functions.Start(t.Context()); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "template.yaml:4: F (AWS::Serverless::Function): make build-F") {
			t.Errorf("Start = %v, want an error with %q", err, want)
		}
	}
}

// Make would expand a $ of its command line, and end at a #.
func TestBuildFolderMayHaveAnyName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a $HOME", "#b", `it's "quoted" $(x)`} {
		folder := filepath.Join(t.TempDir(), name)
		b := newBed(t, makefile(t, "build-F:\n\t@printf '#!/bin/sh\\n' >\"$$ARTIFACTS_DIR/bootstrap\"\n"),
			"  F: {Type: AWS::Serverless::Function}\n", lambda.Options{BuildDir: folder})
		err := b.functions.Start(t.Context())
		if _, missing := os.Stat(filepath.Join(folder, "F", "bootstrap")); missing != nil {
			t.Errorf("%s: %v, %v", name, err, missing)
		}
	}
}

// TestFunctionCanBeAShellScript: the makefile target determines how a function is built.
func TestFunctionCanBeAShellScript(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("needs bash, to be a function that is not written in Go: ", err)
	}
	b := newBed(t, filepath.Join("testdata", "shell"), "  ShellFunction: {Type: AWS::Serverless::Function, Metadata: {BuildMethod: makefile}}\n", lambda.Options{})
	if err := b.functions.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.deliver(functionARN("ShellFunction"), `{"detail":{"id":"evt_test_shell"}}`)
	b.waitIdle()
	b.waitLog("ShellFunction: took evt_test_shell")
}

// TestRecordOfAFailureHasLambdasForm, wherever it goes: to a queue, or to another function.
func TestRecordOfAFailureHasLambdasForm(t *testing.T) {
	t.Parallel()
	b := start(t, `
  Failures: {Type: AWS::SQS::Queue}
  Failing:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {FAIL: "yes"}}
      EventInvokeConfig: {MaximumRetryAttempts: 1, DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Failures.Arn}}}
  Watched:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {FAIL: "yes"}}
      EventInvokeConfig: {MaximumRetryAttempts: 0, DestinationConfig: {OnFailure: {Type: Lambda, Destination: !GetAtt Watcher.Arn}}}
  Watcher: {Type: AWS::Serverless::Function}
`)
	b.deliver(functionARN("Failing"), `{"detail":{"id":"evt_1"}}`)
	b.deliver(functionARN("Watched"), `{"detail":{"id":"evt_2"}}`)
	b.waitIdle()
	b.waitLog(`Watcher: got {"requestContext":{"approximateInvokeCount":1,"condition":"RetriesExhausted"`)
	messages := b.queues.QueueAt("http://x/000000000000/meterbridge-Failures").Receive(t.Context(), 1, 0, sqs.Default)
	if len(messages) != 1 {
		t.Fatalf("failures %+v, want one", messages)
	}
	var record struct {
		Version        string
		RequestContext struct {
			RequestID, FunctionArn, Condition string
			ApproximateInvokeCount            int
		}
		RequestPayload  struct{ Detail struct{ ID string } }
		ResponseContext struct{ FunctionError string }
		ResponsePayload struct{ ErrorMessage, ErrorType string }
	}
	if err := json.Unmarshal([]byte(messages[0].Body), &record); err != nil {
		t.Fatal(err)
	}
	if record.Version != "1.0" || record.RequestContext.FunctionArn != functionARN("Failing")+":$LATEST" || record.RequestContext.ApproximateInvokeCount != 2 ||
		record.RequestPayload.Detail.ID != "evt_1" || record.ResponseContext.FunctionError != "Unhandled" ||
		record.ResponsePayload.ErrorType != "errorString" || record.ResponsePayload.ErrorMessage != "FAIL is set" {
		t.Errorf("record %s", messages[0].Body)
	}
}

// TestMissingDestinationIsAnErrorAtStart, and not when the first event fails. One that SAM would
// make causes a warning.
func TestMissingDestinationIsAnErrorAtStart(t *testing.T) {
	t.Parallel()
	folder := makefile(t, "build-%:\n\ttrue\n")
	b := newBed(t, folder, "  F: {Type: AWS::Serverless::Function, Properties: {DeadLetterQueue: {Type: SQS, TargetArn: 'arn:aws:sqs:us-east-1:000000000000:gone'}}}\n", lambda.Options{})
	if err := b.functions.Start(t.Context()); !errors.Is(err, target.ErrMissing) || !strings.Contains(err.Error(), "template.yaml:4: F") {
		t.Errorf("Start = %v, want ErrMissing with the function's line", err)
	}
	b = newBed(t, folder, "  F: {Type: AWS::Serverless::Function, Properties: {EventInvokeConfig: {DestinationConfig: {OnFailure: {Type: SQS}}}}}\n", lambda.Options{})
	if err := b.functions.Start(t.Context()); err == nil || !strings.Contains(b.Text(activity.Warned), "destination that SAM would make") {
		t.Errorf("warnings %q after %v, want one of the destination", b.Text(activity.Warned), err)
	}
}
