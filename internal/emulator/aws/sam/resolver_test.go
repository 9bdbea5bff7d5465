package sam_test

import (
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

func TestMalformedTemplateIsAnError(t *testing.T) {
	t.Parallel()
	wantErrors(t, map[string]errorTest{
		"not a map":          {"[]", sam.Error{Line: 1, Reason: "a template must be a map of sections, not a list"}},
		"no resources":       {"Outputs: {}", sam.Error{Line: 1, Reason: "the template has no Resources section"}},
		"section not a map":  {queue + "Outputs: []", sam.Error{Line: 3, Reason: "Outputs must be a map, not a list"}},
		"logical id":         {"Resources:\n  a-b: {Type: Custom::X}\n", sam.Error{Line: 2, Element: "Resource a-b", Reason: "a logical ID can contain only letters and digits"}},
		"resource not a map": {"Resources:\n  A: x\n", sam.Error{Line: 2, Element: "Resource A", Reason: "a resource must be a map, not a scalar"}},
		"no type":            {"Resources:\n  A: {Properties: {}}\n", sam.Error{Line: 2, Element: "Resource A", Reason: "the resource has no Type"}},
		"loop":               {"Resources:\n  A: {Type: Custom::X}\n  Fn::ForEach::Queues: [N, [A, B], {}]\n", sam.Error{Line: 3, Reason: "Fn::ForEach::Queues is not supported"}},
	})
}
