package sam_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// TestJSONTemplateEqualsYAMLTemplate reads one template in both syntaxes. The JSON is indented with
// tabs, which YAML allows only inside brackets.
func TestJSONTemplateEqualsYAMLTemplate(t *testing.T) {
	t.Parallel()
	inYAML := parse(t, `
Parameters: {Name: {Type: String, Default: q}}
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties: {QueueName: !Sub "${Name}-1", DelaySeconds: 5}
`, nil)
	inJSON := parse(t, `{
	"Parameters": {"Name": {"Type": "String", "Default": "q"}},
	"Resources": {
		"Queue": {
			"Type": "AWS::SQS::Queue",
			"Properties": {"QueueName": {"Fn::Sub": "${Name}-1"}, "DelaySeconds": 5}
		}
	}
}`, nil)
	inJSON.Resources[0].Line = inYAML.Resources[0].Line
	if diff := cmp.Diff(inYAML, inJSON); diff != "" {
		t.Errorf("YAML and JSON differ (-YAML +JSON):\n%s", diff)
	}
}

func TestScalarsKeepTheirValue(t *testing.T) {
	t.Parallel()
	wantValues(t, []valueTest{
		{`2012-10-17`, "2012-10-17"},
		{`2012-10-17T00:00:00Z`, "2012-10-17T00:00:00Z"},
		{`012345678901`, "012345678901"},
		{`123456789012345678901`, "123456789012345678901"},
		{`123456789012`, 123456789012},
		{`1.50`, 1.5},
		{`.inf`, ".inf"},
		{`true`, true},
		{`"true"`, "true"},
		{`null`, nil},
		{`{1: one}`, map[string]any{"1": "one"}},
		{`[&x {a: b}, *x]`, []any{map[string]any{"a": "b"}, map[string]any{"a": "b"}}},
	})
}

func TestMalformedYAMLIsAnError(t *testing.T) {
	t.Parallel()
	wantErrors(t, map[string]errorTest{
		"empty":         {"", sam.Error{Reason: "the template is empty"}},
		"comment only":  {"# nothing\n", sam.Error{Reason: "the template is empty"}},
		"two documents": {queue + "---\n" + queue, sam.Error{Reason: "the template consists of more than one YAML document"}},
		"not YAML":      {"Resources:\n  A: [\n", sam.Error{Line: 2, Reason: "did not find expected node content"}},
		"duplicate key": {"Resources:\n  A: {Type: Custom::X}\n  A: {Type: Y}\n", sam.Error{Line: 3, Reason: `duplicate key "A"`}},
		"merge key":     {"Resources:\n  A: &a {Type: Custom::X}\n  B: {<<: *a}\n", sam.Error{Line: 3, Reason: "CloudFormation does not support YAML merge keys (<<)"}},
		"key not text":  {"Resources:\n  [a]: b\n", sam.Error{Line: 2, Reason: "a key of a map must be a string"}},
	})
}

// TestExpansionIsBounded covers the ways in which a small template could expand to a huge one.
func TestExpansionIsBounded(t *testing.T) {
	t.Parallel()
	var aliases strings.Builder
	aliases.WriteString("Resources:\n  A:\n    Type: Custom::X\n    Properties:\n      a0: &a0 [x, x, x, x, x, x, x, x, x]\n")
	for i := range 12 {
		prev, next := string(rune('a'+i)), string(rune('b'+i))
		aliases.WriteString("      " + next + "0: &" + next + "0 [" + strings.Repeat("*"+prev+"0, ", 9) + "]\n")
	}
	var names strings.Builder
	names.WriteString("Resources:\n")
	for i := range 26 {
		id, next := string(rune('A'+i)), string(rune('A'+(i+1)%26))
		name := `!Sub "${` + next + `.QueueName}${` + next + `.QueueName}"`
		if i == 25 {
			name = "name"
		}
		names.WriteString("  " + id + ": {Type: AWS::SQS::Queue, Properties: {QueueName: " + name + "}}\n")
	}
	sub := "x"
	for range 30 {
		sub = `{Fn::Sub: ["${a}${a}", {a: ` + sub + `}]}`
	}
	tests := map[string]struct{ src, want string }{
		"size":          {"Resources: {A: {Type: Custom::X}} #" + strings.Repeat("x", 1<<20), "the template is larger than 1048576 bytes"},
		"aliases":       {aliases.String(), "the template has more than 200000 values with its YAML aliases expanded; avoid aliases of aliases"},
		"own alias":     {"Resources: &r\n  A: *r\n", "the alias *r contains itself"},
		"names":         {names.String(), "the name is 4096 bytes long; at most 2048 are allowed"},
		"substitutions": {"Resources:\n  A: {Type: Custom::X, Properties: {V: " + sub + "}}\n", "Fn::Sub produces more than 1048576 bytes"},
		"resources":     {"Resources:\n" + manyResources(501), "Resources has more than 500 members"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := sam.Parse([]byte(test.src), nil)
			var got *sam.Error
			if !errors.As(err, &got) || got.Reason != test.want {
				t.Errorf("Parse = %v, want %q", err, test.want)
			}
		})
	}
}

func manyResources(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("  A" + strings.Repeat("a", i) + ": {Type: Custom::X}\n")
	}
	return b.String()
}
