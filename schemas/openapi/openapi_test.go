package openapi_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/schemas/openapi"
)

func TestSchemaIsConvertedToTheDialectOfOpenAPI(t *testing.T) {
	t.Parallel()
	for schema, want := range map[string]string{
		`{"$schema": "s", "$id": "i", "type": "object"}`: `{"type":"object"}`,
		`{"const": "a"}`: `{"enum":["a"],"type":"string"}`,
		`{"type": ["string", "null"], "description": "d"}`:                                       `{"description":"d","nullable":true,"type":"string"}`,
		`{"type": "string", "examples": ["a", "b"], "minLength": 1}`:                             `{"example":"a","minLength":1,"type":"string"}`,
		`{"type": "array", "items": {"type": ["object", "null"]}}`:                               `{"items":{"nullable":true,"type":"object"},"type":"array"}`,
		`{"type": "object", "additionalProperties": false, "properties": {"a": {"const": "b"}}}`: `{"additionalProperties":false,"properties":{"a":{"enum":["b"],"type":"string"}},"type":"object"}`,
		`{"type": ["integer", "string"], "minimum": 0, "maximum": 9223372036854775807, "pattern": "^[0-9]$", "description": "d"}`: `{"description":"d",` +
			`"oneOf":[{"maximum":9223372036854775807,"minimum":0,"type":"integer"},{"pattern":"^[0-9]$","type":"string"}]}`,
	} {
		document, err := openapi.New("s", "", []byte(`{"title": "d", "properties": {"p": `+schema+`}}`))
		if err != nil {
			t.Errorf("%s: %v", schema, err)
			continue
		}
		if !strings.Contains(string(document.Content), `"properties":{"p":`+want+`}`) {
			t.Errorf("%s: got %s, want %s in it", schema, document.Content, want)
		}
	}
}

func TestUnsupportedSchemaIsAnError(t *testing.T) {
	t.Parallel()
	for _, schema := range []string{
		`{"anyOf": []}`, `{"type": ["null", "string"]}`, `{"type": ["string", "null", "object"]}`, `{"type": {}}`, `{"const": 1}`, `{"examples": []}`,
		`{"items": true}`, `{"properties": []}`, `{"properties": {"a": 1}}`, `{"additionalProperties": {"type": "string"}}`,
	} {
		if _, err := openapi.New("s", "t", []byte(schema)); !errors.Is(err, openapi.ErrUnsupported) {
			t.Errorf("%s: %v, want %v", schema, err, openapi.ErrUnsupported)
		}
	}
	if _, err := openapi.New("s", "t", []byte(`[`)); err == nil {
		t.Error("New returned no error for a schema that is not JSON")
	}
}

func TestDocumentDescribesTheEventAndItsDetail(t *testing.T) {
	t.Parallel()
	document, err := openapi.New("stripe.event", "v1.a_type", []byte(`{"title": "v1.a_type", "type": "object"}`))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		OpenAPI    string
		Info       struct{ Title string }
		Components struct {
			Schemas map[string]map[string]any
		}
	}
	if err := json.Unmarshal(document.Content, &got); err != nil {
		t.Fatal(err)
	}
	event := got.Components.Schemas["AWSEvent"]
	facts := []any{
		document.Name, got.OpenAPI, got.Info.Title, len(got.Components.Schemas), got.Components.Schemas["V1AType"]["type"],
		event["x-amazon-events-source"], event["x-amazon-events-detail-type"], event["properties"].(map[string]any)["detail"],
	}
	want := []any{
		"V1AType", "3.0.0", "V1AType", 2, "object",
		"stripe.event", "v1.a_type", map[string]any{"$ref": "#/components/schemas/V1AType"},
	}
	if diff := cmp.Diff(want, facts); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
