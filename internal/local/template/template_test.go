package template_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/local/template"
)

var update = flag.Bool("update", false, "rewrite testdata/everything.json")

func parse(t *testing.T, src string, opts *template.Options) *template.Template {
	t.Helper()
	tpl, err := template.Parse([]byte(src), opts)
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
	tpl := parse(t, readFile(t, "testdata/everything.yaml"), &template.Options{StackName: "meter", Endpoint: "http://127.0.0.1:4566/"})
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
		&template.Options{Parameters: map[string]string{"Stage": "prod", "AlarmEmail": "ops@example.com", "Concurrency": "7"}})
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
	if want := (template.Output{Name: "OnlyInProd", Value: "7"}); last != want {
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

// head declares what the intrinsics under test refer to.
const head = `
Parameters:
  Text: {Type: String, Default: hello}
  Count: {Type: Number, Default: "3"}
  Ratio: {Type: Number, Default: 0.5}
  List: {Type: CommaDelimitedList, Default: "a, b,c"}
  Empty: {Type: CommaDelimitedList, Default: ""}
Mappings:
  Map: {top: {second: 1, list: [x, y]}}
Conditions:
  Yes: !Equals [a, a]
  No: !Equals [a, b]
  NumberIsText: !Equals [!Ref Count, 3]
  BoolIsText: !Equals [true, "true"]
  Both: !And [!Condition Yes, !Condition No]
  One: {Fn::Or: [{Condition: Yes}, {Condition: No}]}
  Nested: !Not [!And [!Condition Yes, !Not [!Condition No]]]
Resources:
  Queue: {Type: AWS::SQS::Queue}
  Gone: {Type: AWS::SQS::Queue, Condition: No}
  Function: {Type: AWS::Serverless::Function}
  Api: {Type: AWS::Serverless::Api}
  Test:
    Type: Test::Test::Test
    Properties:
      V: `

func TestIntrinsics(t *testing.T) {
	t.Parallel()
	tests := []struct {
		value string
		want  any
	}{
		{`!Ref Text`, "hello"},
		{`{Ref: Text}`, "hello"},
		{`!Ref Count`, 3},
		{`!Ref Ratio`, 0.5},
		{`!Ref List`, []any{"a", "b", "c"}},
		{`!Ref Empty`, []any{}},
		{`!Ref Queue`, "https://sqs.us-east-1.amazonaws.com/000000000000/meterbridge-Queue"},
		{`!Ref AWS::Region`, "us-east-1"},
		{`!Ref "AWS::AccountId"`, "000000000000"},
		{`!Ref AWS::Partition`, "aws"},
		{`!Ref AWS::StackName`, "meterbridge"},
		{`!Ref AWS::URLSuffix`, "amazonaws.com"},
		{`!Ref AWS::StackId`, "arn:aws:cloudformation:us-east-1:000000000000:stack/meterbridge/00000000-0000-0000-0000-000000000000"},
		{`!Ref AWS::NotificationARNs`, []any{}},
		{`!Ref AWS::NoValue`, nil},
		{`[a, !Ref AWS::NoValue, b]`, []any{"a", "b"}},
		{`{a: !Ref AWS::NoValue, b: 1}`, map[string]any{"b": 1}},
		{`!GetAtt Queue.Arn`, "arn:aws:sqs:us-east-1:000000000000:meterbridge-Queue"},
		{`!GetAtt [Queue, Arn]`, "arn:aws:sqs:us-east-1:000000000000:meterbridge-Queue"},
		{`{Fn::GetAtt: Queue.QueueName}`, "meterbridge-Queue"},
		{`{Fn::GetAtt: [Queue, {Fn::Sub: "QueueName"}]}`, "meterbridge-Queue"},
		{`!Ref Function.Version`, "arn:aws:lambda:us-east-1:000000000000:function:meterbridge-Function:1"},
		{`!Sub "${FunctionRole.Arn} ${Api.Stage} ${Api}"`, "arn:aws:iam::000000000000:role/meterbridge-FunctionRole Prod api"},
		{`!Sub "plain"`, "plain"},
		{`!Sub "${Text} ${Count} ${ Ratio } ${Queue.Arn} ${AWS::Region}"`, "hello 3 0.5 arn:aws:sqs:us-east-1:000000000000:meterbridge-Queue us-east-1"},
		{`!Sub "${!Text} $Text $$ {Text} ${"`, "${Text} $Text $$ {Text} ${"},
		{`!Sub ["${Text}-${Other}", {Text: own, Other: !Ref Count}]`, "own-3"},
		{`{Fn::Sub: ["${A.B}", {A.B: dotted}]}`, "dotted"},
		{`!Join [",", [a, 1, 2.5, true, !Ref Text]]`, "a,1,2.5,true,hello"},
		{`!Join ["", !Ref List]`, "abc"},
		{`!Join ["-", !Split [",", "x,y"]]`, "x-y"},
		{`!Select [1, !Ref List]`, "b"},
		{`!Select ["1", [a, {k: v}]]`, map[string]any{"k": "v"}},
		{`!Split ["|", "a||b"]`, []any{"a", "", "b"}},
		{`!If [Yes, 1, !Ref Unknown]`, 1},
		{`!If [No, !GetAtt Gone.Arn, 2]`, 2},
		{`{Fn::If: [NumberIsText, yes, no]}`, "yes"},
		{`!If [BoolIsText, t, f]`, "t"},
		{`!If [Both, t, f]`, "f"},
		{`!If [One, t, f]`, "t"},
		{`!If [Nested, t, f]`, "f"},
		{`!If [Yes, !Ref AWS::NoValue, x]`, nil},
		{`!FindInMap [Map, top, second]`, 1},
		{`!FindInMap [Map, !Select [0, [top]], list]`, []any{"x", "y"}},
		{`!Base64 hello`, "aGVsbG8="},
		{`{Fn::Base64: !Sub "${Text}"}`, "aGVsbG8="},
		{`{Fn::ToJsonString: {a: [1, "<&>", !Ref Text]}}`, `{"a":[1,"<&>","hello"]}`},
		{`!GetAZs ""`, []any{"us-east-1a", "us-east-1b", "us-east-1c"}},
		{`2012-10-17`, "2012-10-17"},
		{`2012-10-17T00:00:00Z`, "2012-10-17T00:00:00Z"},
		{`012345678901`, "012345678901"},
		{`123456789012345678901`, "123456789012345678901"},
		{`123456789012`, 123456789012},
		{`1.50`, 1.5},
		{`.inf`, ".inf"},
		{`true`, true},
		{`"true"`, "true"},
		{`null`, nil},
		{`{Condition: Yes}`, map[string]any{"Condition": "Yes"}}, // in a policy this is just a key
		{`{Ref: a, Other: b}`, map[string]any{"Ref": "a", "Other": "b"}},
		{`{1: one}`, map[string]any{"1": "one"}},
		{`[&x {a: b}, *x]`, []any{map[string]any{"a": "b"}, map[string]any{"a": "b"}}},
	}
	for _, test := range tests {
		t.Run(test.value, func(t *testing.T) {
			t.Parallel()
			resource, _ := parse(t, head+test.value, nil).Resource("Test")
			if diff := cmp.Diff(test.want, resource.Properties["V"]); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.value, diff)
			}
		})
	}
}

func TestIntrinsicErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ value, want string }{
		{`!Ref Unknown`, `there is no parameter or resource "Unknown"`},
		{`!Ref AWS::Nothing`, `there is no pseudo parameter AWS::Nothing`},
		{`!Ref [a]`, `Ref takes a name`},
		{`!Ref Queue.Stage`, `there is no parameter or resource "Queue.Stage"`},
		{`!Ref Gone`, `Gone does not exist: its condition is false`},
		{`!Ref QueueRole`, `there is no parameter or resource "QueueRole"`},
		{`!Ref ServerlessHttpApi`, `there is no parameter or resource "ServerlessHttpApi"`},
		{`!Ref Function.Alias`, `Function has no AutoPublishAlias`},
		{`!GetAtt Queue`, `Fn::GetAtt takes a resource and an attribute, not "Queue"`},
		{`!GetAtt Queue.Colour`, `Queue (AWS::SQS::Queue) has no attribute "Colour"; it has Arn, QueueName, QueueUrl`},
		{`!GetAtt [Queue]`, `Fn::GetAtt takes a list of 2 arguments`},
		{`!GetAtt [[a], b]`, `Fn::GetAtt takes a resource and an attribute`},
		{`!Sub [a]`, `Fn::Sub takes a text, or a list of a text and a map of variables`},
		{`!Sub [a, b]`, `Fn::Sub takes a text, or a list of a text and a map of variables`},
		{`!Sub "${}"`, `Fn::Sub: ${} is not the name of a variable`},
		{`!Sub "${a b}"`, `Fn::Sub: ${a b} is not the name of a variable`},
		{`!Sub "${Unknown}"`, `there is no parameter or resource "Unknown"`},
		{`!Sub "${List}"`, `Fn::Sub: ${List} is not text`},
		{`!Join [a]`, `Fn::Join takes a list of 2 arguments`},
		{`!Join [",", a]`, `Fn::Join takes a delimiter and a list`},
		{`!Join [",", [[a]]]`, `Fn::Join: item 0 is not text`},
		{`!Select [3, !Ref List]`, `Fn::Select: there is no item 3 in a list of 3`},
		{`!Select [-1, !Ref List]`, `Fn::Select: there is no item -1 in a list of 3`},
		{`!Select [x, !Ref List]`, `Fn::Select takes an index and a list`},
		{`!Split ["", "ab"]`, `Fn::Split takes a delimiter and a text`},
		{`!If [Yes, a]`, `Fn::If takes a condition and two values`},
		{`!If [Unknown, a, b]`, `there is no condition "Unknown"`},
		{`!If [!Ref Text, a, b]`, `Fn::If takes the name of a condition`},
		{`!FindInMap [Map, top, other]`, `Fn::FindInMap: there is no "other" in Mappings.Map.top`},
		{`!FindInMap [Other, top, other]`, `Fn::FindInMap: there is no "Other" in Mappings`},
		{`!FindInMap [Map, [top], second]`, `Fn::FindInMap takes a map's name and two keys`},
		{`!ImportValue x`, `Fn::ImportValue needs another stack's exports, which only AWS has`},
		{`!Transform {Name: AWS::Include}`, `Fn::Transform is not supported`},
		{`!Subb x`, `Fn::Subb is not supported`},
		{`!Base64 [a]`, `Fn::Base64 takes text`},
		{`!Equals [a]`, `Fn::Equals takes a list of 2 arguments`},
		{`!Equals [a, [b]]`, `Fn::Equals compares two values that are not lists or maps`},
	}
	line := strings.Count(head, "\n") + 1
	for _, test := range tests {
		t.Run(test.value, func(t *testing.T) {
			t.Parallel()
			_, err := template.Parse([]byte(head+test.value), nil)
			wantError(t, err, &template.Error{File: "template.yaml", Line: line, Place: "Resource Test", Reason: test.want})
		})
	}
}

