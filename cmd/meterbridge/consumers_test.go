package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/internal/testbed"
)

// template writes the repository's template with more resources, and returns its path. Its makefile
// copies functions that are already built: those of the repository and, for any other, this test
// binary.
func template(t *testing.T, resources string) string {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(root(t), "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	testbed.Builds(t, root(t), filepath.Join(folder, "built"))
	text := strings.Replace(string(source), "\nResources:\n", "\nResources:\n"+resources, 1)
	makefile := "build-%:\n\tcp -f $(or $(wildcard built/$*/bootstrap),'" + executable + "') \"$$ARTIFACTS_DIR/bootstrap\"\n"
	for name, text := range map[string]string{"template.yaml": text, "Makefile": makefile} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(folder, "template.yaml")
}

// once runs "meterbridge local --once" and returns its exit status and outputs.
func once(t *testing.T, template string, flags ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	args := append([]string{"local", "--once", "--template", template}, flags...)
	status = run(t.Context(), args, process{env: func(string) (string, bool) { return "", false }, stdout: &out, stderr: &errs})
	return status, out.String(), errs.String()
}

// consumer is a function and its rule; FULL events of type no_meter_found come once.
const consumer = `
  Consumer:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: makefile}
    Properties:
      CodeUri: .
      Environment: {Variables: {FAIL: "KeyError: 'x'"}}
      EventInvokeConfig: {MaximumRetryAttempts: 0}
  ConsumerRule:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !GetAtt EventBus.Name
      EventPattern: {source: [stripe.event], detail-type: [v1.billing.meter.no_meter_found]}
      Targets: [{Id: t, Arn: !GetAtt Consumer.Arn}]
`

const keeping = `
  Failures: {Type: AWS::SQS::Queue}
`

const queued = `
  Reader:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: makefile}
    Properties:
      CodeUri: .
      Environment: {Variables: {FAIL: "KeyError: 'x'"}}
      Events: {Orders: {Type: SQS, Properties: {Queue: !GetAtt Orders.Arn}}}
  Dead: {Type: AWS::SQS::Queue}
  Orders:
    Type: AWS::SQS::Queue
    Properties: {RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 2}}
  OrdersRule:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !GetAtt EventBus.Name
      EventPattern: {source: [stripe.event], detail-type: [v1.billing.meter.no_meter_found]}
      Targets: [{Id: t, Arn: !GetAtt Orders.Arn, InputTransformer: {InputPathsMap: {id: $.detail.id}, InputTemplate: '{"order":"<id>"}'}}]
`

// TestOnceFailsWhenAConsumerDropsAnEvent: the consumer is named, and the account says where the
// event is.
func TestOnceFailsWhenAConsumerDropsAnEvent(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		resources string
		status    int
		want      []string
	}{
		"nothing is wrong": {
			strings.Replace(consumer, "KeyError: 'x'", "", 1), 0,
			[]string{"consumer   Consumer ok in ", "consumer Consumer: 1 ok, 0 failed tries, 0 dropped\n"},
		},
		"nowhere to keep it": {
			consumer, exitFailed,
			[]string{"consumer   Consumer failed: KeyError: 'x'; dropped after 1 try: no failure destination\n",
				"consumer Consumer: 0 ok, 1 failed try, 1 dropped\n", "meterbridge: Consumer dropped 1 event\n"},
		},
		"kept in a failure destination": {
			strings.Replace(consumer, "MaximumRetryAttempts: 0", "MaximumRetryAttempts: 1, DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Failures.Arn}}", 1) + keeping,
			exitFailed,
			[]string{"consumer   Consumer failed: KeyError: 'x'; again in 1 s (1 of 2)\n", "; dropped after 2 tries → Failures\n",
				"consumer Consumer: 0 ok, 2 failed tries, 1 dropped (1 kept in Failures)\n", "letters  1 event in Failures\n", "meterbridge: Consumer dropped 1 event\n"},
		},
		"a queue and its reader": {
			queued, exitFailed,
			[]string{"consumer   Reader failed: KeyError: 'x'; again in 30 s (1 of 2)\n", "Reader dropped: received 2 times, without success → Dead\n",
				"consumer Orders, read by Reader: 0 ok, 2 failed tries, 1 dropped (1 kept in Dead)\n", "letters  1 event in Dead\n", "meterbridge: Orders dropped 1 event\n"},
		},
		"no event matches": {
			strings.Replace(consumer, "detail-type: [v1.billing.meter.no_meter_found]", "detail-type: [other]", 1), 0,
			[]string{"consumer Consumer: no event matched its rule\n"},
		},
		"a queue that nobody reads": {
			strings.Replace(consumer, "!GetAtt Consumer.Arn", "!GetAtt Failures.Arn", 1) + keeping, 0,
			[]string{"consumer Failures: 1 ok, 0 failed tries, 0 dropped\n"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, _, stderr := once(t, template(t, tt.resources))
			if status != tt.status {
				t.Errorf("exit status %d, want %d", status, tt.status)
			}
			for _, want := range tt.want {
				if !strings.Contains(stderr, want) {
					t.Errorf("the story lacks %q", want)
				}
			}
			if t.Failed() {
				t.Log(stderr)
			}
		})
	}
}
