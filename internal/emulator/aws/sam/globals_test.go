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
    Handler: !Sub "global"
    VpcConfig: {SubnetIds: [x]}
Resources:
  Merged:
    Type: AWS::Serverless::Function
    Properties:
      Timeout: 9
      Tags: {b: own, c: own}
      Layers: [two]
      Handler: {Fn::Sub: own}
      VpcConfig: !Ref AWS::NoValue
  Bare: {Type: AWS::Serverless::Function}
  Picky:
    Type: AWS::Serverless::Function
    IgnoreGlobals: [Timeout, Tags]
  Alone:
    Type: AWS::Serverless::Function
    IgnoreGlobals: "*"
  Other: {Type: AWS::Lambda::Function, Properties: {Role: r, Code: {ZipFile: z}}}
`, nil)
	want := map[string]map[string]any{
		"Merged": {
			"Timeout": 9, "Handler": "own", "Layers": []any{"one", "two"},
			"Tags": map[string]any{"a": "global", "b": "own", "c": "own"},
		},
		"Bare": {
			"Timeout": 3, "Handler": "global", "Layers": []any{"one"}, "Tags": map[string]any{"a": "global", "b": "global"},
			"VpcConfig": map[string]any{"SubnetIds": []any{"x"}},
		},
		"Picky": {"Handler": "global", "Layers": []any{"one"}, "VpcConfig": map[string]any{"SubnetIds": []any{"x"}}},
		"Alone": {},
		"Other": {"Role": "r", "Code": map[string]any{"ZipFile": "z"}},
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
		"globals":           {queue + "Globals:\n  Queue: {}\n", sam.Error{Line: 4, Element: "Globals", Reason: `no section "Queue"; there are Api, CapacityProvider, Function, HttpApi, LayerVersion, MicrovmImage, NetworkConnector, SimpleTable, StateMachine, WebSocketApi`, Schema: true}},
		"globals not a map": {queue + "Globals:\n  Function: []\n", sam.Error{Line: 4, Element: "Globals", Reason: "Function must be a map, not a list"}},
	})
}
