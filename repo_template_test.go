package meterbridge_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/deployed"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// TestAlarmsTellTheTopic: all of them, both ways, and nobody if nobody is to be told.
func TestAlarmsTellTheTopic(t *testing.T) {
	t.Parallel()
	for parameter, value := range map[string]string{"AlarmTopic": "yes", "AlarmEmail": "ops@example.com", "SilenceAlarmHours": "6"} {
		parsed := readTemplateWith(t, map[string]string{parameter: value})
		topic, told := parsed.Resource("Alarms")
		if _, mailed := parsed.Resource("AlarmMail"); mailed != (parameter == "AlarmEmail") || told != (parameter != "SilenceAlarmHours") {
			t.Errorf("%s=%s: topic %v, mail %v", parameter, value, told, mailed)
		}
		var want any
		if told {
			want = []any{topic.ARN}
		}
		alarms := 0
		for _, r := range parsed.Resources {
			if r.Type != "AWS::CloudWatch::Alarm" {
				continue
			}
			alarms++
			for _, action := range []string{"AlarmActions", "OKActions"} {
				if diff := cmp.Diff(want, r.Properties[action]); diff != "" {
					t.Errorf("%s=%s: %s of %s: -want +got:\n%s", parameter, value, action, r.LogicalID, diff)
				}
			}
			if r.Properties["TreatMissingData"] == nil || r.Properties["AlarmDescription"] == nil {
				t.Errorf("%s does not say what it means, or what no data means", r.LogicalID)
			}
		}
		if alarms < 12 {
			t.Errorf("%d alarms, fewer than there are ways to fail", alarms)
		}
	}
}

var stateful = regexp.MustCompile(`(?m)^  (\w+):\n    Type: (AWS::(?:DynamoDB::Table|Events::Archive|Events::EventBus|SQS::Queue))\n(?:    Condition: \w+\n)?((?:    \w+Policy: .*\n)*)`)

// kept is what CloudFormation is told. A first deployment that fails leaves nothing behind to stand in the way of the next.
const kept = "    DeletionPolicy: !If [KeepsData, RetainExceptOnCreate, Delete]\n    UpdateReplacePolicy: !If [KeepsData, Retain, Delete]\n"

// TestWhatHoldsDataIsKept: queues, tables and archives with their bus outlive the stack unless a parameter says otherwise.
func TestWhatHoldsDataIsKept(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	found := stateful.FindAllStringSubmatch(string(source), -1)
	if len(found) < 6 {
		t.Errorf("found %d resources with data, fewer than there are", len(found))
	}
	for _, match := range found {
		if match[3] != kept {
			t.Errorf("%s (%s) does not follow KeepData: %q", match[1], match[2], match[3])
		}
	}
}

// TestOutputs: the commands find every address that they act on, and people what the docs tell them to look at.
func TestOutputs(t *testing.T) {
	t.Parallel()
	parsed := readTemplateWith(t, map[string]string{"AlarmTopic": "yes"})
	var names []string
	var outputs []map[string]string
	for _, output := range parsed.Outputs {
		names = append(names, output.Name)
		outputs = append(outputs, map[string]string{"OutputKey": output.Name, "OutputValue": output.Value})
		if output.Description == "" {
			t.Errorf("output %s says nothing about itself", output.Name)
		}
	}
	slices.Sort(names)
	want := []string{
		"AlarmTopicArn", "ApiKeySecretArn", "ArchiveName", "DashboardUrl", "DeadLettersUrl", "EventBusArn", "EventBusName", "FetchQueueArn",
		"FetchQueueUrl", "LedgerTableName", "ReconcilerFunctionName", "RuleDeadLettersUrl", "SchemaRegistryName", "SigningSecretArn", "WebhookUrl",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("outputs: -want +got:\n%s", diff)
	}
	stack, err := deployed.ReadOutputs(encode(t, outputs))
	if err != nil || stack.Bus == "" || stack.FetchQueue == "" || stack.DeadLetters == "" || stack.RuleDeadLetters == "" || stack.Ledger == "" {
		t.Errorf("the commands read %+v (%v), which lacks an address", stack, err)
	}
}

func readTemplateWith(t *testing.T, parameters map[string]string) *sam.Template {
	t.Helper()
	source, err := os.ReadFile("template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := sam.Parse(source, &sam.Options{Parameters: parameters})
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}
