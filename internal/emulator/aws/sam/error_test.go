package sam_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

func wantError(t *testing.T, err error, want *sam.Error) {
	t.Helper()
	var got *sam.Error
	if !errors.As(err, &got) {
		t.Fatalf("Parse = %v, want a *template.Error", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

const queue = "Resources:\n  Queue: {Type: AWS::SQS::Queue}\n"

var templateErrors = map[string]struct {
	src  string
	want sam.Error
}{
	"empty":              {"", sam.Error{Reason: "the template is empty"}},
	"comment only":       {"# nothing\n", sam.Error{Reason: "the template is empty"}},
	"two documents":      {queue + "---\n" + queue, sam.Error{Reason: "more than one YAML document"}},
	"not YAML":           {"Resources:\n  A: [\n", sam.Error{Line: 2, Reason: "did not find expected node content"}},
	"not a map":          {"[]", sam.Error{Line: 1, Reason: "a template is a map of sections, not a list"}},
	"no resources":       {"Outputs: {}", sam.Error{Line: 1, Reason: "there is no Resources section"}},
	"unknown section":    {queue + "Ressources: {}", sam.Error{Line: 3, Reason: `unknown section "Ressources"`}},
	"section not a map":  {queue + "Outputs: []", sam.Error{Line: 3, Reason: "Outputs is a map, not a list"}},
	"duplicate key":      {"Resources:\n  A: {Type: X}\n  A: {Type: Y}\n", sam.Error{Line: 3, Reason: `the key "A" is there twice`}},
	"merge key":          {"Resources:\n  A: &a {Type: X}\n  B: {<<: *a}\n", sam.Error{Line: 3, Reason: "CloudFormation knows no merge key (<<)"}},
	"key not text":       {"Resources:\n  [a]: b\n", sam.Error{Line: 2, Reason: "a key must be text"}},
	"logical id":         {"Resources:\n  a-b: {Type: X}\n", sam.Error{Line: 2, Place: "Resource a-b", Reason: "a logical id consists of letters and digits"}},
	"resource not a map": {"Resources:\n  A: x\n", sam.Error{Line: 2, Place: "Resource A", Reason: "a resource is a map, not a value"}},
	"no type":            {"Resources:\n  A: {Properties: {}}\n", sam.Error{Line: 2, Place: "Resource A", Reason: "there is no Type"}},
	"unknown attribute":  {"Resources:\n  A:\n    Type: X\n    Propertys: {}\n", sam.Error{Line: 4, Place: "Resource A", Reason: `unknown attribute "Propertys"`}},
	"properties a list":  {"Resources:\n  A: {Type: X, Properties: []}\n", sam.Error{Line: 2, Place: "Resource A", Reason: "Properties is a map, not a list"}},
	"metadata a list":    {"Resources:\n  A: {Type: X, Metadata: []}\n", sam.Error{Line: 2, Place: "Resource A", Reason: "Metadata is a map, not a list"}},
	"depends on nothing": {"Resources:\n  A: {Type: X, DependsOn: B}\n", sam.Error{Line: 2, Place: "Resource A", Reason: `DependsOn: there is no resource "B"`}},
	"unknown condition":  {"Resources:\n  A: {Type: X, Condition: C}\n", sam.Error{Line: 2, Place: "Resource A", Reason: `there is no condition "C"`}},
	"globals":            {queue + "Globals:\n  Queue: {}\n", sam.Error{Line: 4, Place: "Globals", Reason: `SAM has none for "Queue"`}},
	"globals not a map":  {queue + "Globals:\n  Function: []\n", sam.Error{Line: 4, Place: "Globals", Reason: "Function is a map, not a list"}},
	"name not text":      {"Resources:\n  A: {Type: AWS::SQS::Queue, Properties: {QueueName: [a]}}\n", sam.Error{Line: 2, Place: "Resource A", Reason: "QueueName is not text"}},
	"condition on itself": {queue + "Conditions:\n  A: !Not [!Condition B]\n  B: !Not [!Condition A]\n",
		sam.Error{Line: 5, Place: "Condition B", Reason: `condition "A" depends on itself`}},
	"condition on a resource": {queue + "Conditions:\n  A: !Equals [!Ref Queue, x]\n",
		sam.Error{Line: 4, Place: "Condition A", Reason: `there is no parameter "Queue"; a condition cannot refer to a resource`}},
	"condition that is none": {queue + "Conditions:\n  A: !Sub x\n", sam.Error{Line: 4, Place: "Condition A", Reason: "Fn::Sub is not a condition function"}},
	"condition as a value":   {queue + "Conditions:\n  A: true\n", sam.Error{Line: 4, Place: "Condition A", Reason: "a condition function is wanted, not a value"}},
	"and of one":             {queue + "Conditions:\n  A: !And [!Equals [a, a]]\n", sam.Error{Line: 4, Place: "Condition A", Reason: "Fn::And takes a list of 2 to 10 conditions"}},
	"circular names": {"Resources:\n  A: {Type: AWS::SQS::Queue, Properties: {QueueName: !GetAtt B.QueueName}}\n  B: {Type: AWS::SQS::Queue, Properties: {QueueName: !GetAtt A.QueueName}}\n",
		sam.Error{Line: 3, Place: "Resource B", Reason: "circular reference: A → B → A"}},
	"circular resources": {"Resources:\n  A: {Type: X, Properties: {V: !Ref B}}\n  B: {Type: X, Properties: {V: !Ref C}}\n  C: {Type: X, DependsOn: A}\n",
		sam.Error{Line: 2, Place: "Resource A", Reason: "circular reference: A → B → C → A"}},
	"own alias": {"Resources:\n  F: {Type: AWS::Serverless::Function, Properties: {AutoPublishAlias: !Ref F.Alias}}\n",
		sam.Error{Line: 2, Place: "Resource F", Reason: "circular reference: F → F"}},
	"itself":            {"Resources:\n  A: {Type: X, Properties: {V: !Ref A}}\n", sam.Error{Line: 2, Place: "Resource A", Reason: "circular reference: A → A"}},
	"output":            {queue + "Outputs:\n  O: {Value: !Ref Nothing}\n", sam.Error{Line: 4, Place: "Output O", Reason: `there is no parameter or resource "Nothing"`}},
	"output of a list":  {queue + "Outputs:\n  O: {Value: [a]}\n", sam.Error{Line: 4, Place: "Output O", Reason: "Value is not text"}},
	"output of nothing": {queue + "Outputs:\n  O: {Description: x}\n", sam.Error{Line: 4, Place: "Output O", Reason: "there is no Value"}},
}

func TestTemplateErrors(t *testing.T) {
	t.Parallel()
	for name, test := range templateErrors {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := sam.Parse([]byte(test.src), &sam.Options{File: "f.yaml"})
			test.want.File = "f.yaml"
			wantError(t, err, &test.want)
		})
	}
}

func TestErrorsOfAllResourcesTogether(t *testing.T) {
	t.Parallel()
	_, err := sam.Parse([]byte(`Resources:
  FetchRule:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Nowhere
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      RedrivePolicy:
        deadLetterTargetArn: !GetAtt Dead.Arn
Outputs:
  Url: {Value: !Ref Nothing}
`), nil)
	want := `template.yaml:5: Resource FetchRule: there is no parameter or resource "Nowhere"
template.yaml:10: Resource Queue: there is no parameter or resource "Dead"
template.yaml:12: Output Url: there is no parameter or resource "Nothing"`
	if err == nil || err.Error() != want {
		t.Errorf("Parse:\n%v\nwant:\n%s", err, want)
	}
}

// TestHugeInputIsBounded holds the ways in which a small template could ask for a lot.
func TestHugeInputIsBounded(t *testing.T) {
	t.Parallel()
	var aliases strings.Builder
	aliases.WriteString("Resources:\n  A:\n    Type: X\n    Properties:\n      a0: &a0 [x, x, x, x, x, x, x, x, x]\n")
	for i := range 12 {
		prev, next := string(rune('a'+i)), string(rune('b'+i))
		aliases.WriteString("      " + next + "0: &" + next + "0 [" + strings.Repeat("*"+prev+"0, ", 9) + "]\n")
	}
	var names strings.Builder
	names.WriteString("Resources:\n")
	for i := range 26 {
		id, next := string(rune('A'+i)), string(rune('A'+(i+1)%26))
		name := `!Sub "${` + next + `.QueueName}${` + next + `.QueueName}"`
		if i == 25 {
			name = "name"
		}
		names.WriteString("  " + id + ": {Type: AWS::SQS::Queue, Properties: {QueueName: " + name + "}}\n")
	}
	sub := "x"
	for range 30 {
		sub = `{Fn::Sub: ["${a}${a}", {a: ` + sub + `}]}`
	}
	tests := map[string]struct{ src, want string }{
		"size":          {"Resources: {A: {Type: X}} #" + strings.Repeat("x", 1<<20), "larger than 1048576 bytes"},
		"aliases":       {aliases.String(), "more than 200000 values: are there aliases of aliases?"},
		"own alias":     {"Resources: &r\n  A: *r\n", "the alias *r contains itself"},
		"names":         {names.String(), "a name of 4096 characters is too long"},
		"substitutions": {"Resources:\n  A: {Type: X, Properties: {V: " + sub + "}}\n", "Fn::Sub produces more than 1048576 bytes"},
		"resources":     {"Resources:\n" + manyResources(501), "more than 500 members in Resources"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := sam.Parse([]byte(test.src), nil)
			var got *sam.Error
			if !errors.As(err, &got) || got.Reason != test.want {
				t.Errorf("Parse = %v, want %q", err, test.want)
			}
		})
	}
}

func manyResources(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("  A" + strings.Repeat("a", i) + ": {Type: X}\n")
	}
	return b.String()
}
