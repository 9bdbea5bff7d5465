package sam_test

import (
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

var update = flag.Bool("update", false, "rewrite testdata/everything.json")

func parse(t *testing.T, src string, opts *sam.Options) *sam.Template {
	t.Helper()
	tpl, err := sam.Parse([]byte(src), opts)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return tpl
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestEverything(t *testing.T) {
	t.Parallel()
	tpl := parse(t, readFile(t, "testdata/everything.yaml"), &sam.Options{StackName: "meter", Endpoint: "http://127.0.0.1:4566/"})
	got, err := json.MarshalIndent(tpl, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("testdata/everything.json", append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(readFile(t, "testdata/everything.json"), string(got)+"\n"); diff != "" {
		t.Errorf("resolved template differs from testdata/everything.json (-want +got); go test -update rewrites it:\n%s", diff)
	}
}

func TestOtherParametersTakeOtherBranches(t *testing.T) {
	t.Parallel()
	tpl := parse(t, strings.Replace(readFile(t, "testdata/everything.yaml"), "!ImportValue other-bus", "!GetAtt Bus.Arn", 1),
		&sam.Options{Parameters: map[string]string{"Stage": "prod", "AlarmEmail": "ops@example.com", "Concurrency": "7"}})
	if _, ok := tpl.Resource("Subscription"); !ok {
		t.Error("Subscription is left out although its condition holds")
	}
	webhook, _ := tpl.Resource("Webhook")
	if got := webhook.Properties["ReservedConcurrentExecutions"]; got != 7 {
		t.Errorf("ReservedConcurrentExecutions = %v (%[1]T), want 7", got)
	}
	rule, _ := tpl.Resource("Rule")
	if got := len(rule.Properties["Targets"].([]any)); got != 2 {
		t.Errorf("Rule has %d targets, want 2", got)
	}
	alarm, _ := tpl.Resource("Alarm")
	if want := []string{"Subscription", "Topic"}; !slices.Equal(alarm.DependsOn, want) {
		t.Errorf("Alarm.DependsOn = %q, want %q", alarm.DependsOn, want)
	}
	last := tpl.Outputs[len(tpl.Outputs)-1]
	if want := (sam.Output{Name: "OnlyInProd", Value: "7"}); last != want {
		t.Errorf("last output = %+v, want %+v", last, want)
	}
}

// TestJSONTemplate reads the same template in both syntaxes; the JSON one is indented with tabs, which YAML forbids
// outside of brackets.
func TestJSONTemplate(t *testing.T) {
	t.Parallel()
	inYAML := parse(t, `
Parameters: {Name: {Type: String, Default: q}}
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties: {QueueName: !Sub "${Name}-1", DelaySeconds: 5}
`, nil)
	inJSON := parse(t, `{
	"Parameters": {"Name": {"Type": "String", "Default": "q"}},
	"Resources": {
		"Queue": {
			"Type": "AWS::SQS::Queue",
			"Properties": {"QueueName": {"Fn::Sub": "${Name}-1"}, "DelaySeconds": 5}
		}
	}
}`, nil)
	inJSON.Resources[0].Line = inYAML.Resources[0].Line
	if diff := cmp.Diff(inYAML, inJSON); diff != "" {
		t.Errorf("YAML and JSON differ (-YAML +JSON):\n%s", diff)
	}
}
