package sam_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// head declares the names that the values under test refer to, and ends where the value follows.
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
  Api: {Type: AWS::Serverless::Api, Properties: {StageName: Prod}}
  Test:
    Type: Test::Test::Test
    Properties:
      V: `

type valueTest struct {
	value string
	want  any
}

// wantValues checks the result of evaluating each value after head.
func wantValues(t *testing.T, tests []valueTest) {
	t.Helper()
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

var functionValues = []valueTest{
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
	{`{Condition: Yes}`, map[string]any{"Condition": "Yes"}}, // in a policy this is just a key
	{`{Ref: a, Other: b}`, map[string]any{"Ref": "a", "Other": "b"}},
}

func TestFunctionsAreEvaluated(t *testing.T) {
	t.Parallel()
	wantValues(t, functionValues)
}

var functionErrors = []struct{ value, want string }{
	{`!Ref Unknown`, `the template has no parameter or resource "Unknown"`},
	{`!Ref AWS::Nothing`, `AWS::Nothing is not a pseudo parameter`},
	{`!Ref [a]`, `Ref takes the name of a parameter or resource`},
	{`!Ref Queue.Stage`, `the template has no parameter or resource "Queue.Stage"`},
	{`!Ref Gone`, `resource "Gone" is not created because its condition is false`},
	{`!Ref QueueRole`, `the template has no parameter or resource "QueueRole"`},
	{`!Ref ServerlessHttpApi`, `the template has no parameter or resource "ServerlessHttpApi"`},
	{`!Ref Function.Alias`, `Function has no alias: set its property AutoPublishAlias`},
	{`!GetAtt Queue`, `Fn::GetAtt takes a resource and an attribute, as in Resource.Attribute, not "Queue"`},
	{`!GetAtt Queue.Colour`, `Queue (AWS::SQS::Queue) has no attribute "Colour"; it has Arn, QueueName, QueueUrl`},
	{`!GetAtt [Queue]`, `Fn::GetAtt takes a list of 2 arguments`},
	{`!GetAtt [[a], b]`, `Fn::GetAtt takes the names of a resource and of an attribute`},
	{`!Sub [a]`, `Fn::Sub takes a string, or a list of a string and a map of variables`},
	{`!Sub [a, b]`, `Fn::Sub takes a string, or a list of a string and a map of variables`},
	{`!Sub "${}"`, `Fn::Sub: ${} does not name a variable; write ${!} for the text itself`},
	{`!Sub "${a b}"`, `Fn::Sub: ${a b} does not name a variable; write ${!a b} for the text itself`},
	{`!Sub "${Unknown}"`, `the template has no parameter or resource "Unknown"`},
	{`!Sub "${List}"`, `Fn::Sub: the value of ${List} is not a string`},
	{`!Join [a]`, `Fn::Join takes a list of 2 arguments`},
	{`!Join [",", a]`, `Fn::Join takes a delimiter and a list`},
	{`!Join [",", [[a]]]`, `Fn::Join: item 0 is not a string`},
	{`!Select [3, !Ref List]`, `Fn::Select: there is no item 3 in a list of 3 items, which are numbered from 0`},
	{`!Select [-1, !Ref List]`, `Fn::Select: there is no item -1 in a list of 3 items, which are numbered from 0`},
	{`!Select [x, !Ref List]`, `Fn::Select takes an index and a list`},
	{`!Split ["", "ab"]`, `Fn::Split takes a delimiter, which cannot be empty, and a string`},
	{`!If [Yes, a]`, `Fn::If takes the name of a condition and two values`},
	{`!If [Unknown, a, b]`, `the template has no condition "Unknown"`},
	{`!If [!Ref Text, a, b]`, `Fn::If takes the name of a condition and two values`},
	{`!FindInMap [Map, top, other]`, `Fn::FindInMap: Mappings.Map.top has no key "other"`},
	{`!FindInMap [Other, top, other]`, `Fn::FindInMap: Mappings has no key "Other"`},
	{`!FindInMap [Map, [top], second]`, `Fn::FindInMap takes the name of a mapping and two keys`},
	{`!ImportValue x`, `Fn::ImportValue: no template before this one exports "x" (none has exports); use a parameter whose default is the value, such as the name of the bus`},
	{`!Transform {Name: AWS::Include}`, `Fn::Transform is not supported`},
	{`!Subb x`, `Fn::Subb is not supported: did you mean !Sub?`},
	{`!Base64 [a]`, `Fn::Base64 takes a string`},
	{`!Equals [a]`, `Fn::Equals takes a list of 2 arguments`},
	{`!Equals [a, [b]]`, `Fn::Equals compares strings, not lists or maps`},
}

func TestMisusedFunctionIsAnError(t *testing.T) {
	t.Parallel()
	line := strings.Count(head, "\n") + 1
	for _, test := range functionErrors {
		t.Run(test.value, func(t *testing.T) {
			t.Parallel()
			_, err := sam.Parse([]byte(head+test.value), nil)
			wantError(t, err, &sam.Error{File: "template.yaml", Line: line, Element: "Resource Test", Reason: test.want})
		})
	}
}
