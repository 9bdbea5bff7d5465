package bindings

import (
	"fmt"
	"strings"
)

// envelope describes the event of EventBridge that contains a detail:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
const envelope = "An event as EventBridge delivers it."

// Python returns a module of TypedDicts for Python 3.8 and later, with a comment at its beginning.
func (t *Types) Python(comment string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `"""%s"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from typing import Any, Literal, NotRequired
`, comment)
	words := map[string]string{"string": "str", "integer": "int", "boolean": "bool", "null": "None", "object": "dict[str, Any]"}
	for _, o := range t.objects {
		fmt.Fprintf(&b, "\n\nclass %s(TypedDict):\n", o.name)
		if o.description != "" {
			fmt.Fprintf(&b, "    \"\"\"%s\"\"\"\n\n", o.description)
		}
		for _, m := range o.members {
			if m.description != "" {
				fmt.Fprintf(&b, "    # %s\n", m.description)
			}
			written := m.write(words, func(k string) string { return `Literal["` + k + `"]` }, func(k string) string { return "list[" + k + "]" })
			if m.optional {
				written = "NotRequired[" + written + "]"
			}
			fmt.Fprintf(&b, "    %s: %s\n", m.name, written)
		}
	}
	// Its members are not all identifiers.
	fmt.Fprintf(&b, "\n\n# %s\nEvent = TypedDict(\n    \"Event\",\n    {\n", envelope)
	for _, m := range [][2]string{
		{"version", "str"}, {"id", "str"}, {"detail-type", "str"}, {"source", "str"}, {"account", "str"}, {"time", "str"}, {"region", "str"},
		{"resources", "list[str]"}, {"detail", strings.Join(t.details, " | ")},
	} {
		fmt.Fprintf(&b, "        %q: %q,\n", m[0], m[1])
	}
	b.WriteString("    },\n)\n")
	return []byte(b.String())
}

// TypeScript returns declarations, with a comment at their beginning.
func (t *Types) TypeScript(comment string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "// %s\n", strings.ReplaceAll(comment, "\n", "\n// "))
	words := map[string]string{"string": "string", "integer": "number", "boolean": "boolean", "null": "null", "object": "Record<string, unknown>"}
	for _, o := range t.objects {
		b.WriteString("\n")
		if o.description != "" {
			fmt.Fprintf(&b, "/** %s */\n", o.description)
		}
		fmt.Fprintf(&b, "export interface %s {\n", o.name)
		for _, m := range o.members {
			if m.description != "" {
				fmt.Fprintf(&b, "  /** %s */\n", m.description)
			}
			optional := ""
			if m.optional {
				optional = "?"
			}
			written := m.write(words, func(k string) string { return "'" + k + "'" }, func(k string) string { return k + "[]" })
			fmt.Fprintf(&b, "  %s%s: %s;\n", m.name, optional, written)
		}
		b.WriteString("}\n")
	}
	fmt.Fprintf(&b, "\n/** %s */\nexport interface Event {\n", envelope)
	for _, m := range [][2]string{
		{"version", "string"}, {"id", "string"}, {"'detail-type'", "string"}, {"source", "string"}, {"account", "string"}, {"time", "string"},
		{"region", "string"}, {"resources", "string[]"}, {"detail", strings.Join(t.details, " | ")},
	} {
		fmt.Fprintf(&b, "  %s: %s;\n", m[0], m[1])
	}
	b.WriteString("}\n")
	return []byte(b.String())
}

// write writes the kinds of a member in a language.
func (m member) write(words map[string]string, constant, list func(string) string) string {
	var written []string
	for _, k := range m.kinds {
		text := words[k.word]
		switch {
		case k.object != "":
			text = k.object
		case k.word == "const":
			text = constant(k.text)
		}
		if k.list {
			text = list(text)
		}
		written = append(written, text)
	}
	return strings.Join(written, " | ")
}
