package main

import (
	"encoding/json"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam/schema"
)

// TestSchemasBecomeNotations: what a schema allows, the notation allows.
func TestSchemasBecomeNotations(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`true`:                              `""`,
		`{}`:                                `""`,
		`{"type": "string"}`:                `"string"`,
		`{"type": ["object","string"]}`:     `["string","object"]`,
		`{"type": "integer", "minimum": 1}`: `"integer"`,
		`{"enum": ["b", "a", "b"]}`:         `"=a|b"`,
		`{"type": "string", "const": "a"}`:  `"=a"`,
		`{"type": "array", "items": {"type": "boolean"}}`: `["boolean"]`,
		`{"type": "array"}`:                                                              `[""]`,
		`{"type": "object"}`:                                                             `"object"`,
		`{"type": "object", "properties": {"A": {}}}`:                                    `{"*":"","A":""}`,
		`{"properties": {"A": {}}, "additionalProperties": false}`:                       `{"A":""}`,
		`{"type": "object", "patternProperties": {"^a": {"type": "number"}}}`:            `"object"`,
		`{"type": "object", "additionalProperties": {"type": "number"}}`:                 `{"*":"number"}`,
		`{"$ref": "#/definitions/Loop"}`:                                                 `{"Next":"","Text!":"string"}`,
		`{"$ref": "#/definitions/None"}`:                                                 `""`,
		`{"allOf": [{"$ref": "#/definitions/A"}]}`:                                       `{"X":"string"}`,
		`{"anyOf": [{"type": "object"}, {"type": "string"}]}`:                            `["string","object"]`,
		`{"anyOf": [{"type": "object"}, {"$ref": "#/definitions/A"}]}`:                   `{"X":"string"}`,
		`{"oneOf": [{"type": "string"}, {"pattern": "x"}]}`:                              `""`,
		`{"type": "string", "anyOf": [{"format": "a"}, {"format": "b"}]}`:                `"string"`,
		`{"type": "string", "anyOf": [{"enum": ["a"]}, {"enum": ["b"]}]}`:                `"=a|b"`,
		`{"anyOf": [{"enum": ["a"]}, {"type": "string"}]}`:                               `"string|number|boolean"`,
		`{"oneOf": [{"$ref": "#/definitions/A"}, {"$ref": "#/definitions/B"}]}`:          `{"X":"string|integer","Y":"string"}`,
		`{"oneOf": [{"$ref": "#/definitions/T1"}, {"$ref": "#/definitions/T2"}]}`:        `{"?":{"One":{"Type!":"=One"},"Two":{"Type":"=Two"}}}`,
		`{"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "array"}]}`: `[""]`,
		`{"$ref": "#/definitions/A", "type": "string"}`:                                  `{"X":"string"}`,
		`{"required": ["A"], "properties": {"A": {}}, "additionalProperties": false, "anyOf": [{"required": ["A"]}, {"required": ["B"]}]}`: `{"A!":""}`,
	} {
		var node any
		if err := json.Unmarshal([]byte(source), &node); err != nil {
			t.Fatal(err)
		}
		c := &converter{root: map[string]any{"definitions": definitions(t)}}
		got, err := marshal(notation(c.convert(node)))
		if err != nil || string(got) != want {
			t.Errorf("%s is %s, %v; want %s", source, got, err, want)
		}
	}
}

func definitions(t *testing.T) (definitions any) {
	t.Helper()
	err := json.Unmarshal([]byte(`{
		"Loop": {"additionalProperties": false, "properties": {"Next": {"$ref": "#/definitions/Loop"}, "Text": {"type": "string"}}, "required": ["Text"]},
		"A": {"type": "object", "additionalProperties": false, "properties": {"X": {"type": "string"}}},
		"B": {"type": "object", "additionalProperties": false, "properties": {"X": {"type": "integer"}, "Y": {"type": "string"}}},
		"T1": {"type": "object", "additionalProperties": false, "properties": {"Type": {"enum": ["One"]}}, "required": ["Type"]},
		"T2": {"type": "object", "additionalProperties": false, "properties": {"Type": {"enum": ["Two"]}}}
	}`), &definitions)
	if err != nil {
		t.Fatal(err)
	}
	return definitions
}

