package bindings_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/schemas/bindings"
)

const small = `{"title": "a.thing_made", "description": "A thing.", "type": "object", "required": ["id", "type", "parts"], "properties": {
	"id": {"type": "string", "description": "Its id."}, "type": {"const": "a.thing_made"}, "count": {"type": ["integer", "string", "null"]},
	"parts": {"type": "array", "items": {"type": "object", "properties": {"live": {"type": "boolean"}}}}, "rest": {"type": "object"}}}`

func TestTypesHaveTheStructureOfTheSchema(t *testing.T) {
	t.Parallel()
	types, err := bindings.New([]byte(small))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		got  []byte
		want []string
	}{
		"Python": {types.Python("a\nb"), []string{
			"\"\"\"a\nb\"\"\"\n", "class Part(TypedDict):\n    live: NotRequired[bool]\n",
			"class ThingMade(TypedDict):\n    \"\"\"A thing.\"\"\"\n\n    # Its id.\n    id: str\n    type: Literal[\"a.thing_made\"]\n" +
				"    count: NotRequired[int | str | None]\n    parts: list[Part]\n    rest: NotRequired[dict[str, Any]]\n",
			`"detail": "ThingMade",`,
		}},
		"TypeScript": {types.TypeScript("a\nb"), []string{
			"// a\n// b\n", "export interface Part {\n  live?: boolean;\n}\n",
			"/** A thing. */\nexport interface ThingMade {\n  /** Its id. */\n  id: string;\n  type: 'a.thing_made';\n" +
				"  count?: number | string | null;\n  parts: Part[];\n  rest?: Record<string, unknown>;\n}\n",
			"  detail: ThingMade;\n",
		}},
	} {
		for _, want := range tt.want {
			if !strings.Contains(string(tt.got), want) {
				t.Errorf("%s lacks\n%s\nin\n%s", name, want, tt.got)
			}
		}
	}
}

// A type that cannot be expressed is an error rather than a wrong type.
func TestSchemaWithoutATypeIsAnError(t *testing.T) {
	t.Parallel()
	member := func(schema string) string {
		return `{"title": "t", "type": "object", "properties": {"m": ` + schema + `}}`
	}
	for name, schemas := range map[string][]string{
		"no type":             {member(`{}`)},
		"unknown type":        {member(`{"type": "number"}`)},
		"a list of anything":  {member(`{"type": "array"}`)},
		"a list of two kinds": {member(`{"type": "array", "items": {"type": ["string", "null"]}}`)},
		"two types, one name": {member(`{"type": "object", "properties": {"a": {"type": "string"}}}`), member(`{"type": "object", "properties": {"a": {"type": "integer"}}}`)},
	} {
		var texts [][]byte
		for _, schema := range schemas {
			texts = append(texts, []byte(schema))
		}
		if types, err := bindings.New(texts...); !errors.Is(err, bindings.ErrUnsupported) {
			t.Errorf("%s: New = %v, %v; want ErrUnsupported", name, types, err)
		}
	}
	if _, err := bindings.New([]byte("{")); err == nil {
		t.Error("New of a broken schema succeeds")
	}
}
