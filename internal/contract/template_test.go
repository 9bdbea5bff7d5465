package contract_test

import (
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/stack"
)

// Alarms that say that they are a page notify one topic and those that are a notice another, whose
// mail goes to the page's address unless it has its own. Without topics no alarm has an action.
func TestAlarmsNotifyTheTopicOfTheirKind(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		parameters           map[string]string
		pageMail, noticeMail any // the addresses; nil for no subscription
		topics               bool
	}{
		{map[string]string{"AlarmTopic": "yes"}, nil, nil, true},
		{map[string]string{"AlarmEmail": "ops@example.com"}, "ops@example.com", "ops@example.com", true},
		{map[string]string{"NoticeEmail": "team@example.com"}, nil, "team@example.com", true},
		{map[string]string{"AlarmEmail": "ops@example.com", "NoticeEmail": "team@example.com"}, "ops@example.com", "team@example.com", true},
		{map[string]string{"SilenceAlarmHours": "6"}, nil, nil, false},
	} {
		parsed := readTemplate(t, test.parameters)
		for subscription, want := range map[string]any{"AlarmMail": test.pageMail, "NoticeMail": test.noticeMail} {
			if r, _ := parsed.Resource(subscription); r.Properties["Endpoint"] != want {
				t.Errorf("%v: %s to %v, want %v", test.parameters, subscription, r.Properties["Endpoint"], want)
			}
		}
		topics := map[string]any{"A page: ": nil, "A notice: ": nil}
		for kind, id := range map[string]string{"A page: ": "Alarms", "A notice: ": "Notices"} {
			topic, exists := parsed.Resource(id)
			if exists != test.topics {
				t.Errorf("%v: %s exists: %v", test.parameters, id, exists)
			}
			if exists {
				topics[kind] = []any{topic.ARN}
			}
		}
		alarms := map[string]int{}
		for _, r := range parsed.Resources {
			if r.Type != "AWS::CloudWatch::Alarm" {
				continue
			}
			description, _ := r.Properties["AlarmDescription"].(string)
			kind := description[:strings.Index(description, ": ")+2]
			alarms[kind]++
			want, known := topics[kind]
			if !known || r.Properties["TreatMissingData"] == nil {
				t.Errorf("%s is neither a page nor a notice, or lacks TreatMissingData: %s", r.LogicalID, description)
			}
			for _, action := range []string{"AlarmActions", "OKActions", "InsufficientDataActions"} {
				got := r.Properties[action]
				mayLack := action != "AlarmActions" && got == nil
				if diff := cmp.Diff(want, got); diff != "" && !mayLack {
					t.Errorf("%v: %s of %s: -want +got:\n%s", test.parameters, action, r.LogicalID, diff)
				}
				if action == "OKActions" && got != nil && kind == "A notice: " {
					t.Errorf("%s reports that it has ended", r.LogicalID)
				}
			}
		}
		if alarms["A page: "] < 10 || alarms["A notice: "] < 2 {
			t.Errorf("%v: alarms %v", test.parameters, alarms)
		}
	}
}

var stateful = regexp.MustCompile(`(?m)^  (\w+):\n    Type: (AWS::(?:DynamoDB::Table|Events::Archive|Events::EventBus|SQS::Queue))\n(?:    Condition: \w+\n)?((?:    \w+Policy: .*\n)*)`)

// kept are the policies of a resource with data. If a first deployment fails nothing is kept, so
// that nothing is in the way of the next one.
const kept = "    DeletionPolicy: !If [KeepsData, RetainExceptOnCreate, Delete]\n    UpdateReplacePolicy: !If [KeepsData, Retain, Delete]\n"

// Queues, tables, archives and the bus outlive the stack, unless the parameter KeepData is changed.
func TestResourcesWithDataOutliveTheStack(t *testing.T) {
	t.Parallel()
	found := stateful.FindAllStringSubmatch(read(t, "template.yaml"), -1)
	if len(found) < 6 {
		t.Errorf("found %d resources with data, want at least 6", len(found))
	}
	for _, match := range found {
		if match[3] != kept {
			t.Errorf("%s (%s) does not follow KeepData: %q", match[1], match[2], match[3])
		}
	}
}

// The stack outputs every address that the commands need and every name that the pages use.
func TestStackHasTheOutputsThatCommandsAndPagesUse(t *testing.T) {
	t.Parallel()
	parsed := readTemplate(t, map[string]string{"AlarmTopic": "yes", "DashboardEnabled": "yes"})
	var names []string
	var outputs []map[string]string
	for _, output := range parsed.Outputs {
		names = append(names, output.Name)
		outputs = append(outputs, map[string]string{"OutputKey": output.Name, "OutputValue": output.Value})
		if output.Description == "" {
			t.Errorf("output %s has no description", output.Name)
		}
	}
	slices.Sort(names)
	want := []string{
		"AlarmTopicArn", "ApiKeySecretArn", "ArchiveName", "DashboardUrl", "DeadLettersUrl", "EventBusArn", "EventBusName", "FetchQueueArn",
		"FetchQueueUrl", "LedgerTableName", "NoticeTopicArn", "ReconcilerFunctionName", "RuleDeadLettersUrl", "SchemaRegistryName", "SigningSecretArn", "WebhookUrl",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("outputs: -want +got:\n%s", diff)
	}
	stack, err := stack.ReadOutputs(encode(t, outputs))
	if err != nil || stack.Bus == "" || stack.FetchQueue == "" || stack.DeadLetters == "" || stack.RuleDeadLetters == "" || stack.Ledger == "" {
		t.Errorf("the commands read %+v (%v), an address is missing", stack, err)
	}
}

// The template gives each function exactly the environment variables that it reads.
func TestFunctionsGetExactlyTheVariablesTheyRead(t *testing.T) {
	t.Parallel()
	reads := map[string]func(config.Lookup){
		"WebhookFunction":    func(l config.Lookup) { config.LoadWebhook(l) },
		"FetcherFunction":    func(l config.Lookup) { config.LoadFetcher(l) },
		"ReconcilerFunction": func(l config.Lookup) { config.LoadReconciler(l) },
	}
	parsed := readTemplate(t, nil)
	for function, load := range reads {
		want := map[string]bool{}
		load(func(name string) (string, bool) { want[name] = true; return "", false })
		variables := resource(t, parsed, function).Properties["Environment"].(map[string]any)["Variables"].(map[string]any)
		got := slices.Sorted(maps.Keys(variables))
		if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), got); diff != "" {
			t.Errorf("%s: variables that it reads (-) and variables that the template sets (+):\n%s", function, diff)
		}
	}
}

// Every template of the repository passes the local stack's check against AWS's schemas, also with
// the resources that are added to template.yaml.
func TestTemplatesPassTheStrictCheck(t *testing.T) {
	t.Parallel()
	const head = "\nResources:\n"
	checked := 0
	err := fs.WalkDir(repository, ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || path.Ext(name) != ".yaml" || strings.Contains(name, "/sam/testdata/") {
			return err // that package tests its own
		}
		source := read(t, name)
		if regexp.MustCompile(`(?m)^  \w+:\n    Type: AWS::`).MatchString(source) && !strings.Contains(source, head) {
			source = strings.Replace(read(t, "template.yaml"), head, head+source, 1)
		}
		if !strings.Contains(source, head) {
			return nil
		}
		checked++
		if _, err := sam.Parse([]byte(source), &sam.Options{File: name}); err != nil {
			t.Errorf("Parse:\n%v", err)
		}
		return nil
	})
	if err != nil || checked < 4 {
		t.Errorf("%d templates checked, %v; want at least 4", checked, err)
	}
}
