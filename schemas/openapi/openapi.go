// Package openapi converts the JSON Schemas in schemas/ to the OpenAPI 3.0 documents that
// EventBridge's schema registry accepts and from which AWS generates bindings.
//
// [New] converts one schema to a [Document]. It supports the keywords that schemas/ uses; any other
// is [ErrUnsupported], so that no constraint is lost silently. Only a test uses it: the one in
// internal/contract that writes the documents into template.yaml.
//
// The registry is described at
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-schema.html.
package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// ErrUnsupported is returned for a JSON Schema with a keyword, or a value of one, that the package
// cannot convert.
var ErrUnsupported = errors.New("openapi: unsupported JSON Schema")

// Document is an OpenAPI document for the registry.
type Document struct {
	Name    string // name of the detail's type, such as "ThinEvent"
	Content []byte // JSON, with the members of each object in alphabetical order
}

// New returns the document of the events on the bus that have the source, the detail type, unless
// it is empty, and a detail described by the JSON Schema. The detail's type is named after the
// schema's title. Errors are [ErrUnsupported], wrapped, and those of decoding JSON.
func New(source, detailType string, schema []byte) (Document, error) {
	decoder := json.NewDecoder(bytes.NewReader(schema))
	decoder.UseNumber() // because a float64 cannot represent the limits of int64
	var root map[string]any
	if err := decoder.Decode(&root); err != nil {
		return Document{}, fmt.Errorf("decode schema: %w", err)
	}
	title, _ := root["title"].(string)
	name := typeName(title)
	detail, err := convert(root)
	if err != nil {
		return Document{}, err
	}
	content, err := json.Marshal(map[string]any{
		"openapi": "3.0.0",
		"info":    map[string]any{"title": name, "version": "1.0.0"},
		"paths":   map[string]any{},
		"components": map[string]any{
			"schemas": map[string]any{"AWSEvent": envelope(source, detailType, name), name: detail},
		},
	})
	if err != nil {
		return Document{}, fmt.Errorf("encode document: %w", err)
	}
	return Document{Name: name, Content: content}, nil
}

// envelope returns the schema of an event, whose detail is the component with the name detail.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
func envelope(source, detailType, detail string) map[string]any {
	stringType := map[string]any{"type": "string"}
	schema := map[string]any{
		"type":                   "object",
		"x-amazon-events-source": source,
		"required":               []string{"detail-type", "resources", "detail", "id", "source", "time", "region", "version", "account"},
		"properties": map[string]any{
			"detail":      map[string]any{"$ref": "#/components/schemas/" + detail},
			"resources":   map[string]any{"type": "array", "items": stringType},
			"time":        map[string]any{"type": "string", "format": "date-time"},
			"detail-type": stringType, "id": stringType, "source": stringType,
			"region": stringType, "version": stringType, "account": stringType,
		},
	}
	if detailType != "" {
		schema["x-amazon-events-detail-type"] = detailType
	}
	return schema
}

// typeName converts a title to the name of a type, in camel case.
func typeName(title string) string {
	var name strings.Builder
	for word := range strings.FieldsFuncSeq(title, notInName) {
		name.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return name.String()
}

func notInName(r rune) bool {
	return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r)
}
