package openapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// convert converts a JSON Schema to OpenAPI 3.0's dialect, in which a type is a single word, null
// is a flag, a constant is an enumeration of one value, and a schema has at most one example.
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
	case "$schema", "$id": // not part of OpenAPI
	case "title", "description", "required", "format", "additionalProperties", "minLength", "minimum", "maximum", "pattern":
		if _, nested := value.(map[string]any); nested {
			return unsupported(keyword, value)
		}
		out[keyword] = value
	case "const":
		if _, ok := value.(string); !ok {
			return unsupported(keyword, value)
		}
		out["type"], out["enum"] = "string", []any{value}
	case "examples":
		list, _ := value.([]any)
		if len(list) == 0 {
			return unsupported(keyword, value)
		}
		out["example"] = list[0]
	case "items":
		out[keyword], err = convertSchema(keyword, value)
	case "properties":
		out[keyword], err = convertProperties(value)
	case "type": // the last keyword in alphabetical order, so that convertType can move the others
		err = convertType(out, value)
	default:
		return unsupported(keyword, value)
	}
	return err
}

func unsupported(keyword string, value any) error {
	formatted, _ := json.Marshal(value)
	return fmt.Errorf("%w: %q: %s", ErrUnsupported, keyword, formatted)
}

func convertSchema(name string, value any) (map[string]any, error) {
	schema, ok := value.(map[string]any)
	if !ok {
		return nil, unsupported(name, value)
	}
	return convert(schema)
}

func convertProperties(value any) (map[string]any, error) {
	properties, ok := value.(map[string]any)
	if !ok {
		return nil, unsupported("properties", value)
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

// convertType converts a type that is a word, a word and "null", or "integer" and "string".
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
	return unsupported("type", value)
}

// alternative moves the keywords that apply to one type only into a schema of that type.
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
