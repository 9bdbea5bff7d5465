package aws_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	emulator "github.com/meterbridge/meterbridge/internal/emulator/aws"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/dynamodb"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sdktest"
)

// TestMain makes this test binary a function if the Runtime API's variable is set: the templates
// below build a function by copying the binary.
func TestMain(m *testing.M) {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		if status, err := strconv.Atoi(os.Getenv("EXIT")); err == nil {
			os.Exit(status) // before it has started
		}
		lambda.Start(echo)
		return
	}
	os.Exit(m.Run())
}

// echo prints its event, and fails or answers depending on its environment.
func echo(event json.RawMessage) (json.RawMessage, error) {
	fmt.Printf("%s got %s\n", os.Getenv("NAME"), event)
	if os.Getenv("FAIL") != "" {
		return nil, errors.New("FAIL is set")
	}
	if answer := os.Getenv("ANSWER"); answer != "" {
		return json.RawMessage(answer), nil
	}
	return json.RawMessage(`null`), nil
}

// running is an open stack and the steps that it has reported.
type running struct {
	*emulator.Stack
	activity.History
	t *testing.T
}

// open opens a template of one bus, called "bus", and more resources, whose functions are copies of
// this binary.
func open(t *testing.T, resources string) *running {
	t.Helper()
	r, err := tryOpen(t, resources, &emulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func tryOpen(t *testing.T, resources string, opts *emulator.Options) (*running, error) {
	t.Helper()
	r := &running{t: t}
	opts.Template, opts.Listen, opts.Observer = write(t, resources), "127.0.0.1:0", &r.History
	stack, err := emulator.Open(t.Context(), opts)
	if err == nil {
		r.Stack = stack
		t.Cleanup(stack.Close)
	}
	return r, err
}

// write writes the template, with a makefile that builds each function by copying this binary.
func write(t *testing.T, resources string) string {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for name, text := range map[string]string{
		"template.yaml": "Transform: AWS::Serverless-2016-10-31\nGlobals: {Function: {Runtime: provided.al2023, Timeout: 20, CodeUri: .}}\nResources:\n" +
			"  Bus: {Type: AWS::Events::EventBus, Properties: {Name: bus}}\n" + resources,
		"Makefile": "build-%:\n\tcp '" + executable + "' $(ARTIFACTS_DIR)/bootstrap\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(folder, "template.yaml")
}

// put puts an event on the bus.
func (r *running) put(source, detail string) {
	r.t.Helper()
	entry := types.PutEventsRequestEntry{EventBusName: aws.String("bus"), Source: &source, DetailType: aws.String("type"), Detail: &detail}
	out, err := eventbridge.NewFromConfig(r.config()).PutEvents(r.t.Context(), &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{entry}})
	if err != nil || out.FailedEntryCount != 0 {
		r.t.Fatalf("PutEvents: %+v, %v", out, err)
	}
}

// config configures the SDK as the stack's environment variables do.
func (r *running) config() aws.Config {
	env := r.Environment()
	config := sdktest.Config(env["AWS_ENDPOINT_URL"])
	config.Region = env["AWS_REGION"]
	config.Credentials = credentials.NewStaticCredentialsProvider(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], "")
	return config
}

// patience is how long a test waits for what must happen: long enough for a machine that has much
// else to do.
const patience = 5 * time.Minute

// wait waits until the stack is idle, with one of its methods.
func (r *running) wait(idle func(context.Context) error) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	if err := idle(ctx); err != nil {
		r.t.Fatalf("the stack is not idle: %v\n%s", err, r.Text(activity.Logged))
	}
}

// waitLog waits until a function has printed a text. An instance's last lines can come after its
// answer.
func (r *running) waitLog(want string) {
	r.t.Helper()
	for started := time.Now(); !strings.Contains(r.Text(activity.Logged), want); time.Sleep(5 * time.Millisecond) {
		if time.Since(started) > patience {
			r.t.Fatalf("the log lacks %s:\n%s", want, r.Text(activity.Logged))
		}
	}
}

