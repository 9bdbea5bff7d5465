package sam_test

import (
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

func TestMalformedResourceIsAnError(t *testing.T) {
	t.Parallel()
	wantErrors(t, map[string]errorTest{
		"properties a list":  {"Resources:\n  A: {Type: Custom::X, Properties: []}\n", sam.Error{Line: 2, Element: "Resource A", Reason: "Properties must be a map, not a list"}},
		"metadata a list":    {"Resources:\n  A: {Type: Custom::X, Metadata: []}\n", sam.Error{Line: 2, Element: "Resource A", Reason: "Metadata must be a map, not a list"}},
		"depends on nothing": {"Resources:\n  A: {Type: Custom::X, DependsOn: B}\n", sam.Error{Line: 2, Element: "Resource A", Reason: `DependsOn: the template has no resource "B"`}},
	})
}

func TestResourcesThatNeedEachOtherAreAnError(t *testing.T) {
	t.Parallel()
	wantErrors(t, map[string]errorTest{
		"circular resources": {"Resources:\n  A: {Type: Custom::X, Properties: {V: !Ref B}}\n  B: {Type: Custom::X, Properties: {V: !Ref C}}\n  C: {Type: Custom::X, DependsOn: A}\n",
			sam.Error{Line: 2, Element: "Resource A", Reason: "circular reference: A → B → C → A"}},
		"reference to itself": {"Resources:\n  A: {Type: Custom::X, Properties: {V: !Ref A}}\n", sam.Error{Line: 2, Element: "Resource A", Reason: "circular reference: A → A"}},
	})
}

// TestFunctionAndItsAPICanReferToEachOther, because SAM generates separate resources for a
// function's events: the function does not depend on the API that its event refers to.
func TestFunctionAndItsAPICanReferToEachOther(t *testing.T) {
	t.Parallel()
	parse(t, `Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth: {Authorizers: {A: {FunctionArn: !GetAtt Handler.Arn}}}
  Handler:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Get: {Type: HttpApi, Properties: {ApiId: !Ref Api}}
`, nil)
}

func TestOutputThatIsNotAStringIsAnError(t *testing.T) {
	t.Parallel()
	wantErrors(t, map[string]errorTest{
		"undefined reference":    {queue + "Outputs:\n  O: {Value: !Ref Nothing}\n", sam.Error{Line: 4, Element: "Output O", Reason: `the template has no parameter or resource "Nothing"`}},
		"output of a list":       {queue + "Outputs:\n  O: {Value: [a]}\n", sam.Error{Line: 4, Element: "Output O", Reason: "Value must be a string"}},
		"output without a value": {queue + "Outputs:\n  O: {Description: x}\n", sam.Error{Line: 4, Element: "Output O", Reason: "the output has no Value"}},
	})
}
