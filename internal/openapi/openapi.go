// Package openapi turns the JSON Schemas of events into the documents that EventBridge's schema registry takes, and from
// which AWS generates bindings: OpenAPI 3.0, whose schemas are a dialect of their own.
//
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-schema.html
package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// ErrUnknown means that a schema says something that this package cannot say in OpenAPI. It would otherwise be lost.
var ErrUnknown = errors.New("openapi: no way to say this")

// A Document is one entry of the registry. It is immutable.
type Document struct {
	Name    string // of the detail, as a type would be called: "ThinEvent"
	Content []byte // JSON, with the members of each object in alphabetical order
}

// New describes the events on the bus that have a source, a detail type (if it is not empty) and a detail that the JSON
// Schema accepts. Errors are ErrUnknown and those of decoding JSON.
func New(source, detailType string, schema []byte) (Document, error) {
	decoder := json.NewDecoder(bytes.NewReader(schema))
	decoder.UseNumber() // int64's limits are no float64
	var root map[string]any
	if err := decoder.Decode(&root); err != nil {
		return Document{}, fmt.Errorf("decode schema: %w", err)
	}
	title, _ := root["title"].(string)
	name := camelCase(title)
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

// envelope is what EventBridge puts around a detail.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
func envelope(source, detailType, detail string) map[string]any {
	text := map[string]any{"type": "string"}
	schema := map[string]any{
		"type":                   "object",
		"x-amazon-events-source": source,
		"required":               []string{"detail-type", "resources", "detail", "id", "source", "time", "region", "version", "account"},
		"properties": map[string]any{
			"detail":      map[string]any{"$ref": "#/components/schemas/" + detail},
			"resources":   map[string]any{"type": "array", "items": text},
			"time":        map[string]any{"type": "string", "format": "date-time"},
			"detail-type": text, "id": text, "source": text, "region": text, "version": text, "account": text,
		},
	}
	if detailType != "" {
		schema["x-amazon-events-detail-type"] = detailType
	}
	return schema
}

// camelCase makes a name for a type from a title.
func camelCase(title string) string {
	var name strings.Builder
	for word := range strings.FieldsFuncSeq(title, notInName) {
		name.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return name.String()
}

func notInName(r rune) bool {
	return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r)
}
