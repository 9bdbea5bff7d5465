package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam/schema"
)

// detailed are the services, or single types, whose properties are in the table: those that the
// emulator runs and those that serverless applications use beside them.
var detailed = []string{
	"AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm", "AWS::CloudWatch::Dashboard", "AWS::DynamoDB::", "AWS::Events::",
	"AWS::EventSchemas::", "AWS::IAM::", "AWS::KMS::", "AWS::Lambda::", "AWS::Logs::", "AWS::Scheduler::", "AWS::SecretsManager::",
	"AWS::Serverless::", "AWS::SNS::", "AWS::SQS::", "AWS::SSM::Parameter",
}

// table is the content of table.json.
type table struct {
	date            string
	types           []string
	resources       map[string]*schema.Shape
	globals         map[string][]string
	policyTemplates map[string][]string
}

const schemas = "cfnlint/data/schemas/"

// newTable reads the table from the wheels of cfn-lint and aws-sam-translator.
func newTable(lint, sam fs.FS) (*table, error) {
	t := &table{resources: map[string]*schema.Shape{}}
	var version struct {
		Date string `json:"schema_date"`
	}
	files := map[string]string{} // of the schemas, by type
	err := errors.Join(readJSON(lint, schemas+"version.json", &version), readTypes(lint, files))
	if err != nil {
		return nil, err
	}
	if t.date, _, _ = strings.Cut(version.Date, "T"); t.date == "" || len(files) < 1000 {
		return nil, errors.New("not a wheel of cfn-lint in the expected form")
	}
	t.types = slices.Sorted(maps.Keys(files))
	for _, name := range t.types {
		if !slices.ContainsFunc(detailed, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			continue
		}
		var root map[string]any
		if err := readJSON(lint, schemas+"resources/"+files[name]+".json", &root); err != nil {
			return nil, err
		}
		t.resources[name] = convertResource(root)
	}
	return t, t.addSAM(sam)
}

// readTypes reads the names of the resource types of every region. A type has the schema of the
// first region in which it exists, us-east-1 if it exists there.
func readTypes(lint fs.FS, files map[string]string) error {
	regions, err := fs.Glob(lint, schemas+"providers/*.json")
	if err != nil {
		return err
	}
	slices.SortFunc(regions, func(a, b string) int {
		const first = "us-east-1.json"
		if path.Base(a) == first {
			return -1
		} else if path.Base(b) == first {
			return 1
		}
		return strings.Compare(a, b)
	})
	for _, region := range regions {
		var types map[string]string
		if err := readJSON(lint, region, &types); err != nil {
			return err
		}
		for name, file := range types {
			if _, known := files[name]; !known && strings.HasPrefix(name, "AWS::") {
				files[name] = file
			}
		}
	}
	return nil
}

func readJSON(from fs.FS, name string, into any) error {
	data, err := fs.ReadFile(from, name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// encode returns table.json: one line for each service, type and so on, so that a change to it can
// be read.
func (t *table) encode() ([]byte, error) {
	types := map[string][]string{}
	for _, name := range t.types {
		parts := strings.SplitN(name, "::", 3)
		types[parts[1]] = append(types[parts[1]], parts[2])
	}
	resources := transform(t.resources, notation)
	if err := patchAll(resources); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\n\"Source\": \"cfn-lint %s, aws-sam-translator %s\",\n\"Date\": %q,\n", cfnLint, translator, t.date)
	for _, section := range []struct {
		name    string
		members map[string]any
	}{
		{"Types", transform(types, func(names []string) any { return strings.Join(names, " ") })},
		{"Resources", resources},
		{"Globals", transform(t.globals, func(names []string) any { return names })},
		{"PolicyTemplates", transform(t.policyTemplates, func(names []string) any { return names })},
	} {
		fmt.Fprintf(&b, "%q: {\n", section.name)
		for i, name := range slices.Sorted(maps.Keys(section.members)) {
			if i > 0 {
				b.WriteString(",\n")
			}
			line, err := marshal(section.members[name])
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(&b, "%q: %s", name, line)
		}
		b.WriteString("\n},\n")
	}
	b.Truncate(b.Len() - len(",\n"))
	b.WriteString("\n}\n")
	return b.Bytes(), nil
}

func transform[V any](m map[string]V, f func(V) any) map[string]any {
	transformed := make(map[string]any, len(m))
	for name, v := range m {
		transformed[name] = f(v)
	}
	return transformed
}

// marshal encodes a value without escaping < and >.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}
