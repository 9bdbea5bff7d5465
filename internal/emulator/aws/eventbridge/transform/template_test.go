package transform_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/transform"
)

var paths = map[string]string{
	"type":    "$.detail-type",
	"id":      "$.detail.id",
	"live":    "$.detail.live",
	"count":   "$.detail.count",
	"none":    "$.detail.none",
	"text":    "$.detail.text",
	"payload": "$.detail.payload",
	"list":    "$.resources",
	"missing": "$.detail.nothing",
	"all_n":   "$.detail.list[*].n",
	"de-tail": "$.detail.list[1]",
}

func TestTemplateIsFilledWithItsVariables(t *testing.T) {
	t.Parallel()
	tests := []struct{ template, want string }{
		// Strings.
		{`"Event of <type> type, from <id>"`, `"Event of v1.billing.meter.no_meter_found type, from evt_1"`},
		{`"instance \"<id>\" is <live>"`, `"instance \"evt_1\" is true"`},
		{`"nothing: <missing>."`, `"nothing: ."`},
		{`"<count> <none>"`, `"12.50 null"`},
		{`"Payload of <payload> with <list>"`, `"Payload of {id:p 1,tags:[a,b]} with [mtr_1,mtr_2]"`},
		{"\"<id> one\"\n\"<live> two\"", "\"evt_1 one\"\n\"true two\""},
		{`"{[/Check <id>"`, `"{[/Check evt_1"`},
		{`"a < b <id> > c"`, `"a < b evt_1 > c"`},
		{`"<aws.events.rule-name> triggered at <aws.events.event.ingestion-time>"`, `"alert triggered at 2026-11-22T05:00:01Z"`},
		{`"<text>"`, "\"he said \"no\"\n\""}, // nothing is escaped
		// Objects and arrays.
		{`{"id" : <id>}`, `{"id":"evt_1"}`},
		{`{"id" : "<id>"}`, `{"id":"evt_1"}`},
		{`{"path": "users/<id>/second/<id>"}`, `{"path":"users/evt_1/second/evt_1"}`},
		{`{"a": [9, <live>, <count>, <none>], "b": "yes"}`, `{"a":[9,true,12.50,null],"b":"yes"}`},
		{`{"a": <payload>, "b": <list>, "c": <all_n>}`, `{"a":{"id":"p 1","tags":["a","b"]},"b":["mtr_1","mtr_2"],"c":[1,2]}`},
		{`{"a": <missing>, "b": "<missing>"}`, `{"a":"","b":""}`},
		{`{"a": <text>}`, `{"a":"he said \"no\"\n"}`},
		{`{"a": "\"<id>\" is <live> <count>"}`, `{"a":"\"evt_1\" is true 12.50"}`},
		{` [<id>, {"deep": {"er": "<type>"}}, <de-tail>]`, `["evt_1",{"deep":{"er":"v1.billing.meter.no_meter_found"}},{"n":2}]`},
		{`{"arn": <aws.events.rule-arn>, "name": "<aws.events.rule-name>", "at": <aws.events.event.ingestion-time>}`,
			`{"arn":"arn:aws:events:us-east-1:123456789012:rule/bus/alert","name":"alert","at":"2026-11-22T05:00:01Z"}`},
		{`{"a": "no variables"}`, `{"a":"no variables"}`},
		{`<payload>`, `{"id":"p 1","tags":["a","b"]}`},
		{`<missing>`, `""`},
		{`5`, `5`},
	}
	for _, test := range tests {
		t.Run(test.template, func(t *testing.T) {
			t.Parallel()
			got, err := apply(t, transform.Spec{PathsMap: paths, Template: &test.template}, envelope)
			if got != test.want || err != nil {
				t.Errorf("Apply =\n%s, %v, want\n%s", got, err, test.want)
			}
		})
	}
}

func TestTemplateThatBecomesInvalidJSONIsAnError(t *testing.T) {
	t.Parallel()
	for _, template := range []string{
		`{"payload": "<payload>"}`, `{"list": "<list>"}`, `{"text": "<text>"}`, `{"event": "<aws.events.event.json>"}`, `["<payload>"]`,
	} {
		got, err := apply(t, transform.Spec{PathsMap: paths, Template: &template}, envelope)
		if got != "" || !errors.Is(err, transform.ErrOutput) {
			t.Errorf("%s: %q, %v, want %v", template, got, err, transform.ErrOutput)
		}
	}
}

func TestMalformedTemplateIsAnError(t *testing.T) {
	t.Parallel()
	wantErrors(t, map[string]errorTest{
		"unknown":       {transform.Spec{PathsMap: paths, Template: text(`"<unknown>"`)}, transform.Error{Field: "InputTemplate", Reason: "the variable <unknown> is not in InputPathsMap"}},
		"empty":         {transform.Spec{Template: text("")}, transform.Error{Field: "InputTemplate", Reason: "must have 1 to 8192 characters, not 0"}},
		"blank":         {transform.Spec{Template: text(" ")}, transform.Error{Field: "InputTemplate", Reason: "not valid JSON: EOF"}},
		"long template": {transform.Spec{Template: text(strings.Repeat(" ", 8193))}, transform.Error{Field: "InputTemplate", Reason: "must have 1 to 8192 characters, not 8193"}},
		"no quotes":     {transform.Spec{PathsMap: paths, Template: text("<list> single list item")}, transform.Error{Field: "InputTemplate", Reason: "not valid JSON: invalid character 's' looking for beginning of value"}},
		"not closed":    {transform.Spec{PathsMap: paths, Template: text(`{"a": <id>`)}, transform.Error{Field: "InputTemplate", Reason: "not valid JSON: unexpected EOF"}},
		"key":           {transform.Spec{PathsMap: paths, Template: text(`[{"a": {"x<id>": 1}}]`)}, transform.Error{Field: "InputTemplate", Reason: "a variable cannot be part of the key of an object"}},
		"bare key":      {transform.Spec{PathsMap: paths, Template: text(`{<id>: 1}`)}, transform.Error{Field: "InputTemplate", Reason: "not valid JSON: invalid character 'n' looking for beginning of object key string"}},
	})
}

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