// TestServicesWorkTogether takes a request through a route, a function, a bus, a rule, a queue and
// a mapping to another function.
func TestServicesWorkTogether(t *testing.T) {
	t.Parallel()
	r := open(t, `
  Queue: {Type: AWS::SQS::Queue}
  Front:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {NAME: front, ANSWER: '{"statusCode":202,"body":"accepted"}', QUEUE_URL: !Ref Queue}}
      Events: {Route: {Type: HttpApi, Properties: {Method: post, Path: /in}}}
  Back:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {NAME: back}}
      Events:
        Queue: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn}}
        Rule:
          Type: EventBridgeRule
          Properties: {EventBusName: !Ref Bus, Pattern: {source: [b]}, InputPath: $.detail}
  Rule:
    Type: AWS::Events::Rule
    Properties: {EventBusName: !Ref Bus, EventPattern: {source: [a]}, Targets: [{Id: queue, Arn: !GetAtt Queue.Arn, InputPath: $.detail.id}]}
`)
	if got := r.Routes(); len(got) != 1 || got["POST /in"] != "Front" {
		t.Errorf("Routes = %v, want POST /in to Front", got)
	}
	if got := r.QueueNamedBy("QUEUE_URL"); got != "Queue" {
		t.Errorf("QueueNamedBy = %q, want Queue", got)
	}
	response, err := http.Post(r.RouteOf("QUEUE_URL"), "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusAccepted || string(body) != "accepted" {
		t.Errorf("answered %d %s, want 202 accepted", response.StatusCode, body)
	}
	r.put("a", `{"id":"evt_1"}`)
	r.put("b", `{"id":"evt_2"}`)
	r.wait(r.WaitIdle)
	for _, want := range []string{"front got {", `"body":"\"evt_1\""`, `Back: back got {"id":"evt_2"}`} {
		r.waitLog(want)
	}
}

// TestBodyThatAQueueRefusesIsADeadLetter: the transformer's text is empty, and a message cannot be
// empty.
func TestBodyThatAQueueRefusesIsADeadLetter(t *testing.T) {
	t.Parallel()
	r := open(t, `
  Dead: {Type: AWS::SQS::Queue}
  Queue: {Type: AWS::SQS::Queue}
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Bus
      EventPattern: {source: [a]}
      Targets: [{Id: queue, Arn: !GetAtt Queue.Arn, InputPath: $.detail.missing, DeadLetterConfig: {Arn: !GetAtt Dead.Arn}}]
`)
	r.put("a", `{"id":"evt_1"}`)
	if parked := r.Steps(activity.Parked); len(parked) != 1 || parked[0].Name != "Dead" || parked[0].EventID != "evt_1" {
		t.Errorf("parked %+v, want evt_1 in Dead", parked)
	}
}

// TestFastForwardSkipsVisibilityTimeouts lets a message fail for an hour of the stack's time within
// seconds.
func TestFastForwardSkipsVisibilityTimeouts(t *testing.T) {
	t.Parallel()
	r := open(t, `
  Dead: {Type: AWS::SQS::Queue}
  Queue:
    Type: AWS::SQS::Queue
    Properties: {VisibilityTimeout: 1200, RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}}
  Rule:
    Type: AWS::Events::Rule
    Properties: {EventBusName: !Ref Bus, EventPattern: {source: [a]}, Targets: [{Id: queue, Arn: !GetAtt Queue.Arn}]}
  Failing:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {NAME: failing, FAIL: "yes"}}
      Events: {Queue: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn}}}
`)
	r.put("a", `{"id":"evt_1"}`)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.FastForward(cancelled); !errors.Is(err, context.Canceled) {
		t.Errorf("FastForward = %v, want context.Canceled while a message is pending", err)
	}
	r.wait(r.FastForward)
	parked, put := r.Steps(activity.Parked), r.Steps(activity.Put)
	if len(parked) != 1 || parked[0].Name != "Dead" || parked[0].EventID != "evt_1" {
		t.Fatalf("parked %+v, want evt_1 in Dead\n%s", parked, r.Text(activity.Logged))
	}
	if took := parked[0].Time.Sub(put[0].Time); took < time.Hour {
		t.Errorf("parked %v after it was put, want three visibility timeouts of 20 minutes", took)
	}
}