func wantError(t *testing.T, err error, want *template.Error) {
	t.Helper()
	var got *template.Error
	if !errors.As(err, &got) {
		t.Fatalf("Parse = %v, want a *template.Error", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func TestTemplateErrors(t *testing.T) {
	t.Parallel()
	const queue = "Resources:\n  Queue: {Type: AWS::SQS::Queue}\n"
	tests := map[string]struct {
		src  string
		want template.Error
	}{
		"empty":              {"", template.Error{Reason: "the template is empty"}},
		"comment only":       {"# nothing\n", template.Error{Reason: "the template is empty"}},
		"two documents":      {queue + "---\n" + queue, template.Error{Reason: "more than one YAML document"}},
		"not YAML":           {"Resources:\n  A: [\n", template.Error{Line: 2, Reason: "did not find expected node content"}},
		"not a map":          {"[]", template.Error{Line: 1, Reason: "a template is a map of sections, not a list"}},
		"no resources":       {"Outputs: {}", template.Error{Line: 1, Reason: "there is no Resources section"}},
		"unknown section":    {queue + "Ressources: {}", template.Error{Line: 3, Reason: `unknown section "Ressources"`}},
		"section not a map":  {queue + "Outputs: []", template.Error{Line: 3, Reason: "Outputs is a map, not a list"}},
		"duplicate key":      {"Resources:\n  A: {Type: X}\n  A: {Type: Y}\n", template.Error{Line: 3, Reason: `the key "A" is there twice`}},
		"merge key":          {"Resources:\n  A: &a {Type: X}\n  B: {<<: *a}\n", template.Error{Line: 3, Reason: "CloudFormation knows no merge key (<<)"}},
		"key not text":       {"Resources:\n  [a]: b\n", template.Error{Line: 2, Reason: "a key must be text"}},
		"logical id":         {"Resources:\n  a-b: {Type: X}\n", template.Error{Line: 2, Place: "Resource a-b", Reason: "a logical id consists of letters and digits"}},
		"resource not a map": {"Resources:\n  A: x\n", template.Error{Line: 2, Place: "Resource A", Reason: "a resource is a map, not a value"}},
		"no type":            {"Resources:\n  A: {Properties: {}}\n", template.Error{Line: 2, Place: "Resource A", Reason: "there is no Type"}},
		"unknown attribute":  {"Resources:\n  A:\n    Type: X\n    Propertys: {}\n", template.Error{Line: 4, Place: "Resource A", Reason: `unknown attribute "Propertys"`}},
		"properties a list":  {"Resources:\n  A: {Type: X, Properties: []}\n", template.Error{Line: 2, Place: "Resource A", Reason: "Properties is a map, not a list"}},
		"metadata a list":    {"Resources:\n  A: {Type: X, Metadata: []}\n", template.Error{Line: 2, Place: "Resource A", Reason: "Metadata is a map, not a list"}},
		"depends on nothing": {"Resources:\n  A: {Type: X, DependsOn: B}\n", template.Error{Line: 2, Place: "Resource A", Reason: `DependsOn: there is no resource "B"`}},
		"unknown condition":  {"Resources:\n  A: {Type: X, Condition: C}\n", template.Error{Line: 2, Place: "Resource A", Reason: `there is no condition "C"`}},
		"globals":            {queue + "Globals:\n  Queue: {}\n", template.Error{Line: 4, Place: "Globals", Reason: `SAM has none for "Queue"`}},
		"globals not a map":  {queue + "Globals:\n  Function: []\n", template.Error{Line: 4, Place: "Globals", Reason: "Function is a map, not a list"}},
		"name not text":      {"Resources:\n  A: {Type: AWS::SQS::Queue, Properties: {QueueName: [a]}}\n", template.Error{Line: 2, Place: "Resource A", Reason: "QueueName is not text"}},
		"condition on itself": {queue + "Conditions:\n  A: !Not [!Condition B]\n  B: !Not [!Condition A]\n",
			template.Error{Line: 5, Place: "Condition B", Reason: `condition "A" depends on itself`}},
		"condition on a resource": {queue + "Conditions:\n  A: !Equals [!Ref Queue, x]\n",
			template.Error{Line: 4, Place: "Condition A", Reason: `there is no parameter "Queue"; a condition cannot refer to a resource`}},
		"condition that is none": {queue + "Conditions:\n  A: !Sub x\n", template.Error{Line: 4, Place: "Condition A", Reason: "Fn::Sub is not a condition function"}},
		"condition as a value":   {queue + "Conditions:\n  A: true\n", template.Error{Line: 4, Place: "Condition A", Reason: "a condition function is wanted, not a value"}},
		"and of one":             {queue + "Conditions:\n  A: !And [!Equals [a, a]]\n", template.Error{Line: 4, Place: "Condition A", Reason: "Fn::And takes a list of 2 to 10 conditions"}},
		"circular names": {"Resources:\n  A: {Type: AWS::SQS::Queue, Properties: {QueueName: !GetAtt B.QueueName}}\n  B: {Type: AWS::SQS::Queue, Properties: {QueueName: !GetAtt A.QueueName}}\n",
			template.Error{Line: 3, Place: "Resource B", Reason: "circular reference: A → B → A"}},
		"circular resources": {"Resources:\n  A: {Type: X, Properties: {V: !Ref B}}\n  B: {Type: X, Properties: {V: !Ref C}}\n  C: {Type: X, DependsOn: A}\n",
			template.Error{Line: 2, Place: "Resource A", Reason: "circular reference: A → B → C → A"}},
		"own alias": {"Resources:\n  F: {Type: AWS::Serverless::Function, Properties: {AutoPublishAlias: !Ref F.Alias}}\n",
			template.Error{Line: 2, Place: "Resource F", Reason: "circular reference: F → F"}},
		"itself":            {"Resources:\n  A: {Type: X, Properties: {V: !Ref A}}\n", template.Error{Line: 2, Place: "Resource A", Reason: "circular reference: A → A"}},
		"output":            {queue + "Outputs:\n  O: {Value: !Ref Nothing}\n", template.Error{Line: 4, Place: "Output O", Reason: `there is no parameter or resource "Nothing"`}},
		"output of a list":  {queue + "Outputs:\n  O: {Value: [a]}\n", template.Error{Line: 4, Place: "Output O", Reason: "Value is not text"}},
		"output of nothing": {queue + "Outputs:\n  O: {Description: x}\n", template.Error{Line: 4, Place: "Output O", Reason: "there is no Value"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := template.Parse([]byte(test.src), &template.Options{File: "f.yaml"})
			test.want.File = "f.yaml"
			wantError(t, err, &test.want)
		})
	}
}

func TestErrorsOfAllResourcesTogether(t *testing.T) {
	t.Parallel()
	_, err := template.Parse([]byte(`Resources:
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
			_, err := template.Parse([]byte(test.src), nil)
			var got *template.Error
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
