package sam_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

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

var intrinsics = []struct {
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

func TestIntrinsics(t *testing.T) {
	t.Parallel()
	for _, test := range intrinsics {
		t.Run(test.value, func(t *testing.T) {
			t.Parallel()
			resource, _ := parse(t, head+test.value, nil).Resource("Test")
			if diff := cmp.Diff(test.want, resource.Properties["V"]); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.value, diff)
			}
		})
	}
}

var intrinsicErrors = []struct{ value, want string }{
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

func TestIntrinsicErrors(t *testing.T) {
	t.Parallel()
	line := strings.Count(head, "\n") + 1
	for _, test := range intrinsicErrors {
		t.Run(test.value, func(t *testing.T) {
			t.Parallel()
			_, err := sam.Parse([]byte(head+test.value), nil)
			wantError(t, err, &sam.Error{File: "template.yaml", Line: line, Place: "Resource Test", Reason: test.want})
		})
	}
}