// TestSchedulesRunOnTheWay to a message that is due, each at its time, unless the stack is
// unscheduled; then only RunSchedules runs them. The clock skips for the message alone: there is
// always another run of a schedule.
func TestSchedulesRunOnTheWay(t *testing.T) {
	t.Parallel()
	const resources = `
  Queue: {Type: AWS::SQS::Queue, Properties: {DelaySeconds: 150}}
  Rule:
    Type: AWS::Events::Rule
    Properties: {EventBusName: !Ref Bus, EventPattern: {source: [a]}, Targets: [{Id: queue, Arn: !GetAtt Queue.Arn}]}
  F:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {NAME: f}}
      Events:
        Queue: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn}}
        New: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 minute), Input: '"new"'}}
        Old: {Type: Schedule, Properties: {Schedule: rate(2 minutes), Input: '"old"'}}
`
	for _, unscheduled := range []bool{false, true} {
		r, err := tryOpen(t, resources, &emulator.Options{Skip: true, Unscheduled: unscheduled})
		if err != nil {
			t.Fatal(err)
		}
		r.put("a", `{"id":"evt_1"}`)
		r.wait(r.WaitIdle)
		want := 4 // the message, and three runs
		if unscheduled {
			if got := r.RunSchedules(); len(got) != 2 || !r.Scheduled() {
				t.Errorf("RunSchedules = %q, want both schedules", got)
			}
			r.wait(r.WaitIdle)
			want = 3
		}
		if got := len(r.Steps(activity.Invoked)); got != want {
			t.Errorf("unscheduled %t: %d invocations, want %d", unscheduled, got, want)
		}
		for _, want := range []string{`f got "new"`, `f got "old"`} {
			r.waitLog(want)
		}
	}
}

// TestLeaseIsWaitedForInRealTime: a function takes it from its own clock, which does not skip.
func TestLeaseIsWaitedForInRealTime(t *testing.T) {
	t.Parallel()
	lease := func(item dynamodb.Item) time.Time {
		seconds, err := strconv.ParseInt(item["lease"].Scalar(), 10, 64)
		if err != nil {
			return time.Time{}
		}
		return time.Unix(seconds, 0)
	}
	r, err := tryOpen(t, `
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: ledger
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
`, &emulator.Options{Skip: true, Lease: lease})
	if err != nil {
		t.Fatal(err)
	}
	table := awsdynamodb.NewFromConfig(r.config())
	write := func(id string, lease time.Time) {
		t.Helper()
		item := map[string]dynamodbtypes.AttributeValue{"id": &dynamodbtypes.AttributeValueMemberS{Value: id}}
		if !lease.IsZero() {
			item["lease"] = &dynamodbtypes.AttributeValueMemberN{Value: strconv.FormatInt(lease.Unix(), 10)}
		}
		if _, err := table.PutItem(t.Context(), &awsdynamodb.PutItemInput{TableName: aws.String("ledger"), Item: item}); err != nil {
			t.Fatal(err)
		}
	}
	soon := time.Now().Add(2 * time.Second).Truncate(time.Second)
	write("claimed", soon)
	write("settled", time.Now().Add(time.Hour))
	write("settled", time.Time{})
	write("ended long ago", time.Now().Add(-time.Hour))
	r.wait(r.WaitIdle)
	if now := time.Now(); now.Before(soon) {
		t.Errorf("idle %v before the end of a lease", soon.Sub(now))
	}
}

