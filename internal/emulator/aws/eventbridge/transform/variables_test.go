package transform_test

import (
	"fmt"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/transform"
)

func TestReservedVariablesHoldTheEvent(t *testing.T) {
	t.Parallel()
	const event = `{"id":"1","detail-type":"t","source":"s","detail":{"a": 1},"replay-name":"r"}`
	tests := map[string]string{
		`{"e": <aws.events.event>}`:      `{"e":{"id":"1","detailType":"t","source":"s","replay-name":"r"}}`,
		`{"e": <aws.events.event.json>}`: `{"e":{"id":"1","detail-type":"t","source":"s","detail":{"a":1},"replay-name":"r"}}`,
		`<aws.events.event.json>`:        `{"id":"1","detail-type":"t","source":"s","detail":{"a":1},"replay-name":"r"}`,
		`"got <aws.events.event>"`:       `"got {id:1,detailType:t,source:s,replay-name:r}"`,
	}
	for template, want := range tests {
		if got, err := apply(t, transform.Spec{Template: &template}, event); got != want || err != nil {
			t.Errorf("%s:\n%s, %v, want\n%s", template, got, err, want)
		}
	}
}

func TestMalformedVariableIsAnError(t *testing.T) {
	t.Parallel()
	wantErrors(t, map[string]errorTest{
		"variable's name": {transform.Spec{PathsMap: map[string]string{"aws.events.event": "$"}, Template: text(`"x"`)}, transform.Error{Field: "InputPathsMap.aws.events.event", Reason: "a name must be 1 to 256 letters, digits, - or _"}},
		"many variables":  {transform.Spec{PathsMap: manyVariables(), Template: text(`"x"`)}, transform.Error{Field: "InputPathsMap", Reason: "more than 100 variables"}},
	})
}

func manyVariables() map[string]string {
	many := map[string]string{}
	for i := range 101 {
		many[fmt.Sprint("v", i)] = "$.id"
	}
	return many
}