// TestReadOnlyPropertiesAreLeftOut, also from those that are required.
func TestReadOnlyPropertiesAreLeftOut(t *testing.T) {
	t.Parallel()
	got := notation(convertResource(map[string]any{
		"type": "object", "additionalProperties": false, "properties": map[string]any{"Arn": map[string]any{}, "Name": map[string]any{}},
		"required": []any{"Arn", "Name"}, "readOnlyProperties": []any{"/properties/Arn", "/properties/Name/Deep"},
	}))
	if diff := cmp.Diff(any(map[string]any{"Name!": ""}), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTranslatorAddsWhatItAccepts to a resource and to an event, and makes optional what it does
// not require. Other types keep the names of their properties only.
func TestTranslatorAddsWhatItAccepts(t *testing.T) {
	t.Parallel()
	text := func(source string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(source)} }
	event := func() *schema.Shape {
		return &schema.Shape{Kinds: schema.Object, Properties: map[string]*schema.Shape{"Properties": {
			Kinds: schema.Object, Properties: map[string]*schema.Shape{"Queue": {Kinds: schema.String}, "Batch": {Kinds: schema.List}}, Required: []string{"Batch", "Queue"},
		}}}
	}
	object := func(properties map[string]*schema.Shape) *schema.Shape {
		return &schema.Shape{Kinds: schema.Object, Properties: properties}
	}
	events := &schema.Shape{Kinds: schema.Object, Values: &schema.Shape{Kinds: schema.Object, Variants: map[string]*schema.Shape{"SQS": event(), "MQ": event()}}}
	table := &table{resources: map[string]*schema.Shape{
		"AWS::Serverless::Function": object(map[string]*schema.Shape{"Events": events}),
		"AWS::Serverless::Api":      object(map[string]*schema.Shape{"Name": {Kinds: schema.String}}),
	}}
	err := table.addSAM(fstest.MapFS{
		"samtranslator/policy_templates_data/policy_templates.json": text(`{"Templates": {"SQSPollerPolicy": {"Parameters": {"QueueName": {}}}, "NonePolicy": {"Parameters": {}}}}`),
		"samtranslator/sdk/resource.py":                             text("class SamResourceType(Enum):\n    Function = \"AWS::Serverless::Function\"\n    Api = \"AWS::Serverless::Api\"\n"),
		"samtranslator/plugins/globals/globals.py":                  text("        SamResourceType.Function.value: [\n            \"Handler\",\n            \"Timeout\",\n        ],\n        SamResourceType.Api.value: [\"Name\"],\n"),
		"samtranslator/model/sam_resources.py":                      text("class SamFunction(SamResourceMacro):\n    resource_type = \"AWS::Serverless::Function\"\n    property_types = {\n        \"Handler\": PassThroughProperty(False),\n    }\n"),
		"samtranslator/model/eventsources/pull.py": text("class Pull(ResourceMacro):\n    property_types = {\"Batch\": PropertyType(False, IS_INT)}\n\n" +
			"class SQS(Pull):\n    resource_type = \"SQS\"\n    property_types = {\n        **Pull.property_types,\n        \"Queue\": PropertyType(\n            True, IS_STR),\n        \"Enabled\": PropertyType(False),\n    }\n" +
			"class MQ(Pull):\n    resource_type = \"MQ\"\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := marshal(notation(table.resources["AWS::Serverless::Function"]))
	if want := `{"Events":{"*":{"?":{"MQ":{"Properties":{"Batch":"","Queue!":""}},"SQS":{"Properties":{"Batch":[""],"Enabled":"","Queue!":"string"}}}}},"Handler":""}`; string(got) != want || err != nil {
		t.Errorf("functions: %s, %v; want %s", got, err, want)
	}
	if got := notation(table.resources["AWS::Serverless::Api"]); !cmp.Equal(got, any(map[string]any{"Name": ""})) {
		t.Errorf("APIs: %v, want only names", got)
	}
	if want := map[string][]string{"Function": {"Handler", "Timeout"}, "Api": {"Name"}}; !cmp.Equal(table.globals, want) {
		t.Errorf("Globals %v, want %v", table.globals, want)
	}
	if want := map[string][]string{"SQSPollerPolicy": {"QueueName"}, "NonePolicy": nil}; !cmp.Equal(table.policyTemplates, want) {
		t.Errorf("policy templates %v, want %v", table.policyTemplates, want)
	}
}

// TestPatchThatMatchesNothingIsAnError: the schemas have changed.
func TestPatchThatMatchesNothingIsAnError(t *testing.T) {
	t.Parallel()
	if err := patchAll(map[string]any{"AWS::SQS::Queue": map[string]any{}}); err == nil {
		t.Error("patchAll accepts schemas that it does not know")
	}
}
