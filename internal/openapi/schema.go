package openapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// convert says a JSON Schema in OpenAPI 3.0's dialect, where a type is one word, null is a flag, a constant is an
// enumeration of one value, and there is one example.
// https://spec.openapis.org/oas/v3.0.4.html#schema-object
func convert(schema map[string]any) (map[string]any, error) {
	out := map[string]any{}
	for _, keyword := range slices.Sorted(maps.Keys(schema)) {
		if err := convertKeyword(out, keyword, schema[keyword]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func convertKeyword(out map[string]any, keyword string, value any) error {
	var err error
	switch keyword {
	case "$schema", "$id":
	case "title", "description", "required", "format", "additionalProperties", "minLength", "minimum", "maximum", "pattern":
		if _, nested := value.(map[string]any); nested {
			return unknown(keyword, value)
		}
		out[keyword] = value
	case "const":
		if _, text := value.(string); !text {
			return unknown(keyword, value)
		}
		out["type"], out["enum"] = "string", []any{value}
	case "examples":
		list, _ := value.([]any)
		if len(list) == 0 {
			return unknown(keyword, value)
		}
		out["example"] = list[0]
	case "items":
		out[keyword], err = convertSchema(keyword, value)
	case "properties":
		out[keyword], err = convertProperties(value)
	case "type": // the last in the alphabet of those in use, so that the others can be moved
		err = convertType(out, value)
	default:
		return unknown(keyword, value)
	}
	return err
}

func unknown(keyword string, value any) error {
	text, _ := json.Marshal(value)
	return fmt.Errorf("%w: %q: %s", ErrUnknown, keyword, text)
}

func convertSchema(name string, value any) (map[string]any, error) {
	schema, ok := value.(map[string]any)
	if !ok {
		return nil, unknown(name, value)
	}
	return convert(schema)
}

func convertProperties(value any) (map[string]any, error) {
	properties, ok := value.(map[string]any)
	if !ok {
		return nil, unknown("properties", value)
	}
	out := map[string]any{}
	for name, property := range properties {
		schema, err := convertSchema(name, property)
		if err != nil {
			return nil, err
		}
		out[name] = schema
	}
	return out, nil
}

// convertType takes a word, a word and "null", or "integer" and "string".
func convertType(out map[string]any, value any) error {
	switch types := value.(type) {
	case string:
		out["type"] = types
		return nil
	case []any:
		if len(types) != 2 {
			break
		}
		if types[1] == "null" {
			out["type"], out["nullable"] = types[0], true
			return nil
		}
		if types[0] == "integer" && types[1] == "string" {
			out["oneOf"] = []any{
				alternative(out, "integer", "minimum", "maximum"),
				alternative(out, "string", "pattern", "minLength", "format"),
			}
			return nil
		}
	}
	return unknown("type", value)
}

// alternative moves keywords that only matter to one type to a schema of their own.
func alternative(out map[string]any, name string, keywords ...string) map[string]any {
	schema := map[string]any{"type": name}
	for _, keyword := range keywords {
		if value, ok := out[keyword]; ok {
			schema[keyword] = value
			delete(out, keyword)
		}
	}
	return schema
}
