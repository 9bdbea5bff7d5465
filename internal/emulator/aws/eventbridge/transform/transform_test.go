package transform_test

import (
	"errors"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/transform"
)

const envelope = `{
	"version": "0",
	"id": "7bf73129-1428-4cd3-a780-95db273d1602",
	"detail-type": "v1.billing.meter.no_meter_found",
	"source": "stripe.event",
	"account": "123456789012",
	"time": "2026-11-22T05:00:00Z",
	"region": "us-east-1",
	"resources": ["mtr_1", "mtr_2"],
	"detail": {
		"id": "evt_1",
		"live": true,
		"count": 12.50,
		"none": null,
		"text": "he said \"no\"\n",
		"payload": {"id": "p 1", "tags": ["a", "b"]},
		"list": [{"n": 1, "m": [1, 2]}, {"n": 2}, {"x": 3, "m": [3]}],
		"a/b": "slash"
	}
}`

var meta = transform.Meta{
	RuleARN:       "arn:aws:events:us-east-1:123456789012:rule/bus/alert",
	RuleName:      "alert",
	IngestionTime: time.Date(2026, 11, 22, 6, 0, 1, 5e8, time.FixedZone("", 3600)),
}

func apply(t *testing.T, spec transform.Spec, event string) (string, error) {
	t.Helper()
	tr, err := transform.New(spec)
	if err != nil {
		t.Fatalf("New(%+v): %v", spec, err)
	}
	out, err := tr.Apply([]byte(event), meta)
	return string(out), err
}

func TestWholeEvent(t *testing.T) {
	t.Parallel()
	if got, err := apply(t, transform.Spec{}, envelope); got != envelope || err != nil {
		t.Errorf("Apply = %s, %v, want the event unchanged", got, err)
	}
}

func TestInput(t *testing.T) {
	t.Parallel()
	for _, input := range []string{`{"a": [1, "<x>"]}`, `"text"`, `5`, `null`} {
		if got, err := apply(t, transform.Spec{Input: &input}, envelope); got != input || err != nil {
			t.Errorf("Apply = %s, %v, want %s as it is", got, err, input)
		}
	}
}

func TestInputPath(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"$.detail-type":          `"v1.billing.meter.no_meter_found"`,
		"$.detail.payload":       `{"id":"p 1","tags":["a","b"]}`,
		"$.detail.payload.id":    `"p 1"`,
		"$.detail.count":         `12.50`,
		"$.detail.live":          `true`,
		"$.detail.none":          `null`,
		"$.detail.text":          `"he said \"no\"\n"`,
		"$.detail.a/b":           `"slash"`,
		"$.resources":            `["mtr_1","mtr_2"]`,
		"$.resources[1]":         `"mtr_2"`,
		"$.resources[*]":         `["mtr_1","mtr_2"]`,
		"$.detail.list[0].n":     `1`,
		"$.detail.list[0].m[1]":  `2`,
		"$.detail.list[*].n":     `[1,2]`,
		"$.detail.list[*].m[*]":  `[1,2,3]`,
		"$.detail.list[*].none":  `[]`,
		"$.detail.payload.*":     `["p 1",["a","b"]]`,
		"$.detail.payload[*][1]": `["b"]`,
		"$.detail.id[*]":         `[]`,
	}
	for path, want := range tests {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			if got, err := apply(t, transform.Spec{InputPath: &path}, envelope); got != want || err != nil {
				t.Errorf("Apply = %s, %v, want %s", got, err, want)
			}
		})
	}
}

func TestInputPathOfTheWholeEvent(t *testing.T) {
	t.Parallel()
	path := "$"
	if got, err := apply(t, transform.Spec{InputPath: &path}, `{ "detail": {} }`); got != `{"detail":{}}` || err != nil {
		t.Errorf("Apply = %s, %v", got, err)
	}
}

func TestInputPathFindsNothing(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"$.nothing", "$.detail.nothing.deeper", "$.resources[2]", "$.detail[0]", "$.resources.name", "$.detail.none.x", "$.id.x"} {
		if got, err := apply(t, transform.Spec{InputPath: &path}, envelope); got != "" || !errors.Is(err, transform.ErrPath) {
			t.Errorf("Apply of %s = %q, %v, want %v", path, got, err, transform.ErrPath)
		}
	}
}

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

func TestTemplate(t *testing.T) {
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

func TestTemplateWithTheEvent(t *testing.T) {
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

func TestTemplateThatBecomesInvalid(t *testing.T) {
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

func TestEventThatIsNone(t *testing.T) {
	t.Parallel()
	path, template := "$.id", `"<aws.events.rule-name>"`
	for _, spec := range []transform.Spec{{}, {InputPath: &path}, {Template: &template}} {
		for _, event := range []string{``, `null`, `[]`, `"x"`, `{"a":1`, `{} {}`} {
			if got, err := apply(t, spec, event); got != "" || !errors.Is(err, transform.ErrEvent) {
				t.Errorf("Apply of %q = %q, %v, want %v", event, got, err, transform.ErrEvent)
			}
		}
	}
}