// TestOnlyTheAccessKeyOfTheStackIsAccepted: only this stack's functions may read the secrets.
func TestOnlyTheAccessKeyOfTheStackIsAccepted(t *testing.T) {
	t.Parallel()
	r := open(t, "")
	config := r.config()
	config.Credentials = credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "x", "")
	_, err := eventbridge.NewFromConfig(config).PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{
		{EventBusName: aws.String("bus"), Source: aws.String("a"), DetailType: aws.String("t"), Detail: aws.String("{}")},
	}})
	if err == nil || !strings.Contains(err.Error(), "UnrecognizedClientException") {
		t.Errorf("PutEvents = %v, want UnrecognizedClientException", err)
	}
	if got := r.Steps(activity.Put); len(got) != 0 {
		t.Errorf("events on the bus: %v", got)
	}
}

// TestResourcesThatAreNotRunAreNamed in one warning, except those that a local stack does not need.
func TestResourcesThatAreNotRunAreNamed(t *testing.T) {
	t.Parallel()
	r := open(t, `
  Machine: {Type: AWS::Serverless::StateMachine}
  Stream: {Type: AWS::Kinesis::Stream}
  Role: {Type: AWS::IAM::Role}
  Route: {Type: AWS::ApiGatewayV2::Route}
  Function: {Type: AWS::Serverless::Function, Properties: {Events: {Bucket: {Type: S3}}}}
`)
	warnings := r.Steps(activity.Warned)
	const want = "not run locally: Machine (AWS::Serverless::StateMachine), Stream (AWS::Kinesis::Stream), " +
		"Route (AWS::ApiGatewayV2::Route), FunctionBucket (event of type S3)"
	if len(warnings) != 1 || warnings[0].Text != want {
		t.Errorf("warnings %+v, want one: %s", warnings, want)
	}
}

// TestResourceThatCannotBeRunIsAnError that names the resource and its line, and the fault.
func TestResourceThatCannotBeRunIsAnError(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ resource, want string }{
		"unknown operator":         {"{Type: AWS::Events::Rule, Properties: {EventBusName: !Ref Bus, EventPattern: {detail: {id: [{matches: x}]}}}}", "matches"},
		"missing target":           {"{Type: AWS::Events::Rule, Properties: {EventBusName: !Ref Bus, EventPattern: {source: [a]}, Targets: [{Id: x, Arn: 'arn:aws:sqs:us-east-1:000000000000:x'}]}}", "not in the template"},
		"runtime":                  {"{Type: AWS::Serverless::Function, Properties: {Runtime: java21, CodeUri: ., Handler: a.b}}", "java21"},
		"schedule":                 {"{Type: AWS::Scheduler::Schedule, Properties: {ScheduleExpression: hourly, Target: {Arn: 'arn:aws:sns:us-east-1:000000000000:x'}}}", "hourly"},
		"property of a wrong type": {"{Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: soon}}", "soon"},
	} {
		_, err := tryOpen(t, "  Odd: "+tt.resource+"\n", &emulator.Options{})
		if err == nil || !strings.Contains(err.Error(), "template.yaml:5: Odd (AWS::") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Open = %v, want an error that names template.yaml:5, Odd and %s", name, err, tt.want)
		}
	}
}

