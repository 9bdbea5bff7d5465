package contract_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/schemas/openapi"
)

var update = flag.Bool("update", false, "rewrite the schemas in template.yaml and the tables of costs in docs/")

const (
	schemasBegin = "  # ---- Schemas, written from schemas/ by: go test ./internal/contract -run Schemas -update -----------------------------\n"
	schemasEnd   = "Outputs:\n"
)

// The stack registers the schemas that schemas/ publishes.
func TestTemplateRegistersThePublishedSchemas(t *testing.T) {
	t.Parallel()
	documents := registered(t)
	want := section(documents)
	before, rest, ok := strings.Cut(read(t, "template.yaml"), schemasBegin)
	got, after, end := strings.Cut(rest, schemasEnd)
	if !ok || !end {
		t.Fatalf("template.yaml has no section that begins with %q and ends with %q", schemasBegin, schemasEnd)
	}
	if *update {
		if err := os.WriteFile("../../template.yaml", []byte(before+schemasBegin+want+schemasEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		got = want
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("schemas of template.yaml: -want +got:\n%s", diff)
	}
	parsed := readTemplate(t, nil)
	for name, document := range documents {
		content, _ := resource(t, parsed, document.Name+"Schema").Properties["Content"].(string)
		var compact bytes.Buffer
		if err := json.Compact(&compact, []byte(content)); err != nil || !bytes.Equal(compact.Bytes(), document.Content) {
			t.Errorf("%s: YAML says\n%s\nwant\n%s\n(%v)", name, content, document.Content, err)
		}
	}
}

// registered generates the documents for the registry and returns them by the names that schema
// discovery would give them.
func registered(t *testing.T) map[string]openapi.Document {
	t.Helper()
	files, err := fs.Glob(repository, "schemas/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("schemas: %v, %v", files, err)
	}
	documents := map[string]openapi.Document{}
	for _, file := range files {
		source, detailType := strings.TrimSuffix(path.Base(file), ".json"), ""
		if !strings.HasPrefix(source, "stripe.") {
			source, detailType = "stripe.event", source // the other schemas are named after a source, whose events have any type
		}
		document, err := openapi.New(source, detailType, []byte(read(t, file)))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		name := detailType
		if name == "" {
			name = document.Name
		}
		documents[source+"@"+name] = document
	}
	return documents
}

// section returns the template's YAML for the registry.
func section(documents map[string]openapi.Document) string {
	var b strings.Builder
	b.WriteString("\n  SchemaRegistry:\n    Type: AWS::EventSchemas::Registry\n    Condition: HasSchemas\n    Properties:\n      RegistryName: !If [HasShortName, !Ref ShortName, !Ref AWS::StackName]\n")
	b.WriteString("      Description: Schemas of the typed events on the bus, to generate bindings from.\n")
	for _, name := range slices.Sorted(maps.Keys(documents)) {
		document := documents[name]
		fmt.Fprintf(&b, "\n  %sSchema:\n    Type: AWS::EventSchemas::Schema\n    Condition: HasSchemas\n    Properties:\n", document.Name)
		fmt.Fprintf(&b, "      RegistryName: !GetAtt SchemaRegistry.RegistryName\n      SchemaName: %q\n      Type: OpenApi3\n      Content: >-\n", name)
		for line := range strings.Lines(wrap(string(document.Content), 120)) {
			b.WriteString("        " + line)
		}
	}
	b.WriteString("\n")
	return b.String()
}

// wrap breaks JSON after commas between members, where the space that YAML substitutes for a line
// break is harmless.
func wrap(document string, width int) string {
	var out, line bytes.Buffer
	for _, member := range members(document) {
		if line.Len() > 0 && line.Len()+len(member) > width {
			fmt.Fprintln(&out, line.String())
			line.Reset()
		}
		line.WriteString(member)
	}
	fmt.Fprintln(&out, line.String())
	return out.String()
}

// members cuts JSON after each comma outside strings.
func members(document string) []string {
	var parts []string
	begin, quoted := 0, false
	for i := 0; i < len(document); i++ {
		switch {
		case document[i] == '\\':
			i++
		case document[i] == '"':
			quoted = !quoted
		case document[i] == ',' && !quoted:
			parts, begin = append(parts, document[begin:i+1]), i+1
		}
	}
	return append(parts, document[begin:])
}
