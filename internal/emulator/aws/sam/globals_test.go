package sam_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

func TestGlobalsAreMergedIntoProperties(t *testing.T) {
	t.Parallel()
	tpl := parse(t, `Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    Timeout: 3
    Tags: {a: global, b: global}
    Layers: [one]
    Role: !Sub "global"
    VpcConfig: {SubnetIds: [x]}
Resources:
  Merged:
    Type: AWS::Serverless::Function
    Properties:
      Timeout: 9
      Tags: {b: own, c: own}
      Layers: [two]
      Role: {Fn::Sub: own}
      VpcConfig: !Ref AWS::NoValue
  Bare: {Type: AWS::Serverless::Function}
  Picky:
    Type: AWS::Serverless::Function
    IgnoreGlobals: [Timeout, Tags]
  Alone:
    Type: AWS::Serverless::Function
    IgnoreGlobals: "*"
  Other: {Type: AWS::Lambda::Function}
`, nil)
	want := map[string]map[string]any{
		"Merged": {
			"Timeout": 9, "Role": "own", "Layers": []any{"one", "two"},
			"Tags": map[string]any{"a": "global", "b": "own", "c": "own"},
		},
		"Bare": {
			"Timeout": 3, "Role": "global", "Layers": []any{"one"}, "Tags": map[string]any{"a": "global", "b": "global"},
			"VpcConfig": map[string]any{"SubnetIds": []any{"x"}},
		},
		"Picky": {"Role": "global", "Layers": []any{"one"}, "VpcConfig": map[string]any{"SubnetIds": []any{"x"}}},
		"Alone": {},
		"Other": {},
	}
	got := map[string]map[string]any{}
	for _, r := range tpl.Resources {
		got[r.LogicalID] = r.Properties
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Properties (-want +got):\n%s", diff)
	}
}

func TestMalformedGlobalsAreAnError(t *testing.T) {
	t.Parallel()
	wantErrors(t, map[string]errorTest{
		"globals":           {queue + "Globals:\n  Queue: {}\n", sam.Error{Line: 4, Element: "Globals", Reason: `SAM has no Globals for "Queue", only for Function, Api, HttpApi, SimpleTable, StateMachine, LayerVersion, CapacityProvider`}},
		"globals not a map": {queue + "Globals:\n  Function: []\n", sam.Error{Line: 4, Element: "Globals", Reason: "Function must be a map, not a list"}},
	})
}