// TestOpenThatFailsCleansUp whatever had not started yet: at each stage of Open the error is that
// of the stage, and nothing panics.
func TestOpenThatFailsCleansUp(t *testing.T) {
	t.Parallel()
	const function = "  F: {Type: AWS::Serverless::Function, Properties: {Environment: {Variables: {NAME: f, SECRET_ID: none}}}}\n"
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, tt := range map[string]struct {
		resources string
		ctx       context.Context
		change    func(*emulator.Options)
		want      string
	}{
		"no address":       {function, t.Context(), func(o *emulator.Options) { o.Listen = "nowhere" }, "nowhere"},
		"no template":      {function, t.Context(), func(o *emulator.Options) { o.Template += ".gone" }, "read template"},
		"parse":            {"  Odd: [\n", t.Context(), nil, "template.yaml:"},
		"unknown type":     {"  Odd: {Type: AWS::SQS::Qeue}\n  Poll: {Type: AWS::Lambda::EventSourceMapping, Properties: {EventSourceArn: !GetAtt Odd.Arn, FunctionName: !Ref F}}\n" + function, t.Context(), nil, "template.yaml:5: Odd"},
		"unknown queue":    {"  Odd: {Type: AWS::SQS::Qeue}\n  Poll: {Type: AWS::Lambda::EventSourceMapping, Properties: {EventSourceArn: !GetAtt Odd.Arn, FunctionName: !Ref F}}\n" + function, t.Context(), func(o *emulator.Options) { o.Lenient = true }, "template.yaml:6: Poll"},
		"generated events": {"  Odd: {Type: AWS::Serverless::Function, Properties: {Events: {Poll: {Properties: {}}}}}\n", t.Context(), nil, "template.yaml:5: "},
		"wiring":           {"  Odd: {Type: AWS::DynamoDB::Table, Properties: {KeySchema: []}}\n" + function, t.Context(), nil, "template.yaml:5: Odd"},
		"dead letters":     {"  Odd: {Type: AWS::SQS::Queue, Properties: {RedrivePolicy: {deadLetterTargetArn: 'arn:none', maxReceiveCount: 3}}}\n" + function, t.Context(), nil, "arn:none"},
		"secrets":          {function, t.Context(), func(o *emulator.Options) { o.Secrets = map[string]string{"SECRET_ID": "x"} }, "SECRET_ID"},
		"build":            {"  Odd: {Type: AWS::Serverless::Function, Properties: {CodeUri: missing}}\n", t.Context(), nil, "template.yaml:5: Odd (AWS::Serverless::Function): CodeUri \"missing\""},
		"start":            {"  Odd: {Type: AWS::Serverless::Function, Properties: {Environment: {Variables: {EXIT: '3'}}}}\n" + function, t.Context(), nil, "Odd"},
		"interrupted":      {function, cancelled, nil, context.Canceled.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := &emulator.Options{Template: write(t, tt.resources), Listen: "127.0.0.1:0"}
			if tt.change != nil {
				tt.change(opts)
			}
			stack, err := emulator.Open(tt.ctx, opts)
			if stack != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Open = %v, %v; want an error with %q", stack, err, tt.want)
			}
		})
	}
}

// TestBusyPortIsAClearError before anything is read or built.
func TestBusyPortIsAClearError(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, err = emulator.Open(t.Context(), &emulator.Options{Template: "none.yaml", Listen: listener.Addr().String()})
	if !errors.Is(err, emulator.ErrBusy) || !strings.Contains(err.Error(), listener.Addr().String()) {
		t.Errorf("Open = %v, want ErrBusy with the address", err)
	}
}

// TestRotateKeepsThePreviousValue of each secret that a function's variable names.
func TestRotateKeepsThePreviousValue(t *testing.T) {
	t.Parallel()
	r := open(t, `
  Secret: {Type: AWS::SecretsManager::Secret, Properties: {Name: password, SecretString: old}}
  Keeper:
    Type: AWS::Serverless::Function
    Properties: {Environment: {Variables: {PASSWORD_ID: !Ref Secret, OTHER_ID: missing}}}
`)
	if err := r.Rotate("PASSWORD_ID", "new"); err != nil {
		t.Fatal(err)
	}
	if err := r.Rotate("OTHER_ID", "new"); err == nil || !strings.Contains(err.Error(), "OTHER_ID") {
		t.Errorf("Rotate of a secret that does not exist = %v, want an error that names the variable", err)
	}
	secrets := secretsmanager.NewFromConfig(r.config())
	for stage, want := range map[string]string{"AWSCURRENT": "new", "AWSPREVIOUS": "old"} {
		output, err := secrets.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{
			SecretId: aws.String("password"), VersionStage: &stage,
		})
		if err != nil || aws.ToString(output.SecretString) != want {
			t.Errorf("%s: %v, %v; want %s", stage, output, err, want)
		}
	}
}
